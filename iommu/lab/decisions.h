// SPDX-License-Identifier: MIT
// Whether a rule acts on an event. Deterministic: the same rules, the same seed and the same events in the same order
// give the same orders. Each rule has a generator of its own, so that a rule more or less changes nothing for the
// others.
#pragma once

#include "iommu/lab/rule.h"
#include "iommu/lab/rule_counters.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace remap::lab {

// How often a rule's pattern was met, how often it has acted, and how often its deed was carried out. That may be
// later, or never: an access whose data has a bit to be flipped is refused, a device that is to be pulled out is not
// there.
struct RuleCount {
    std::uint64_t matched = 0;
    std::uint64_t acted = 0;
    std::uint64_t injected = 0;
};

// A rule that there is or was, in a few words.
struct RuleRecord {
    std::uint32_t number = 0;  // that no other rule of these Decisions ever has; orders bear it
    std::string name;
    Kind on = Kind::None;
    Deed deed = Deed::None;
    RuleCount count;
    bool removed = false;
};
inline constexpr std::size_t most_removed = 1024;  // rules that are remembered; of more, the latest

// Any thread. Whoever asks while the rules are replaced is answered by the old ones or by the new ones.
class Decisions {
public:
    // Nanoseconds of the machine's clock, for windows of time; called under a lock, must not call back.
    using Clock = std::uint64_t (*)(void* opaque);

    explicit Decisions(Clock clock = nullptr, void* opaque = nullptr);
    ~Decisions();
    Decisions(const Decisions&) = delete;
    Decisions& operator=(const Decisions&) = delete;

    // Replaces all rules; counts, generators and the clock of windows begin anew. When there is a problem with one they
    // stay as they were, and the sentence says which and why; it is empty when it was done.
    std::string replace(RuleSet rules);

    // One rule more, at the end, or one less by its name; the others go on counting. A rule that was added begins with
    // the events that come after, its window with the time of now. The sentence is empty when it was done.
    std::string add(Rule rule);
    std::string remove(const std::string& name);

    RuleSet rules() const;
    std::vector<RuleCount> counts() const;  // in the order of the rules

    // All rules, in their order, and behind them those that were removed or replaced and had been met.
    std::vector<RuleRecord> records() const;

    // From now on counts are also written here, by the rule's place, and 0 where there is no rule; of rules beyond the
    // end they are not. Must live as long as this does, or until another table (or none) is given.
    void publish_to(std::span<RuleCounter> table);

    // Whether any rule wants to know of this kind: one load, for the fast paths.
    bool wants(Kind kind) const {
        return (wanted_.load(std::memory_order_relaxed) >> static_cast<unsigned>(kind) & 1) != 0;
    }

    // Counts an event and says what is done to it: by the first rule, in their order, that acts. The others count it
    // all the same, and do not act. Takes a lock for as long as it takes to look at the rules, and no memory.
    Order decide(const Event& event);

    // The deed of an order was carried out.
    void carried_out(const Order& order);

private:
    struct State;
    std::atomic<std::uint64_t> wanted_{0};  // a bit for each kind
    std::unique_ptr<State> state_;
};

}  // namespace remap::lab
