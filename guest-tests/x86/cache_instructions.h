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

inline void sfence() { asm volatile("sfence" ::: "memory"); }
inline void mfence() { asm volatile("mfence" ::: "memory"); }
inline void wbinvd() { asm volatile("wbinvd" ::: "memory"); }
inline void cpuid() {
    std::uint32_t a = 0, b, c = 0, d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d)::"memory");
}

}  // namespace remap::x86
