// SPDX-License-Identifier: MIT
// Whether rules mean something. The places are those of the language, so that whoever reads a file can point at them.
#include "iommu/lab/names.h"
#include "iommu/lab/rule.h"

#include <fmt/format.h>

#include <algorithm>

namespace remap::lab {
namespace {

using Found = std::optional<Problem>;
constexpr std::uint64_t no_end = std::numeric_limits<std::uint64_t>::max();

Problem problem(std::string at, std::string text) { return {std::move(at), std::move(text)}; }

// Terminals obey control characters, also those that UTF-8 writes in two bytes (U+0080 to U+009F).
bool is_printable(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x20 || byte == 0x7f) return false;
        if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
    }
    return true;
}

Found problem_of_name(const std::string& name) {
    if (name.empty()) return problem("/name", "a name is not empty");
    if (name.size() > longest_name)
        return problem("/name", fmt::format("the name has {} bytes, and {} are allowed", name.size(), longest_name));
    if (!is_printable(name)) return problem("/name", "a name has no control characters");
    return {};
}

// What an access is, a read or a write, is known of these alone.
bool is_access(Kind kind) {
    switch (kind) {
        case Kind::Dma:
        case Kind::Translation:
        case Kind::Walk:
        case Kind::Entry:
        case Kind::Fault:
        case Kind::PageRequestFault:
        case Kind::StaleUse:
        case Kind::PageRequest: return true;
        default: return false;
    }
}

Found problem_of_range(const char* at, std::uint64_t first, std::uint64_t last) {
    if (first <= last) return {};
    return problem(at, fmt::format("the range ends at {:#x}, before it begins, at {:#x}", last, first));
}

Found problem_of_pattern(const Pattern& pattern) {
    if (pattern.kind == Kind::None || static_cast<unsigned>(pattern.kind) >= kinds)
        return problem("/on", "there is no such kind of event");
    if (pattern.pasid && *pattern.pasid != no_pasid && *pattern.pasid > 0xfffff)
        return problem("/pasid", fmt::format("{:#x} has more than the 20 bits of a PASID", *pattern.pasid));
    if (auto found = problem_of_range("/address", pattern.first, pattern.last)) return found;
    if (auto found = problem_of_range("/entry-address", pattern.entry_first, pattern.entry_last)) return found;
    if (pattern.kind != Kind::Entry && (pattern.entry_first != 0 || pattern.entry_last != no_end))
        return problem("/entry-address",
                       fmt::format("only \"entry\" has an entry's address, not \"{}\"", name_of(pattern.kind)));
    if (pattern.write && !is_access(pattern.kind))
        return problem("/access", fmt::format("\"{}\" is neither a read nor a write", name_of(pattern.kind)));
    return {};
}

Found problem_of_when(const When& when) {
    if (auto found = problem_of_pattern(when.pattern)) return found;
    if (when.nth == 0) return problem("/nth", "events are counted from 1");
    if (when.every == 0) return problem("/every", "events are counted from 1");
    if (!(when.probability >= 0 && when.probability <= 1))
        return problem("/probability", "a probability is from 0 to 1");
    if (when.after) {
        if (auto found = problem_of_pattern(*when.after)) return problem("/after" + found->at, found->text);
        if (when.after_count == 0) return problem("/after/count", "events are counted from 1");
    }
    if (when.from >= when.until)
        return problem("/between", fmt::format("the window ends at {}, not after it begins, at {}",
                                               text_of_time(when.until), text_of_time(when.from)));
    if (when.times == 0) return problem("/times", "a rule that may never act is none");
    return {};
}

std::string kinds_that_allow(Deed deed) {
    std::vector<std::string> names;
    for (unsigned kind = 0; kind < kinds; ++kind)
        if (acts_on(deed, static_cast<Kind>(kind)))
            names.push_back(fmt::format("\"{}\"", name_of(static_cast<Kind>(kind))));
    return fmt::format("{}", fmt::join(names, ", "));
}

Found problem_of_reason(std::uint8_t number, Kind kind) {
    const auto reason = static_cast<vtd::FaultReason>(number);
    if (name_of(reason).empty())
        return problem("/fault", fmt::format("{:#x} is not among the specification's fault reasons", number));
    // A record has either an address or an interrupt's index in it (section 11.4.14.1).
    if (vtd::is_interrupt_fault(reason) == (kind == Kind::Interrupt)) return {};
    return problem("/fault", fmt::format("{} is no reason to refuse \"{}\"", name_of(reason), name_of(kind)));
}

Found problem_of_interrupt(const Order& order) {
    if (order.of_unit && order.vector > 2) return problem("/interrupt/unit", "the unit has no such interrupt");
    if (order.of_unit) return {};
    if (order.source == no_source) return problem("/interrupt", "it takes a device, or the unit, to send it");
    if (order.vector > highest_vector)
        return problem("/interrupt/vector", fmt::format("{} is beyond {}, the last vector that a device may have",
                                                        order.vector, highest_vector));
    return {};
}

// Events of the unit itself, not of a device's doing.
bool is_of_unit(Kind kind) {
    return kind == Kind::Invalidation || kind == Kind::Completion || kind == Kind::UnitInterrupt;
}

Found problem_of_order(const Order& order, Kind kind) {
    const std::string at = fmt::format("/{}", name_of(order.deed));
    if (order.deed == Deed::None || static_cast<unsigned>(order.deed) >= deeds)
        return problem("", "nothing is to be done");
    if (!acts_on(order.deed, kind))
        return problem(at, fmt::format("\"{}\" is not for \"{}\", only for {}", name_of(order.deed), name_of(kind),
                                       kinds_that_allow(order.deed)));
    if (order.deed == Deed::Fault) return problem_of_reason(order.reason, kind);
    if (order.deed == Deed::Interrupt) return problem_of_interrupt(order);
    if (order.deed == Deed::Delay && order.nanoseconds == 0) return problem(at, "it is no delay");
    if (order.deed == Deed::Delay && order.nanoseconds > longest_delay)
        return problem(
            at, fmt::format("\"{}\" is longer than {}", text_of_time(order.nanoseconds), text_of_time(longest_delay)));
    if (order.deed == Deed::WrongPage && order.pages == 0) return problem(at, "0 pages further is the right page");
    if (order.deed == Deed::Remove && order.source == no_source && is_of_unit(kind))
        return problem(at, fmt::format("which device is not said, and \"{}\" is of none", name_of(kind)));
    return {};
}

}  // namespace

bool is_rule_name(const std::string& name) { return !problem_of_name(name); }

std::optional<Problem> problem_of(const Rule& rule) {
    if (auto found = problem_of_name(rule.name)) return found;
    if (auto found = problem_of_when(rule.when)) return problem("/when" + found->at, found->text);
    if (auto found = problem_of_order(rule.what, rule.when.pattern.kind))
        return problem("/do" + found->at, found->text);
    return {};
}

std::optional<Problem> problem_of(const RuleSet& set) {
    if (set.rules.size() > most_rules)
        return problem("/rules", fmt::format("there are {} rules, and {} are allowed", set.rules.size(), most_rules));
    for (std::size_t i = 0; i < set.rules.size(); ++i) {
        const std::string at = fmt::format("/rules/{}", i);
        if (auto found = problem_of(set.rules[i])) return problem(at + found->at, found->text);
        for (std::size_t before = 0; before < i; ++before)
            if (set.rules[before].name == set.rules[i].name)
                return problem(at + "/name",
                               fmt::format("/rules/{} has the name \"{}\" already", before, set.rules[i].name));
    }
    return {};
}

}  // namespace remap::lab
