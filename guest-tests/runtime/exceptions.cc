// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/exceptions.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/interrupts.h"
#include "guest-tests/runtime/print.h"
#include "guest-tests/runtime/watchdog.h"

extern "C" {
extern char trap_entries[];
bool guest_call(void (*body)(void*), void* context, std::uint64_t* stack);
[[noreturn]] void guest_resume(std::uint64_t stack);
void guest_trap(remap::guest::TrapFrame* frame);
}

namespace remap::guest {

namespace {

constexpr unsigned vectors = 256;
constexpr unsigned exception_vectors = 32;
constexpr unsigned entry_bytes = 16;  // of code a vector has in trap.S

// SDM volume 3, section "64-Bit Mode IDT": an interrupt gate of 16 bytes.
struct Gate {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint8_t stack;  // number in the TSS's interrupt stack table, 0: stay on the current one
    std::uint8_t type;
    std::uint16_t offset_middle;
    std::uint32_t offset_high;
    std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

// SDM volume 3, section "Task Management in 64-bit Mode".
struct [[gnu::packed]] TaskState {
    std::uint32_t reserved0;
    std::uint64_t stacks[3];
    std::uint64_t reserved1;
    std::uint64_t interrupt_stacks[7];
    std::uint64_t reserved2;
    std::uint16_t reserved3;
    std::uint16_t io_map;
};
static_assert(sizeof(TaskState) == 104);

constexpr std::uint16_t code_selector = 0x08;
constexpr std::uint16_t task_selector = 0x18;
constexpr std::uint8_t interrupt_gate = 0x8e;
constexpr std::uint64_t available_task = std::uint64_t{0x89} << 40;

Gate gates[vectors];
TaskState task_state;
std::uint64_t descriptors[5] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0};

// A double fault comes when the stack has no room left, so it has a stack of its own.
alignas(16) char double_fault_stack[8192];

// A guarded call that is under way.
struct Guard {
    std::uint64_t stack = 0;
    Guard* outer = nullptr;
    std::uint64_t task_priority = 0;
    Ending ending = Ending::Returned;
    Trap* trap = nullptr;
};

Guard* innermost;

[[noreturn]] void leave_guard(Ending ending) {
    innermost->ending = ending;
    abandon_interrupts();
    cpu::write_cr8(innermost->task_priority);
    cpu::enable_interrupts();
    guest_resume(innermost->stack);
}

void print_line(const char* text) { print("# %s\n", text); }

[[noreturn]] void handle_exception(const TrapFrame& frame) {
    const Trap trap{frame, cpu::read_cr2()};
    if (innermost == nullptr) {
        describe(trap, print_line);
        panic("%s outside any test", name_of_vector(frame.vector));
    }
    *innermost->trap = trap;
    leave_guard(Ending::Trapped);
}

}  // namespace

const char* name_of_vector(std::uint64_t number) {
    static constexpr const char* names[exception_vectors] = {
        "#DE divide error",
        "#DB debug",
        "NMI",
        "#BP breakpoint",
        "#OF overflow",
        "#BR bound range exceeded",
        "#UD invalid opcode",
        "#NM device not available",
        "#DF double fault",
        "coprocessor segment overrun",
        "#TS invalid TSS",
        "#NP segment not present",
        "#SS stack-segment fault",
        "#GP general protection",
        "#PF page fault",
        "reserved vector 15",
        "#MF x87 floating-point error",
        "#AC alignment check",
        "#MC machine check",
        "#XM SIMD floating-point",
        "#VE virtualization",
        "#CP control protection",
        "reserved vector 22",
        "reserved vector 23",
        "reserved vector 24",
        "reserved vector 25",
        "reserved vector 26",
        "reserved vector 27",
        "#HV hypervisor injection",
        "#VC VMM communication",
        "#SX security",
        "reserved vector 31",
    };
    if (number == vector::watchdog) return "watchdog: the case takes too long";
    return number < exception_vectors ? names[number] : "interrupt";
}

void start_exceptions() {
    for (unsigned i = 0; i < vectors; ++i) {
        const std::uint64_t entry = reinterpret_cast<std::uint64_t>(trap_entries) + i * entry_bytes;
        gates[i] = {static_cast<std::uint16_t>(entry),
                    code_selector,
                    0,
                    interrupt_gate,
                    static_cast<std::uint16_t>(entry >> 16),
                    static_cast<std::uint32_t>(entry >> 32),
                    0};
    }
    gates[vector::double_fault].stack = 1;
    task_state.interrupt_stacks[0] = reinterpret_cast<std::uint64_t>(double_fault_stack) + sizeof double_fault_stack;
    task_state.io_map = sizeof task_state;

    const std::uint64_t base = reinterpret_cast<std::uint64_t>(&task_state);
    descriptors[3] = available_task | (sizeof task_state - 1) | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    descriptors[4] = base >> 32;
    cpu::load_gdt({sizeof descriptors - 1, reinterpret_cast<std::uint64_t>(descriptors)});
    cpu::load_task_register(task_selector);
    cpu::load_idt({sizeof gates - 1, reinterpret_cast<std::uint64_t>(gates)});
}

Ending call_guarded(void (*body)(void*), void* context, Trap* trap) {
    Guard guard{0, innermost, cpu::read_cr8(), Ending::Returned, trap};
    innermost = &guard;
    guest_call(body, context, &guard.stack);
    innermost = guard.outer;
    return *const_cast<const volatile Ending*>(&guard.ending);
}

void abandon_guarded_call() {
    if (innermost == nullptr) panic("a requirement failed outside any test");
    leave_guard(Ending::Abandoned);
}

void describe(const Trap& trap, void (*line)(const char* text)) {
    const TrapFrame& f = trap.frame;
    char text[160];
    format(text, sizeof text, "%s, error code %lx, at rip %016lx, rsp %016lx, rflags %lx", name_of_vector(f.vector),
           f.error_code, f.rip, f.rsp, f.rflags);
    line(text);
    if (f.vector == vector::page_fault) {
        // SDM volume 3, section "Page-Fault Exceptions": P, W/R, U/S, RSVD, I/D in bits 0 to 4.
        const char* access = f.error_code & 2 ? "write to" : f.error_code & 16 ? "fetch from" : "read of";
        format(text, sizeof text, "%s %016lx (cr2), %s%s", access, trap.cr2,
               f.error_code & 1 ? "page is mapped, access not permitted" : "page is not mapped",
               f.error_code & 8 ? ", reserved bit set in a table" : "");
        line(text);
    }
    const struct {
        const char* name;
        std::uint64_t value;
    } registers[] = {{"rax", f.rax}, {"rbx", f.rbx}, {"rcx", f.rcx}, {"rdx", f.rdx}, {"rsi", f.rsi},
                     {"rdi", f.rdi}, {"rbp", f.rbp}, {"r8 ", f.r8},  {"r9 ", f.r9},  {"r10", f.r10},
                     {"r11", f.r11}, {"r12", f.r12}, {"r13", f.r13}, {"r14", f.r14}, {"r15", f.r15}};
    for (unsigned i = 0; i < 15; i += 3) {
        format(text, sizeof text, "%s %016lx  %s %016lx  %s %016lx", registers[i].name, registers[i].value,
               registers[i + 1].name, registers[i + 1].value, registers[i + 2].name, registers[i + 2].value);
        line(text);
    }
}

}  // namespace remap::guest

void guest_trap(remap::guest::TrapFrame* frame) {
    using namespace remap::guest;
    if (frame->vector < exception_vectors) handle_exception(*frame);
    if (frame->vector != vector::watchdog) {
        handle_interrupt(static_cast<std::uint8_t>(frame->vector));
    } else if (watchdog_ticks()) {
        handle_exception(*frame);
    }
}
