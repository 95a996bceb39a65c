// SPDX-License-Identifier: MIT
// How tests that run freestanding compare values, and show them as numbers.
#pragma once

#include <cstdint>
#include <type_traits>

namespace remap {

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

// Numbers as unsigned ones, whatever their types are.
template <typename A, typename B>
bool equal(const A& a, const B& b) {
    if constexpr (std::is_integral_v<A> && std::is_integral_v<B>)
        return static_cast<std::uint64_t>(a) == static_cast<std::uint64_t>(b);
    else
        return a == b;
}

}  // namespace remap
