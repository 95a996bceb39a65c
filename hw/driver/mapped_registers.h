// SPDX-License-Identifier: MIT
// The GPU's registers where they are mapped, uncached, into the address space of whoever drives it. Freestanding.
#pragma once

#include "hw/driver/ports.h"

#include <cstdint>

namespace remap::gpu_driver {

// How to pause is left to the machine.
class MappedRegisters : public GpuRegisters {
public:
    std::uint32_t read32(std::uint64_t offset) final { return *at<std::uint32_t>(offset); }
    std::uint64_t read64(std::uint64_t offset) final { return *at<std::uint64_t>(offset); }
    void write32(std::uint64_t offset, std::uint32_t value) final { *at<std::uint32_t>(offset) = value; }
    void write64(std::uint64_t offset, std::uint64_t value) final { *at<std::uint64_t>(offset) = value; }

protected:
    // The window of BAR 0; null until it is mapped.
    explicit MappedRegisters(volatile void* base = nullptr) : base_(static_cast<volatile unsigned char*>(base)) {}
    ~MappedRegisters() = default;

    volatile unsigned char* base() const { return base_; }
    void set_base(volatile void* base) { base_ = static_cast<volatile unsigned char*>(base); }

private:
    template <typename Word>
    volatile Word* at(std::uint64_t offset) const {
        return reinterpret_cast<volatile Word*>(base_ + offset);
    }

    volatile unsigned char* base_;
};

}  // namespace remap::gpu_driver
