// SPDX-License-Identifier: MIT
// Two edus with a driver each, as a suite needs them: started as adapters that remap, with memory of their own.
#pragma once

#include "callbacks/driver/allocation.h"
#include "guest-tests/runtime/adapter.h"
#include "guest-tests/runtime/edu.h"
#include "guest-tests/runtime/test.h"

#include <cstdint>

namespace remap::guest {

struct EduBench {
    EduBench(EduPlace place, SIZE_T bytes, const AdapterOptions& options = {.highest_visible = Edu::highest_visible},
             PhysicalAddress highest = {~std::uint64_t{0}})
        : edu(place), adapter(edu.function(), options) {
        REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
        REQUIRE_EQ(memory.make(adapter.callbacks(), {.bytes = bytes, .highest = highest}), STATUS_SUCCESS);
    }

    // A byte of a pattern that is another one for each device.
    std::uint8_t pattern(std::uint64_t index) const {
        return static_cast<std::uint8_t>(index * 167 + (index >> 8) + 1 + edu.source());
    }
    void fill_with_pattern(std::uint64_t offset, std::uint64_t bytes) {
        for (std::uint64_t i = 0; i < bytes; ++i) memory[offset + i] = pattern(i);
    }

    // The first byte of [offset, offset + bytes) that is not `expected(index)`, or the end.
    template <typename Expected>
    std::uint64_t first_difference(std::uint64_t offset, std::uint64_t bytes, Expected expected) const {
        std::uint64_t i = 0;
        while (i < bytes && memory[offset + i] == expected(i)) ++i;
        return offset + i;
    }
    bool holds_pattern(std::uint64_t offset, std::uint64_t bytes) const {
        return first_difference(offset, bytes, [&](std::uint64_t i) { return pattern(i); }) == offset + bytes;
    }
    bool holds(std::uint8_t value, std::uint64_t offset, std::uint64_t bytes) const {
        return first_difference(offset, bytes, [&](std::uint64_t) { return value; }) == offset + bytes;
    }

    Edu edu;
    Adapter adapter;
    driver::Allocation memory;
};

}  // namespace remap::guest
