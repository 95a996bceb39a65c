// SPDX-License-Identifier: MIT
#include "iommu/lab/counters.h"
#include "iommu/lab/names.h"
#include "iommu/lab/published_text.h"
#include "iommu/lab/rule_ledger.h"
#include "iommu/lab/trace_reader.h"
#include "tools/subcommands.h"
#include "tools/top_table.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

namespace remap::tools {

namespace {

using lab::Event;
using lab::RuleLedger;
using lab::RuleRecord;

constexpr std::size_t at_once = 10'000;  // events in memory

// What rules say that they did, beside what the trace shows.
struct Account {
    RuleLedger ledger;
    std::map<std::uint32_t, std::uint64_t> traced;  // injections by the number of their rule
    std::uint64_t lost_injections = 0;
    std::uint64_t unknown_injections = 0;  // of no rule that there is or was
    std::uint64_t faults = 0;              // counted, not traced
    std::uint64_t records = 0;             // of the trace, read
    std::uint64_t lost = 0;

    std::uint64_t traced_of(const RuleRecord& rule) const {
        const auto found = traced.find(rule.number);
        return found == traced.end() ? 0 : found->second;
    }
};

void count_trace(lab::TraceReader& trace, Account& account) {
    std::vector<Event> events;
    for (unsigned quiet = 0; quiet < 2;) {
        events.clear();
        quiet = trace.read(events, at_once) != 0 ? 0 : quiet + 1;
        for (const Event& event : events) {
            ++account.records;
            if (event.kind == lab::Kind::Injection && trace.is_injections(event.thread)) ++account.traced[event.code];
        }
    }
    account.lost = trace.loss().total();
    if (trace.lanes() != 0) account.lost_injections = trace.loss(trace.lanes() - 1).total();
}

// Nothing, and said why, if the segment does not hold what it should. Of a machine that runs, rules are read before the
// trace: what is injected meanwhile is in the trace and not yet in the rules' counts, and not the other way round.
std::optional<Account> account_of(lab::Attachment& machine) {
    const auto text = lab::published_text(machine.part(lab::Part::Rules));
    auto trace = lab::TraceReader::open(machine.part(lab::Part::Trace));
    const auto counters = read_counters(machine.part(lab::Part::Counters));
    if (!text || !counters) {
        fail("the control segment has no list of rules, or no counters");
        return std::nullopt;
    }
    auto ledger = lab::ledger_of(*text);
    if (!ledger || !trace) {
        fail(ledger ? trace.error() : ledger.error());
        return std::nullopt;
    }

    Account account;
    account.ledger = std::move(*ledger);
    const auto counts = machine.part(lab::Part::RuleCounts);
    lab::take_counts(account.ledger, {reinterpret_cast<const lab::RuleCounter*>(counts.data()),
                                      counts.size() / sizeof(lab::RuleCounter)});
    for (const DeviceCounts& device : *counters)
        account.faults += device.words[static_cast<unsigned>(lab::Count::Faults)];
    trace->end_here();
    count_trace(*trace, account);
    for (const auto& [number, times] : account.traced) {
        const auto is_it = [number = number](const RuleRecord& rule) { return rule.number == number; };
        if (std::ranges::none_of(account.ledger.rules, is_it)) account.unknown_injections += times;
    }
    return account;
}

void print_json(const Account& account) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    const auto add_text = [&](const char* key, std::string_view value) {
        writer.Key(key);
        writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    };
    const auto add_number = [&](const char* key, std::uint64_t value) {
        writer.Key(key);
        writer.Uint64(value);
    };
    writer.StartObject();
    add_number("seed", account.ledger.seed);
    writer.Key("rules");
    writer.StartArray();
    for (const RuleRecord& rule : account.ledger.rules) {
        writer.StartObject();
        add_number("number", rule.number);
        add_text("name", rule.name);
        add_text("on", lab::name_of(rule.on));
        add_text("do", lab::name_of(rule.deed));
        add_number("matched", rule.count.matched);
        add_number("acted", rule.count.acted);
        add_number("injected", rule.count.injected);
        add_number("traced", account.traced_of(rule));
        writer.Key("removed");
        writer.Bool(rule.removed);
        writer.EndObject();
    }
    writer.EndArray();
    writer.Key("injections");
    writer.StartObject();
    add_number("lost", account.lost_injections);
    add_number("unknown", account.unknown_injections);
    writer.EndObject();
    add_number("faults", account.faults);
    writer.Key("trace");
    writer.StartObject();
    add_number("records", account.records);
    add_number("lost", account.lost);
    writer.EndObject();
    writer.EndObject();
    fmt::print("{}\n", text.GetString());
}

void print_text(const Account& account) {
    fmt::print("{:>8} {:>8} {:>8} {:>8}  rule (seed {})\n", "met", "acted", "injected", "traced", account.ledger.seed);
    for (const RuleRecord& rule : account.ledger.rules)
        fmt::print("{:>8} {:>8} {:>8} {:>8}  {}{}: {} of {}\n", rule.count.matched, rule.count.acted,
                   rule.count.injected, account.traced_of(rule), rule.name, rule.removed ? " (removed)" : "",
                   lab::name_of(rule.deed), lab::name_of(rule.on));
    fmt::print("{} faults; {} events in the trace, {} lost, of them {} injections\n", account.faults, account.records,
               account.lost, account.lost_injections);
    if (account.unknown_injections != 0)
        fmt::print("{} injections are of rules that nothing is known of\n", account.unknown_injections);
}

bool balances(const Account& account) {
    const auto agrees = [&](const RuleRecord& rule) { return rule.count.injected == account.traced_of(rule); };
    return account.lost_injections == 0 && account.unknown_injections == 0 &&
           std::ranges::all_of(account.ledger.rules, agrees);
}

}  // namespace

int show_account(const Target& target, bool json) {
    const auto machine = attach(target);
    if (machine == nullptr) return failed;
    const auto account = account_of(*machine);
    if (!account) return failed;
    if (machine->lost()) return fail("the machine's control segment was cut off by another program");
    json ? print_json(*account) : print_text(*account);
    if (std::fflush(stdout) != 0) return failed;
    if (balances(*account)) return done;
    return fail("what the rules did and what the trace shows differ",
                machine->is_running() ? "Of a machine that runs the two are not read at one moment: ask again." : "");
}

}  // namespace remap::tools
