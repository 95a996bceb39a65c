// SPDX-License-Identifier: MIT
// A remap-gpu of the machine: its registers, its VRAM, its interrupts.
#pragma once

#include "guest-tests/runtime/msi.h"
#include "guest-tests/runtime/pci.h"
#include "guest-tests/runtime/views.h"
#include "hw/driver/device.h"

#include <cstdint>

namespace remap::guest {

// The machine's n-th GPU; null when it has none.
const pci::Function* find_gpu(unsigned n = 0);

// Registers as the GPU's driver wants them, over BAR 0. Lets the function do DMA.
class GpuMmio final : public gpu_driver::GpuRegisters {
public:
    // Panics when the registers cannot be mapped.
    explicit GpuMmio(const pci::Function& function);

    std::uint32_t read32(std::uint64_t offset) override;
    std::uint64_t read64(std::uint64_t offset) override;
    void write32(std::uint64_t offset, std::uint32_t value) override;
    void write64(std::uint64_t offset, std::uint64_t value) override;
    void pause() override;

private:
    volatile std::uint8_t* base_;
};

// Where the CPU sees the GPU's VRAM, from physical memory's point of view.
pci::Bar vram_of(const pci::Function& function);

}  // namespace remap::guest
