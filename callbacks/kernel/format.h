// SPDX-License-Identifier: MIT
// Formatted text as DbgPrint makes it (callbacks/ddk/wdm/debug.h lists the conversions), of bounded length.
#pragma once

#include "callbacks/ddk/ntdef.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace remap::kernel {

// The variable arguments of a Microsoft x64 call: 8 bytes each, side by side.
struct Arguments {
    const std::uint64_t* next;
};

// Writes into `buffer` and returns what was written. A null string is shown as "(null)"; a conversion that is not known
// is copied as it is, and takes no argument. `wide` tells whether %wZ, %ls and their like may be looked at.
std::string_view format(std::span<char> buffer, const char* text, Arguments arguments, bool wide = true);

template <typename T>
std::uint64_t argument(T value) {
    if constexpr (std::is_pointer_v<T>)
        return reinterpret_cast<std::uint64_t>(value);
    else
        return static_cast<std::uint64_t>(value);
}

template <typename... Values>
std::string_view format_values(std::span<char> buffer, const char* text, Values... values) {
    const std::uint64_t packed[sizeof...(values) + 1] = {argument(values)...};
    return format(buffer, text, {packed});
}

}  // namespace remap::kernel
