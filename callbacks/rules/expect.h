// SPDX-License-Identifier: MIT
// What a rule's test looks at. EXPECT goes on when it fails, REQUIRE ends the case.
#pragma once

#include "base/compared.h"
#include "callbacks/rules/rule.h"

#include <cstdint>
#include <optional>

namespace remap::rules {

inline bool expect(const char* file, int line, const char* text, bool value) {
    if (!value) fail(file, line, text);
    return value;
}

template <typename A, typename B>
bool expect_equal(const char* file, int line, const char* text, const A& value, const B& expected) {
    if (equal(value, expected)) return true;
    fail(file, line, text, shown(value), shown(expected));
    return false;
}

}  // namespace remap::rules

#define EXPECT(condition) ::remap::rules::expect(__FILE__, __LINE__, #condition, static_cast<bool>(condition))
#define EXPECT_EQ(value, expected) \
    ::remap::rules::expect_equal(__FILE__, __LINE__, #value " == " #expected, (value), (expected))
#define REQUIRE(condition)                                 \
    do {                                                   \
        if (!EXPECT(condition)) ::remap::rules::abandon(); \
    } while (false)
#define REQUIRE_EQ(value, expected)                                 \
    do {                                                            \
        if (!EXPECT_EQ(value, expected)) ::remap::rules::abandon(); \
    } while (false)

// The machine stops with this check, of this callback.
#define EXPECT_STOP(stop, expected_check, expected_callback)                             \
    do {                                                                                 \
        const auto& rule_stop = (stop);                                                  \
        REQUIRE(rule_stop.has_value());                                                  \
        EXPECT_EQ(rule_stop->check, ::remap::callbacks::Check::expected_check);          \
        EXPECT_EQ(rule_stop->callback, ::remap::callbacks::Callback::expected_callback); \
    } while (false)
