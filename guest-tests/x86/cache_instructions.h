// SPDX-License-Identifier: MIT
// Single accesses, flushes and fences, each of which returns the address of the very instruction that does it: what a
// report of the cache model has to name.
#pragma once

#include <cstdint>

namespace remap::x86 {

// Where an instruction lies.
using Code = std::uint64_t;

template <typename T>
inline Code store(volatile T* to, T value) {
    Code code;
    asm volatile("leaq 1f(%%rip), %0\n1:\tmov %2, (%1)" : "=&r"(code) : "r"(to), "r"(value) : "memory");
    return code;
}

template <typename T>
inline Code load(const volatile T* from, T& value) {
    Code code;
    asm volatile("leaq 1f(%%rip), %0\n1:\tmov (%2), %1" : "=&r"(code), "=&r"(value) : "r"(from) : "memory");
    return code;
}

// With a non-temporal hint: past the cache.
inline Code store_nontemporal(volatile std::uint64_t* to, std::uint64_t value) {
    Code code;
    asm volatile("leaq 1f(%%rip), %0\n1:\tmovnti %2, (%1)" : "=&r"(code) : "r"(to), "r"(value) : "memory");
    return code;
}

inline Code exchange(volatile std::uint64_t* at, std::uint64_t& value) {
    Code code;
    asm volatile("leaq 1f(%%rip), %0\n1:\txchgq %1, (%2)" : "=&r"(code), "+r"(value) : "r"(at) : "memory");
    return code;
}

inline Code clflush(const volatile void* line) {
    Code code;
    asm volatile("leaq 1f(%%rip), %0\n1:\tclflush (%1)" : "=&r"(code) : "r"(line) : "memory");
    return code;
}

inline Code clflushopt(const volatile void* line) {
    Code code;
    asm volatile("leaq 1f(%%rip), %0\n1:\tclflushopt (%1)" : "=&r"(code) : "r"(line) : "memory");
    return code;
}

inline Code clwb(const volatile void* line) {
    Code code;
    asm volatile("leaq 1f(%%rip), %0\n1:\tclwb (%1)" : "=&r"(code) : "r"(line) : "memory");
    return code;
}

// The same line in each of the forms that an address can have: with an index and a displacement, and of 32 bits where
// it is below 4 GiB.
inline void clflush_indexed(const volatile void* line) {
    const auto half = reinterpret_cast<std::uint64_t>(line) / 2;
    const std::uint64_t rest = reinterpret_cast<std::uint64_t>(line) - half;
    asm volatile("clflush 64(%0,%1)" ::"r"(half), "r"(rest - 64) : "memory");
}
inline void clflush_scaled(const volatile void* line) {
    asm volatile("clflush -0x1000(%0,%1,4)" ::"r"(line), "r"(std::uint64_t{0x400}) : "memory");
}
inline void clflush_short(const volatile void* line) { asm volatile("clflush (%k0)" ::"r"(line) : "memory"); }

// By string instructions: 8 bytes and 1 byte at a time.
inline void copy_words(volatile void* to, const volatile void* from, std::uint64_t count) {
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}
inline void fill_bytes(volatile void* to, std::uint8_t value, std::uint64_t count) {
    asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

// Locked, 16 bytes at once: whether they were `expected`, and now are `desired` (low half first).
inline bool exchange_16(volatile void* at, std::uint64_t (&expected)[2], const std::uint64_t (&desired)[2]) {
    bool done;
    asm volatile("lock cmpxchg16b (%3)"
                 : "=@ccz"(done), "+a"(expected[0]), "+d"(expected[1])
                 : "r"(at), "b"(desired[0]), "c"(desired[1])
                 : "memory");
    return done;
}

inline void sfence() { asm volatile("sfence" ::: "memory"); }
inline void mfence() { asm volatile("mfence" ::: "memory"); }
inline void wbinvd() { asm volatile("wbinvd" ::: "memory"); }
inline void cpuid() {
    std::uint32_t a = 0, b, c = 0, d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d)::"memory");
}

}  // namespace remap::x86
