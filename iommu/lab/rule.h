// SPDX-License-Identifier: MIT
// A fault rule: when it acts, and what it does. The language that people write is in rule_file.h and
// docs/laboratory.md.
#pragma once

#include "iommu/lab/event.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace remap::lab {

// What is done to an event. Not each can be done to each kind: see acts_on.
enum class Deed : std::uint8_t {
    None = 0,
    Fault = 1,       // the unit refuses it, for a reason that the rule gives, and records that like any fault
    Refuse = 2,      // it is refused, and nobody is told
    Delay = 3,       // it happens later
    WrongPage = 4,   // the answer is another page
    FlipBit = 5,     // one bit is the other way round: of an entry as the unit reads it, of data as it arrives
    Drop = 6,        // it does not happen, and whoever asked for it believes that it did
    Silence = 7,     // it does not happen, and is never answered
    Stick = 8,       // the queue stops at it, without an error, until the rule is removed or the unit is reset
    FullLog = 9,     // the fault log is full
    Interrupt = 10,  // besides, an interrupt that nobody has asked for
    Remove = 11,     // besides, the device is pulled out
    Hang = 12,       // the GPU's engine stops at it until it is reset
};
inline constexpr unsigned deeds = 13;

// Whether a deed can be done to a kind of event.
bool acts_on(Deed deed, Kind kind);

// Which events count. What is not named, counts whatever it is.
struct Pattern {
    Kind kind = Kind::None;
    std::optional<std::uint16_t> source = {};
    std::optional<std::uint32_t> pasid = {};  // no_pasid: only requests without
    std::uint64_t first = 0;                  // addresses; an event counts that touches one of them
    std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t entry_first = 0;  // of an Entry its physical address, in the same way
    std::uint64_t entry_last = std::numeric_limits<std::uint64_t>::max();
    std::optional<bool> write = {};
    std::optional<std::uint32_t> code = {};  // fault reason, opcode, callback: as the kind has it

    // How many bytes an event touches: its length where that is of bytes from its address on, else one.
    bool matches(const Event& event) const;

    friend bool operator==(const Pattern&, const Pattern&) = default;
};

struct When {
    Pattern pattern;

    // Of the events that count, which ones; all that are given must be true.
    std::optional<std::uint64_t> nth = {};    // this one alone, from 1
    std::optional<std::uint64_t> every = {};  // each whose number is a multiple
    double probability = 1;                   // by the rule's own generator
    std::optional<Pattern> after = {};        // none before so many of those have happened
    std::uint64_t after_count = 1;
    std::uint64_t from =
        0;  // nanoseconds of the machine's clock since the rule was loaded; `until` is the first too late
    std::uint64_t until = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t times = std::numeric_limits<std::uint64_t>::max();  // the rule acts at most so often

    friend bool operator==(const When&, const When&) = default;
};

// What a deed needs to know; the rest is zero.
struct Order {
    Deed deed = Deed::None;
    std::uint8_t reason = 0;           // Fault: of the specification's table
    std::uint64_t nanoseconds = 0;     // Delay, at most longest_delay
    std::int64_t pages = 0;            // WrongPage: so many further
    std::uint32_t bit = 0;             // FlipBit: its number from the first byte's lowest; beyond the end it wraps
    std::uint32_t vector = 0;          // Interrupt: of the device; of the unit an iommu::InterruptSource
    std::uint16_t source = no_source;  // Interrupt: who sends it; Remove: another device than the event's
    bool of_unit = false;              // Interrupt
    std::uint32_t rule = 0;            // the rule's number, for who carries it out and reports
    std::uint64_t acted = 0;           // how often the rule has acted, with this time; in a rule itself 0

    explicit operator bool() const { return deed != Deed::None; }
    friend bool operator==(const Order&, const Order&) = default;
};
inline constexpr std::uint64_t longest_delay = 1'000'000'000;  // nanoseconds

struct Rule {
    std::string name;
    When when;
    Order what;

    friend bool operator==(const Rule&, const Rule&) = default;
};

struct RuleSet {
    std::uint64_t seed = 0;
    std::vector<Rule> rules;

    friend bool operator==(const RuleSet&, const RuleSet&) = default;
};
inline constexpr std::size_t most_rules = 256;
inline constexpr std::size_t longest_name = 64;        // bytes
inline constexpr std::uint32_t highest_vector = 2047;  // MSI-X has no more (PCIe section 7.7.2.2)

// What is wrong with a rule: where, as a JSON pointer into the rule as the language writes it, and a sentence without a
// capital or a full stop.
struct Problem {
    std::string at;
    std::string text;
};

// Whether a rule may have this name: it can be printed, and is neither empty nor longer than longest_name.
bool is_rule_name(const std::string& name);

// Whether a rule means something: its deed acts on its kind, its ranges hold something, its numbers are in their
// bounds, its name can be printed. Not whether another has its name.
std::optional<Problem> problem_of(const Rule& rule);

// Of a set: too many rules, two of one name, or what is wrong with one. The place is one in the set.
std::optional<Problem> problem_of(const RuleSet& rules);

}  // namespace remap::lab
