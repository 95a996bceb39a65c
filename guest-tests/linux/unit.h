// SPDX-License-Identifier: MIT
// The remapping unit as the CPU sees it, behind the kernel's back: what is in its registers, not what the kernel says.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace remap::linux_guest {

class Unit {
public:
    // The first unit that the kernel drives; nothing when there is none or its registers cannot be mapped.
    static std::optional<Unit> find();

    std::uint32_t read32(std::uint64_t offset) const;
    std::uint64_t read64(std::uint64_t offset) const;

    // The upper halves of the fault records whose F bit is set. The driver empties them when it reports a fault.
    std::vector<std::uint64_t> faults() const;

private:
    explicit Unit(const volatile unsigned char* registers) : registers_(registers) {}

    const volatile unsigned char* registers_;
};

}  // namespace remap::linux_guest
