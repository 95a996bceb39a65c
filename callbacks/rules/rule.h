// SPDX-License-Identifier: MIT
// A rule of the callbacks is one test named after it, written once for both machines:
//
//     RULE(adl_never_holds_page_0, "An ADL never holds page 0: drivers take a base page of 0 for a failure.",
//          "ours: seen in shipping drivers") {
//         Adapter& adapter = bench.start();
//         ...
//     }
//
// The sentence is the rule, and what follows is where it stands: WDK pages by name, or "ours" and why.
// scripts/lib/rules_table.py makes the table in callbacks/README.md of them. `bench` is the machine with a driver on
// it.
//
//   RULE, HOST_RULE, GUEST_RULE  on both machines, or where one cannot serve it
//   RULE_IN_EACH_MODE            on both, once a mode; bench.start() starts an adapter in it
#pragma once

#include "callbacks/core/dma_mode.h"

#include <cstdint>
#include <span>

namespace remap::rules {

class Bench;

enum class Modes : std::uint8_t { Remapping, Each };

struct Rule {
    const char* name;
    const char* sentence;
    void (*body)(Bench&);
    Modes modes;
};

struct NamedMode {
    callbacks::DmaMode mode{};
    const char* name = "";
};
inline constexpr NamedMode named_modes[] = {{callbacks::DmaMode::Remapping, "remapping"},
                                            {callbacks::DmaMode::Isolation, "isolation"},
                                            {callbacks::DmaMode::Physical, "off"}};

// The modes in which a rule is run.
constexpr std::span<const NamedMode> modes_of(const Rule& rule) {
    return std::span(named_modes).first(rule.modes == Modes::Each ? 3 : 1);
}

// Of the machine: runs the rule as a case of the tests.
void run(const Rule& rule);

// Of the machine: the case that runs has failed; and ends.
void fail(const char* file, int line, const char* text);
void fail(const char* file, int line, const char* text, std::uint64_t value, std::uint64_t expected);
[[noreturn]] void abandon();

// As the guest's harness has its cases: the linker lays them side by side.
struct Case {
    const char* name;
    void (*body)();
};

}  // namespace remap::rules

#define RULE_IN(place, modes, name, sentence)                                                                \
    static void name##_body(::remap::rules::Bench& bench);                                                   \
    static constexpr ::remap::rules::Rule name##_rule{#name, sentence, name##_body, modes};                  \
    static constexpr ::remap::rules::Case name##_case{#name, [] { ::remap::rules::run(name##_rule); }};      \
    [[gnu::section(place), gnu::used]] static const ::remap::rules::Case* const name##_entry = &name##_case; \
    static void name##_body([[maybe_unused]] ::remap::rules::Bench& bench)

#define RULE(name, sentence, source) RULE_IN("test_cases", ::remap::rules::Modes::Remapping, name, sentence)
#define RULE_IN_EACH_MODE(name, sentence, source) RULE_IN("test_cases", ::remap::rules::Modes::Each, name, sentence)
#define HOST_RULE(name, sentence, source) RULE_IN("host_cases", ::remap::rules::Modes::Remapping, name, sentence)
#define GUEST_RULE(name, sentence, source) RULE_IN("guest_cases", ::remap::rules::Modes::Remapping, name, sentence)
