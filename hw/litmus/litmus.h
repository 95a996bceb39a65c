// SPDX-License-Identifier: MIT
// A litmus case is a program of a few instructions and DMA accesses, in variants: one that is right, for which nothing
// is found, and others that lack something and are found out once, with the instruction that is to blame. It is written
// once for all machines:
//
//     LITMUS(clflush_needs_no_fence, "The sentence is what the manual allows.", "SDM 2, CLFLUSH") {
//         bench.scene("the line is flushed");
//         ...
//     }
//
// scripts/lib/rules_table.py makes the table in docs/litmus.md of them. `bench` is the machine. In the sources SDM is
// the Intel 64 and IA-32 Architectures Software Developer's Manual with its volume and section; PCIe the PCI Express
// Base Specification.
//
//   LITMUS                     on each machine
//   LITMUS_OF_TWO_PROCESSORS   where a case can choose the processor: on the hosted machine
#pragma once

namespace remap::litmus {

class Bench;

struct Litmus {
    const char* name;
    const char* sentence;
    void (*body)(Bench&);
};

// Of the machine: runs the case as one of the tests.
void run(const Litmus& litmus);

// As the guest's harness has its cases: the linker lays them side by side.
struct Case {
    const char* name;
    void (*body)();
};

}  // namespace remap::litmus

#define LITMUS_IN(place, name, sentence)                                                                      \
    static void name##_body(::remap::litmus::Bench& bench);                                                   \
    static constexpr ::remap::litmus::Litmus name##_litmus{#name, sentence, name##_body};                     \
    static constexpr ::remap::litmus::Case name##_case{#name, [] { ::remap::litmus::run(name##_litmus); }};   \
    [[gnu::section(place), gnu::used]] static const ::remap::litmus::Case* const name##_entry = &name##_case; \
    static void name##_body(::remap::litmus::Bench& bench)

#define LITMUS(name, sentence, source) LITMUS_IN("test_cases", name, sentence)
#define LITMUS_OF_TWO_PROCESSORS(name, sentence, source) LITMUS_IN("host_cases", name, sentence)
