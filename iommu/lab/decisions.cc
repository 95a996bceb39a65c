// SPDX-License-Identifier: MIT
#include "iommu/lab/decisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <random>
#include <string_view>

namespace remap::lab {
namespace {

// A generator that only the set's seed and the rule's own name decide. The standard says what both classes give.
std::mt19937_64 generator_of(std::uint64_t seed, std::string_view name) {
    std::vector<std::uint32_t> words = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
    for (const char c : name) words.push_back(static_cast<unsigned char>(c));
    std::seed_seq sequence(words.begin(), words.end());
    return std::mt19937_64(sequence);
}

// A rule and how far it has come.
class LiveRule {
public:
    LiveRule(Rule rule, std::uint64_t seed) : rule_(std::move(rule)), generator_(generator_of(seed, rule_.name)) {}

    std::uint32_t number() const { return number_; }
    RuleRecord record(bool removed) const {
        return {number_, rule_.name, rule_.when.pattern.kind, rule_.what.deed, count_, removed};
    }
    const Rule& rule() const { return rule_; }
    const RuleCount& count() const { return count_; }
    void begin(std::uint32_t number, std::uint64_t now) {
        number_ = number;
        begun_ = now;
    }

    // In the order that docs/laboratory.md gives. An event that the rule waits for, and that it is about, is not both.
    template <typename Now>
    bool wants_to_act(const Event& event, Now now) {
        const When& when = rule_.when;
        const bool waits = when.after && waited_ < when.after_count;
        if (waits && when.after->matches(event)) ++waited_;
        if (waits || !when.pattern.matches(event)) return false;
        if ((when.from != 0 || when.until != no_end) && !is_inside(now())) return false;
        const std::uint64_t number = ++count_.matched;
        const bool drawn = when.probability >= 1 || draw() < when.probability;
        if (when.nth && *when.nth != number) return false;
        if (when.every && number % *when.every != 0) return false;
        return drawn && count_.acted < when.times;
    }

    void carried_out() { ++count_.injected; }

    Order act() {
        ++count_.acted;
        Order order = rule_.what;
        order.rule = number_;
        order.acted = count_.acted;
        return order;
    }

private:
    static constexpr std::uint64_t no_end = std::numeric_limits<std::uint64_t>::max();

    // A clock that was set back stands at the beginning.
    bool is_inside(std::uint64_t now) const {
        const std::uint64_t time = now - std::min(begun_, now);
        return time >= rule_.when.from && time < rule_.when.until;
    }

    // From 0 up to but not 1, each multiple of 2^-53 alike. The standard's distribution may differ between libraries.
    double draw() { return static_cast<double>(generator_() >> 11) * 0x1p-53; }

    Rule rule_;
    std::mt19937_64 generator_;
    RuleCount count_;
    std::uint64_t waited_ = 0;
    std::uint64_t begun_ = 0;
    std::uint32_t number_ = 0;
};

using LiveRules = std::vector<std::unique_ptr<LiveRule>>;

std::uint64_t wanted_by(const LiveRules& rules) {
    std::uint64_t kinds = 0;
    for (const auto& live : rules) {
        const When& when = live->rule().when;
        kinds |= std::uint64_t{1} << static_cast<unsigned>(when.pattern.kind);
        if (when.after) kinds |= std::uint64_t{1} << static_cast<unsigned>(when.after->kind);
    }
    return kinds;
}

}  // namespace

struct Decisions::State {
    Clock clock = nullptr;
    void* opaque = nullptr;
    mutable std::mutex mutex;  // guards what follows
    std::uint64_t seed = 0;
    LiveRules rules;
    std::uint32_t next_number = 0;
    std::deque<RuleRecord> removed;
    std::span<RuleCounter> table;

    std::uint64_t now() const { return clock ? clock(opaque) : 0; }

    auto find(std::string_view name) {
        return std::find_if(rules.begin(), rules.end(), [&](const auto& live) { return live->rule().name == name; });
    }

    // Of a rule that was never met nothing is in any trace.
    void remember(const LiveRule& rule) {
        if (rule.count().matched == 0) return;
        if (removed.size() == most_removed) removed.pop_front();
        removed.push_back(rule.record(true));
    }

