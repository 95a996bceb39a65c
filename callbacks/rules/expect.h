// SPDX-License-Identifier: MIT
// What a rule's test looks at. EXPECT goes on when it fails, REQUIRE ends the case.
#pragma once

#include "callbacks/rules/rule.h"

#include <cstdint>
#include <optional>
#include <type_traits>

namespace remap::rules {

// How a compared value is shown.
template <typename T>
std::uint64_t shown(const T& value) {
    if constexpr (std::is_pointer_v<T>) {
        return reinterpret_cast<std::uintptr_t>(value);
    } else if constexpr (std::is_null_pointer_v<T>) {
        return 0;
    } else if constexpr (requires { value.number; }) {
        return value.number;  // a page
    } else if constexpr (requires { value.value; }) {
        return value.value;  // an address
    } else if constexpr (requires { value.has_value(); }) {
        return value ? shown(*value) : ~std::uint64_t{0};
    } else {
        return static_cast<std::uint64_t>(value);
    }
}

template <typename A, typename B>
bool equal(const A& a, const B& b) {
    if constexpr (std::is_integral_v<A> && std::is_integral_v<B>)
        return static_cast<std::uint64_t>(a) == static_cast<std::uint64_t>(b);
    else
        return a == b;
}

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
