// SPDX-License-Identifier: MIT
// What the services share: the kernel that runs, its lock, and the way to stop the machine.
#pragma once

#include "callbacks/kernel/format.h"
#include "callbacks/kernel/kernel.h"
#include "callbacks/kernel/pool.h"
#include "callbacks/kernel/region.h"

#include <array>
#include <cstdint>
#include <optional>

namespace remap::kernel {

struct Kernel {
    explicit Kernel(KernelPort& machine) : port(machine), regions(machine), pool(regions) {}

    KernelPort& port;
    Regions regions;
    Pool pool;
    RegisterDriver register_driver = nullptr;
    DEVICE_OBJECT dxgkrnl_device = {};
    FILE_OBJECT dxgkrnl_file = {};
};

// The one that runs. A service that is called without is a mistake of whoever loaded the driver: the process ends.
Kernel& kernel();

class Locked {
public:
    explicit Locked(Kernel& kernel) : port_(kernel.port) { port_.lock(); }
    ~Locked() { port_.unlock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

private:
    KernelPort& port_;
};

// The routine of the driver's that called a service: used in the service's entry point itself, and nowhere deeper.
#define REMAP_CALLER() (__builtin_extract_return_addr(__builtin_return_address(0)))

using Parameters = std::array<std::uint64_t, 4>;

// Stops the machine, with a text; the lock is not held. It may return (KernelPort::bugcheck).
template <typename... Values>
void stop_machine(std::uint32_t code, const Parameters& parameters, const void* caller, const char* text,
                  Values... values) {
    char buffer[320] = {};
    format_values(std::span<char>(buffer).first(sizeof buffer - 1), text, values...);
    Bugcheck bugcheck{.code = code, .caller = caller, .text = buffer};
    for (unsigned index = 0; index < 4; ++index) bugcheck.parameters[index] = parameters[index];
    kernel().port.bugcheck(bugcheck);
}

// Bugcheck 0xC4, whose first parameter says what was found.
template <typename... Values>
void violation(std::uint64_t check, const std::array<std::uint64_t, 3>& rest, const void* caller, const char* text,
               Values... values) {
    stop_machine(DRIVER_VERIFIER_DETECTED_VIOLATION, {check, rest[0], rest[1], rest[2]}, caller, text, values...);
}

// Reports two views of a page with different cache types, of which the driver has made one now; nothing without a
// conflict. The lock is not held.
struct ConflictReport {
    callbacks::LiveView made;
    std::optional<callbacks::ViewConflict> conflict;
};
void report_conflict(const ConflictReport& found);

// True when the IRQL is not above `highest`; else the machine stops with the check and these two parameters behind the
// current IRQL.
bool irql_at_most(KIRQL highest, std::uint64_t check, const char* routine, const void* caller, std::uint64_t third = 0,
                  std::uint64_t fourth = 0);

// The check for routines that have no number of their own.
inline constexpr std::uint64_t wrong_irql = 0xE5;

inline std::uint64_t address_of(const void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); }

// A tag as four letters, the first byte first; what is no letter becomes a dot.
struct TagText {
    explicit TagText(std::uint32_t tag);
    char text[5];
};

}  // namespace remap::kernel