    void publish(std::size_t place) const {
        if (place >= table.size()) return;
        const RuleCount count = place < rules.size() ? rules[place]->count() : RuleCount();
        table[place].matched.store(count.matched, std::memory_order_relaxed);
        table[place].acted.store(count.acted, std::memory_order_relaxed);
        table[place].injected.store(count.injected, std::memory_order_relaxed);
    }
    void publish_all() const {
        for (std::size_t place = 0; place < table.size(); ++place) publish(place);
    }
};

Decisions::Decisions(Clock clock, void* opaque) : state_(std::make_unique<State>()) {
    state_->clock = clock;
    state_->opaque = opaque;
    state_->rules.reserve(most_rules);
}

Decisions::~Decisions() = default;

std::string Decisions::replace(RuleSet set) {
    if (const auto problem = problem_of(set)) return fmt::format("{}: {}", problem->at, problem->text);
    LiveRules rules;
    rules.reserve(most_rules);
    for (Rule& rule : set.rules) rules.push_back(std::make_unique<LiveRule>(std::move(rule), set.seed));
    const std::lock_guard lock(state_->mutex);  // given back before the old rules go
    const std::uint64_t now = state_->now();
    for (auto& live : rules) live->begin(state_->next_number++, now);
    for (const auto& live : state_->rules) state_->remember(*live);
    state_->rules.swap(rules);
    state_->seed = set.seed;
    state_->publish_all();
    wanted_.store(wanted_by(state_->rules), std::memory_order_relaxed);
    return {};
}

std::string Decisions::add(Rule rule) {
    if (const auto problem = problem_of(rule)) return fmt::format("{}: {}", problem->at, problem->text);
    const std::string name = rule.name;
    std::uint64_t seed = 0;
    {
        const std::lock_guard lock(state_->mutex);
        seed = state_->seed;
    }
    for (;;) {
        auto live = std::make_unique<LiveRule>(rule, seed);
        const std::lock_guard lock(state_->mutex);
        if (seed != state_->seed) {  // all were replaced in the meantime
            seed = state_->seed;
            continue;
        }
        if (state_->find(name) != state_->rules.end()) return fmt::format("there is a rule \"{}\" already", name);
        if (state_->rules.size() == most_rules)
            return fmt::format("there are {} rules, and no more are allowed", most_rules);
        live->begin(state_->next_number++, state_->now());
        state_->rules.push_back(std::move(live));
        wanted_.store(wanted_by(state_->rules), std::memory_order_relaxed);
        return {};
    }
}

std::string Decisions::remove(const std::string& name) {
    std::unique_ptr<LiveRule> gone;  // outlives the lock
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->find(name);
    if (found == state_->rules.end()) return fmt::format("there is no rule \"{}\"", name);
    gone = std::move(*found);
    state_->remember(*gone);
    state_->rules.erase(found);
    state_->publish_all();
    wanted_.store(wanted_by(state_->rules), std::memory_order_relaxed);
    return {};
}

RuleSet Decisions::rules() const {
    const std::lock_guard lock(state_->mutex);
    RuleSet set{state_->seed, {}};
    for (const auto& live : state_->rules) set.rules.push_back(live->rule());
    return set;
}

std::vector<RuleCount> Decisions::counts() const {
    const std::lock_guard lock(state_->mutex);
    std::vector<RuleCount> counts;
    for (const auto& live : state_->rules) counts.push_back(live->count());
    return counts;
}

std::vector<RuleRecord> Decisions::records() const {
    const std::lock_guard lock(state_->mutex);
    std::vector<RuleRecord> records;
    for (const auto& live : state_->rules) records.push_back(live->record(false));
    records.insert(records.end(), state_->removed.begin(), state_->removed.end());
    return records;
}

void Decisions::publish_to(std::span<RuleCounter> table) {
    const std::lock_guard lock(state_->mutex);
    state_->table = table;
    state_->publish_all();
}

Order Decisions::decide(const Event& event) {
    if (!wants(event.kind)) return {};
    const std::lock_guard lock(state_->mutex);
    Order order;
    for (std::size_t place = 0; place < state_->rules.size(); ++place) {
        LiveRule& live = *state_->rules[place];
        const std::uint64_t matched = live.count().matched;
        if (live.wants_to_act(event, [this] { return state_->now(); }) && !order) order = live.act();
        if (live.count().matched != matched) state_->publish(place);
    }
    return order;
}

// Of a rule that was removed meanwhile, as long as it is remembered.
void Decisions::carried_out(const Order& order) {
    const std::lock_guard lock(state_->mutex);
    for (std::size_t place = 0; place < state_->rules.size(); ++place) {
        if (state_->rules[place]->number() != order.rule) continue;
        state_->rules[place]->carried_out();
        return state_->publish(place);
    }
    const auto found = std::ranges::find(state_->removed, order.rule, &RuleRecord::number);
    if (found != state_->removed.end()) ++found->count.injected;
}

}  // namespace remap::lab
