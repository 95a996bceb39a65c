// SPDX-License-Identifier: MIT
// Messages of the driver, and the stop it asks for.
#include "callbacks/kernel/state.h"

namespace remap::kernel {

namespace {

constexpr std::size_t longest_message = 512;  // as DbgPrint sends it

void print(const char* text, __builtin_ms_va_list arguments) {
    KernelPort& port = kernel().port;
    char buffer[longest_message];
    // A Microsoft va_list is a pointer to the arguments' 8-byte slots.
    const Arguments slots{reinterpret_cast<const std::uint64_t*>(arguments)};
    port.write(format(buffer, text, slots, port.irql() == PASSIVE_LEVEL));
}

[[noreturn]] void stop_for_driver(std::uint32_t code, const Parameters& parameters, const void* caller) {
    stop_machine(code, parameters, caller, "KeBugCheckEx(0x%x, 0x%llx, 0x%llx, 0x%llx, 0x%llx), called from %p", code,
                 parameters[0], parameters[1], parameters[2], parameters[3], caller);
    kernel().port.halt();
    __builtin_unreachable();
}

}  // namespace

}  // namespace remap::kernel

using namespace remap::kernel;

extern "C" {

ULONG __cdecl DbgPrint(PCSTR Format, ...) {
    __builtin_ms_va_list arguments;
    __builtin_ms_va_start(arguments, Format);
    print(Format, arguments);
    __builtin_ms_va_end(arguments);
    return STATUS_SUCCESS;
}

ULONG __cdecl DbgPrintEx(ULONG, ULONG, PCSTR Format, ...) {
    __builtin_ms_va_list arguments;
    __builtin_ms_va_start(arguments, Format);
    print(Format, arguments);
    __builtin_ms_va_end(arguments);
    return STATUS_SUCCESS;
}

VOID NTAPI RtlAssert(PVOID FailedAssertion, PVOID FileName, ULONG LineNumber, PSTR Message) {
    const void* const caller = REMAP_CALLER();
    violation(static_cast<std::uint64_t>(OwnCheck::AssertionFailed),
              {address_of(FailedAssertion), address_of(FileName), LineNumber}, caller,
              "assertion failed: %s (%s:%u) %s, called from %p", static_cast<const char*>(FailedAssertion),
              static_cast<const char*>(FileName), LineNumber, Message == nullptr ? "" : Message, caller);
}

VOID NTAPI KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2,
                        ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4) {
    stop_for_driver(BugCheckCode, {BugCheckParameter1, BugCheckParameter2, BugCheckParameter3, BugCheckParameter4},
                    REMAP_CALLER());
}

VOID NTAPI KeBugCheck(ULONG BugCheckCode) { stop_for_driver(BugCheckCode, {}, REMAP_CALLER()); }
}
