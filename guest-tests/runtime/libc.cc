// SPDX-License-Identifier: MIT
// What compilers call even in freestanding code: the functions on memory and strings, and the hooks of the C++ ABI.
#include "guest-tests/runtime/exit.h"

#include <cstddef>
#include <cstdint>

using remap::guest::panic;

extern "C" {

void* memcpy(void* to, const void* from, std::size_t bytes);
void* memmove(void* to, const void* from, std::size_t bytes);
void* memset(void* to, int value, std::size_t bytes);
int memcmp(const void* left, const void* right, std::size_t bytes);
std::size_t strlen(const char* text);
int strcmp(const char* left, const char* right);

// Whole words where there are many, as an emulated CPU pays for each access. Volatile, because a compiler may turn a
// plain loop into a call of the very function it stands in.
struct [[gnu::packed, gnu::may_alias]] Word {
    std::uint64_t value;
};

void* memcpy(void* to, const void* from, std::size_t bytes) {
    auto* target = static_cast<volatile std::uint8_t*>(to);
    auto* source = static_cast<const std::uint8_t*>(from);
    for (; bytes >= 8; bytes -= 8, target += 8, source += 8)
        reinterpret_cast<volatile Word*>(target)->value = reinterpret_cast<const Word*>(source)->value;
    for (; bytes != 0; --bytes) *target++ = *source++;
    return to;
}

void* memmove(void* to, const void* from, std::size_t bytes) {
    if (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from) >= bytes)
        return memcpy(to, from, bytes);
    auto* target = static_cast<volatile std::uint8_t*>(to);
    auto* source = static_cast<const std::uint8_t*>(from);
    while (bytes-- != 0) target[bytes] = source[bytes];
    return to;
}

void* memset(void* to, int value, std::size_t bytes) {
    auto* target = static_cast<volatile std::uint8_t*>(to);
    const std::uint64_t word = 0x0101010101010101 * static_cast<std::uint8_t>(value);
    for (; bytes >= 8; bytes -= 8, target += 8) reinterpret_cast<volatile Word*>(target)->value = word;
    for (; bytes != 0; --bytes) *target++ = static_cast<std::uint8_t>(value);
    return to;
}

int memcmp(const void* left, const void* right, std::size_t bytes) {
    auto* a = static_cast<const std::uint8_t*>(left);
    auto* b = static_cast<const std::uint8_t*>(right);
    for (; bytes != 0; --bytes, ++a, ++b)
        if (*a != *b) return *a < *b ? -1 : 1;
    return 0;
}

std::size_t strlen(const char* text) {
    std::size_t length = 0;
    while (static_cast<const volatile char*>(text)[length] != '\0') ++length;
    return length;
}

int strcmp(const char* left, const char* right) {
    for (; *left != '\0' && *left == *right; ++left) ++right;
    return static_cast<unsigned char>(*left) - static_cast<unsigned char>(*right);
}

// Programs end by leaving the machine, so destructors of objects with static storage never run.
void* __dso_handle = nullptr;
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }

[[noreturn]] void __cxa_pure_virtual() { panic("a pure virtual function was called"); }
[[noreturn]] void abort() { panic("abort was called"); }
}
