// SPDX-License-Identifier: MIT
// From boot.S to the suite, in the order in which the parts need each other.
#include "guest-tests/runtime/acpi.h"
#include "guest-tests/runtime/address_space.h"
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/exceptions.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/harness.h"
#include "guest-tests/runtime/interrupts.h"
#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/pci.h"
#include "guest-tests/runtime/serial.h"
#include "guest-tests/runtime/views.h"
#include "guest-tests/runtime/watchdog.h"

using namespace remap::guest;

extern "C" {
using Constructor = void (*)();
extern const Constructor constructors_begin[];
extern const Constructor constructors_end[];
[[noreturn]] void guest_start(std::uint32_t start_info);
}

void guest_start(std::uint32_t start_info) {
    serial::start();
    start_exceptions();
    read_boot_info({start_info});
    start_owned_memory();
    for (const Constructor* constructor = constructors_begin; constructor != constructors_end; ++constructor)
        (*constructor)();
    start_address_space();
    start_views();
    start_frames();
    start_interrupts();
    start_watchdog();
    acpi::start();
    pci::start();
    leave(run_image());
}
