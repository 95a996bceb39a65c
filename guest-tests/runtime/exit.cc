// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/exit.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/print.h"

namespace remap::guest {

namespace {

constexpr std::uint16_t debug_exit_port = 0xf4;  // as in variants.json

}  // namespace

void leave(Verdict verdict) {
    cpu::out32(debug_exit_port, static_cast<unsigned>(verdict));
    cpu::halt_for_ever();
}

void panic(const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    print("Bail out! ");
    vprint(format, arguments);
    print("\n");
    va_end(arguments);
    leave(Verdict::Fail);
}

}  // namespace remap::guest
