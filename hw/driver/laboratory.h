// SPDX-License-Identifier: MIT
// The laboratory's registers (hw/spec/lab_registers.h) as a guest's driver side writes them. Freestanding; one thread
// at a time, as an event is written in several parts.
#pragma once

#include "hw/spec/lab_registers.h"

#include <cstdint>

namespace remap::lab_driver {

class Laboratory {
public:
    // Over the page of registers, mapped uncached.
    explicit Laboratory(volatile std::uint64_t* registers) : registers_(registers) {}

    bool is_there() const;

    // Writes an event down: as many stores as it has fields that are not zero, and one.
    void post(const spec::lab::DriverEvent& event) const;

    // Events of this machine that were believed, and that were not.
    std::uint64_t taken() const;
    std::uint64_t refused() const;

private:
    std::uint64_t read(std::uint64_t offset) const { return registers_[offset / sizeof *registers_]; }
    void write(std::uint64_t offset, std::uint64_t value) const { registers_[offset / sizeof *registers_] = value; }

    volatile std::uint64_t* registers_;
};

}  // namespace remap::lab_driver
