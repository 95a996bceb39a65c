// SPDX-License-Identifier: MIT
// The instructions that have no C++ name, one function each.
#pragma once

#include <cstdint>

namespace remap::guest::cpu {

inline void out8(std::uint16_t port, std::uint8_t value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
inline void out32(std::uint16_t port, std::uint32_t value) { asm volatile("outl %0, %1" ::"a"(value), "Nd"(port)); }

inline std::uint8_t in8(std::uint16_t port) {
    std::uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

inline std::uint64_t read_msr(std::uint32_t number) {
    std::uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return std::uint64_t{high} << 32 | low;
}

inline void write_msr(std::uint32_t number, std::uint64_t value) {
    asm volatile("wrmsr" ::"c"(number), "a"(static_cast<std::uint32_t>(value)),
                 "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

inline std::uint64_t read_cr0() {
    std::uint64_t value;
    asm volatile("movq %%cr0, %0" : "=r"(value));
    return value;
}

inline std::uint64_t read_cr2() {
    std::uint64_t value;
    asm volatile("movq %%cr2, %0" : "=r"(value));
    return value;
}

inline std::uint64_t read_cr3() {
    std::uint64_t value;
    asm volatile("movq %%cr3, %0" : "=r"(value));
    return value;
}

// Also drops every TLB entry that is not global.
inline void write_cr3(std::uint64_t value) { asm volatile("movq %0, %%cr3" ::"r"(value) : "memory"); }

// The task priority, which is the IRQL of x64 Windows: interrupts of this class and below wait.
inline std::uint64_t read_cr8() {
    std::uint64_t value;
    asm volatile("movq %%cr8, %0" : "=r"(value));
    return value;
}
inline void write_cr8(std::uint64_t value) { asm volatile("movq %0, %%cr8" ::"r"(value) : "memory"); }

inline void invalidate_page(std::uint64_t address) { asm volatile("invlpg (%0)" ::"r"(address) : "memory"); }
inline void flush_line(const volatile void* address) { asm volatile("clflush (%0)" ::"r"(address) : "memory"); }
inline void write_back_and_invalidate_caches() { asm volatile("wbinvd" ::: "memory"); }
inline void fence() { asm volatile("mfence" ::: "memory"); }

inline std::uint64_t time_stamp() {
    std::uint32_t low, high;
    asm volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
    return std::uint64_t{high} << 32 | low;
}

struct Identification {
    std::uint32_t a, b, c, d;
};

inline Identification identify(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    Identification id;
    asm volatile("cpuid" : "=a"(id.a), "=b"(id.b), "=c"(id.c), "=d"(id.d) : "a"(leaf), "c"(subleaf));
    return id;
}

inline void pause() { asm volatile("pause" ::: "memory"); }
inline bool interrupts_enabled() {
    constexpr std::uint64_t interrupt_flag = 1 << 9;
    std::uint64_t flags;
    asm volatile("pushfq\n\tpopq %0" : "=r"(flags));
    return (flags & interrupt_flag) != 0;
}
inline void enable_interrupts() { asm volatile("sti" ::: "memory"); }
inline void disable_interrupts() { asm volatile("cli" ::: "memory"); }

// Sleeps until an interrupt has been handled. Enabling and halting are one step for the CPU, so that an interrupt which
// arrives between the caller's check and the halt still ends it.
inline void wait_for_interrupt() { asm volatile("sti\n\thlt" ::: "memory"); }

[[noreturn]] inline void halt_for_ever() {
    for (;;) asm volatile("cli\n\thlt" ::: "memory");
}

// The operand of lgdt and lidt.
struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;  // bytes less one
    std::uint64_t base;
};

inline void load_gdt(const TablePointer& table) { asm volatile("lgdt %0" ::"m"(table) : "memory"); }
inline void load_idt(const TablePointer& table) { asm volatile("lidt %0" ::"m"(table) : "memory"); }
inline void load_task_register(std::uint16_t selector) { asm volatile("ltr %0" ::"r"(selector) : "memory"); }

[[noreturn]] inline void undefined_instruction() {
    asm volatile("ud2");
    __builtin_unreachable();
}

}  // namespace remap::guest::cpu
