// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/gpu.h"

#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/time.h"
#include "hw/spec/gpu_registers.h"

namespace remap::guest {

namespace ids = gpu::spec::pci_function;

const pci::Function* find_gpu(unsigned n) { return pci::find(ids::vendor, ids::device, n); }

GpuMmio::GpuMmio(const pci::Function& function) : MappedRegisters(function.map_bar(ids::register_bar)) {
    if (base() == nullptr) panic("the GPU has no register BAR, or there is no room for its view");
    function.set_bus_master(true);
}

void GpuMmio::pause() { pause_cpu(); }

pci::Bar vram_of(const pci::Function& function) { return function.bar(ids::vram_bar); }

}  // namespace remap::guest
