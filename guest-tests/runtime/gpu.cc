// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/gpu.h"

#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/time.h"
#include "hw/spec/gpu_registers.h"

namespace remap::guest {

namespace ids = gpu::spec::pci_function;

const pci::Function* find_gpu(unsigned n) { return pci::find(ids::vendor, ids::device, n); }

GpuMmio::GpuMmio(const pci::Function& function)
    : base_(static_cast<volatile std::uint8_t*>(function.map_bar(ids::register_bar))) {
    if (base_ == nullptr) panic("the GPU has no register BAR, or there is no room for its view");
    function.set_bus_master(true);
}

std::uint32_t GpuMmio::read32(std::uint64_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(base_ + offset);
}

std::uint64_t GpuMmio::read64(std::uint64_t offset) {
    return *reinterpret_cast<volatile std::uint64_t*>(base_ + offset);
}

void GpuMmio::write32(std::uint64_t offset, std::uint32_t value) {
    *reinterpret_cast<volatile std::uint32_t*>(base_ + offset) = value;
}

void GpuMmio::write64(std::uint64_t offset, std::uint64_t value) {
    *reinterpret_cast<volatile std::uint64_t*>(base_ + offset) = value;
}

void GpuMmio::pause() { pause_cpu(); }

pci::Bar vram_of(const pci::Function& function) { return function.bar(ids::vram_bar); }

}  // namespace remap::guest
