// SPDX-License-Identifier: MIT
// Traps of the CPU: reported with everything a person needs, and survived when a guarded call is under way.
#pragma once

#include <cstdint>
#include <optional>

namespace remap::guest {

// What the entry code in trap.S leaves on the stack.
struct TrapFrame {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    std::uint64_t vector;
    std::uint64_t error_code;  // 0 where the vector has none
    std::uint64_t rip, cs, rflags, rsp, ss;
};

struct Trap {
    TrapFrame frame{};
    std::uint64_t cr2 = 0;  // the address of a page fault
};

namespace vector {
inline constexpr std::uint64_t divide_error = 0;
inline constexpr std::uint64_t breakpoint = 3;
inline constexpr std::uint64_t invalid_opcode = 6;
inline constexpr std::uint64_t double_fault = 8;
inline constexpr std::uint64_t general_protection = 13;
inline constexpr std::uint64_t page_fault = 14;
inline constexpr std::uint64_t watchdog = 0xfe;  // no exception: the case took too long
}  // namespace vector

const char* name_of_vector(std::uint64_t number);

// Loads GDT, TSS and IDT.
void start_exceptions();

// How a guarded call ended.
enum class Ending : std::uint8_t { Returned, Abandoned, Trapped };

// Calls body(context). A trap inside ends it (and is stored), as does abandon_guarded_call. Then destructors of what
// was alive inside do not run, and the task priority is what it was before. Guards nest; the innermost one is ended.
Ending call_guarded(void (*body)(void*), void* context, Trap* trap);
[[noreturn]] void abandon_guarded_call();

// Runs `body` and returns the trap it meets, or nothing:
//     const auto trap = catch_trap([&] { *pointer = 1; });
template <typename Body>
std::optional<Trap> catch_trap(Body body) {
    Trap trap;
    const Ending ending = call_guarded([](void* context) { (*static_cast<Body*>(context))(); }, &body, &trap);
    if (ending == Ending::Abandoned) abandon_guarded_call();
    if (ending == Ending::Trapped) return trap;
    return std::nullopt;
}

// Calls `line` with each line of the report, without newline.
void describe(const Trap& trap, void (*line)(const char* text));

}  // namespace remap::guest
