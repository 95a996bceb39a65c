// SPDX-License-Identifier: MIT
// The registers of QEMU's cache model (hw/spec/cache_registers.h) as a guest's tests read them. Freestanding; one
// thread at a time, as a finding is selected and then read.
#pragma once

#include "base/address.h"
#include "hw/spec/cache_registers.h"

#include <cstdint>

namespace remap::cache_driver {

// As hw/spec/cache_registers.h describes each; code addresses of instructions that have no part in it are 0.
struct Finding {
    spec::cache::FindingKind kind = spec::cache::FindingKind::None;
    PhysicalAddress first;
    std::uint64_t bytes = 0;
    std::uint64_t store_code = 0;
    std::uint64_t store_address = 0;
    std::uint64_t load_code = 0;
    std::uint64_t load_address = 0;
    std::uint64_t flush_code = 0;
    std::uint64_t dma_address = 0;
    std::uint64_t dma_source = 0;
    std::uint64_t count = 0;
    std::uint64_t other_code = 0;
    std::uint64_t other_address = 0;
};

class CacheModel {
public:
    // Over the page of registers, mapped uncached.
    explicit CacheModel(volatile std::uint64_t* registers) : registers_(registers) {}

    bool is_there() const;
    bool is_strict() const;

    // Different ones so far, and one of them by its number from 0; all zeros when there is none.
    std::uint64_t findings() const;
    Finding finding(std::uint64_t index) const;

    // Tells it of pages that a device reaches, where it cannot see that itself: without a translating IOMMU of ours.
    void set_mapped(PhysicalPage first, std::uint64_t pages, bool mapped) const;

private:
    std::uint64_t read(std::uint64_t offset) const { return registers_[offset / sizeof *registers_]; }
    void write(std::uint64_t offset, std::uint64_t value) const { registers_[offset / sizeof *registers_] = value; }

    volatile std::uint64_t* registers_;
};

}  // namespace remap::cache_driver
