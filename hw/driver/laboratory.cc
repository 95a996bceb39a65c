// SPDX-License-Identifier: MIT
#include "hw/driver/laboratory.h"

namespace remap::lab_driver {

namespace registers = spec::lab;

bool Laboratory::is_there() const { return read(registers::id) == registers::magic; }

void Laboratory::post(const spec::lab::DriverEvent& event) const {
    if (event.address != 0) write(registers::address, event.address);
    if (event.length != 0) write(registers::length, event.length);
    if (event.result != 0) write(registers::result, event.result);
    if (event.detail != 0) write(registers::detail, event.detail);
    write(registers::commit, event.head());
}

std::uint64_t Laboratory::taken() const { return read(registers::taken); }

std::uint64_t Laboratory::refused() const { return read(registers::refused); }

}  // namespace remap::lab_driver
