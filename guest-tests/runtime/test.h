// SPDX-License-Identifier: MIT
// How a suite is written. It is one file with cases, and nothing else; the runtime reports them in TAP version 13:
//
//     TEST(frames_are_zeroed) {
//         callbacks::FrameList list;
//         REQUIRE(frames().allocate({.pages = 1, .highest = {max}}, list));   // ends the case when false
//         EXPECT_EQ(first_word_of(list[0]), 0);                               // goes on when unequal
//     }
//
// A case that traps is reported as failed, with the registers, and the next one runs. Where a case ends early, by a
// trap or a REQUIRE (in whatever function), destructors do not run.
//
// A program that is not a suite has, in place of cases:   PROGRAM() { print(...); return Verdict::Pass; }
#pragma once

#include "base/compared.h"
#include "guest-tests/runtime/exceptions.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/print.h"

#include <cstdint>
#include <type_traits>

namespace remap::guest {

struct TestCase {
    const char* name;
    void (*body)();
};

// Fails the case that runs, and says so.
[[gnu::format(printf, 3, 4)]] void fail(const char* file, int line, const char* format, ...);

// A line of diagnostics with the case that runs, whether it fails or not.
[[gnu::format(printf, 1, 2)]] void note(const char* format, ...);

template <typename A, typename B>
bool check_equal(const char* file, int line, const char* text, const A& value, const B& expected) {
    if (equal(value, expected)) return true;
    fail(file, line, "%s: expected 0x%lx, got 0x%lx", text, shown(expected), shown(value));
    return false;
}

bool check(const char* file, int line, const char* text, bool value);

}  // namespace remap::guest

#define TEST(name)                                                                                        \
    static void name();                                                                                   \
    static const ::remap::guest::TestCase name##_case{#name, name};                                       \
    [[gnu::section("test_cases"), gnu::used]] static const ::remap::guest::TestCase* const name##_entry = \
        &name##_case;                                                                                     \
    static void name()

#define EXPECT(condition) ::remap::guest::check(__FILE__, __LINE__, #condition, static_cast<bool>(condition))
#define EXPECT_EQ(value, expected) ::remap::guest::check_equal(__FILE__, __LINE__, #value, (value), (expected))
#define REQUIRE(condition)                                              \
    do {                                                                \
        if (!EXPECT(condition)) ::remap::guest::abandon_guarded_call(); \
    } while (false)
#define REQUIRE_EQ(value, expected)                                              \
    do {                                                                         \
        if (!EXPECT_EQ(value, expected)) ::remap::guest::abandon_guarded_call(); \
    } while (false)

#define PROGRAM() extern "C" ::remap::guest::Verdict guest_program()
