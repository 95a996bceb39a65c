// SPDX-License-Identifier: MIT
// A remap-gpu of the machine: its registers, its VRAM, its interrupts.
#pragma once

#include "guest-tests/runtime/msi.h"
#include "guest-tests/runtime/pci.h"
#include "guest-tests/runtime/views.h"
#include "hw/driver/device.h"
#include "hw/driver/mapped_registers.h"

#include <cstdint>

namespace remap::guest {

// The machine's n-th GPU; null when it has none.
const pci::Function* find_gpu(unsigned n = 0);

// Registers as the GPU's driver wants them, over BAR 0. Lets the function do DMA.
class GpuMmio final : public gpu_driver::MappedRegisters {
public:
    // Panics when the registers cannot be mapped.
    explicit GpuMmio(const pci::Function& function);

    void pause() override;
};

// Where the CPU sees the GPU's VRAM, from physical memory's point of view.
pci::Bar vram_of(const pci::Function& function);

}  // namespace remap::guest
