// SPDX-License-Identifier: MIT
// The global command register: written as a whole, acknowledged in the status register (VT-d section 11.4.4); and what
// of a start goes through it, whichever mode the unit is started in.
#pragma once

#include "iommu/driver/ports.h"
#include "iommu/driver/unit.h"

#include <cstdint>

namespace remap::vtd_driver {

// Reads of a register before a unit is given up. A read leaves the CPU, which takes about a microsecond on hardware and
// in an emulator, so that this is some ten seconds.
inline constexpr std::uint64_t poll_limit = 10'000'000;

// Calls done() until it says true. Whether it did within the limit.
template <typename Done>
bool poll(Done&& done) {
    for (std::uint64_t i = 0; i < poll_limit; ++i) {
        if (done()) return true;
    }
    return false;
}

class Commands {
public:
    explicit Commands(RegisterPort& registers) : registers_(registers) {}

    std::uint32_t status() const;

    // Switches the bits on or off, or fires a one-shot, and waits for the status to say so. All other states are kept.
    Error set(std::uint64_t bits);
    Error clear(std::uint64_t bits);

    // Switches off what ran before, which may have left the unit on, and clears its errors.
    Error take_over();

    // RTADDR_REG, which is a table's address and the mode (vtd::root_table): from now on this root counts. What the
    // unit cached under another is forgotten by an invalidation (section 6.6).
    Error set_root_table(std::uint64_t value);

    // CAP.RWBF: what the CPU wrote may stay in a buffer that walks do not see (section 6.8).
    Error flush_write_buffer();

private:
    RegisterPort& registers_;
};

}  // namespace remap::vtd_driver
