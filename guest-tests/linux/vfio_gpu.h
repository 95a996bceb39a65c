// SPDX-License-Identifier: MIT
// The GPU in the hands of this process, by the kernel's VFIO (Documentation/driver-api/vfio.rst): its registers, and
// memory of the process mapped for its DMA.
#pragma once

#include "base/address.h"
#include "guest-tests/linux/descriptor.h"
#include "guest-tests/linux/pci_device.h"
#include "hw/driver/mapped_registers.h"

#include <cstdint>
#include <memory>
#include <string>

namespace remap::linux_guest {

class VfioGpu final : public gpu_driver::MappedRegisters {
public:
    // Takes the device from the kernel and makes it bus master. On failure null, and `why` says which step the kernel
    // refused.
    static std::unique_ptr<VfioGpu> open(const PciDevice& device, std::string& why);
    ~VfioGpu();
    VfioGpu(const VfioGpu&) = delete;
    VfioGpu& operator=(const VfioGpu&) = delete;

    // Whole pages, for reading and writing. The kernel's answer: errno, or 0.
    int map(void* memory, std::uint64_t bytes, LogicalAddress at);
    int unmap(LogicalAddress at, std::uint64_t bytes);

    void pause() override;

private:
    VfioGpu() = default;
    bool take(const PciDevice& device, std::string& why);
    bool map_registers(std::string& why);
    bool set_bus_master(std::string& why);

    Descriptor container_;
    Descriptor group_;
    Descriptor device_;
    std::uint64_t register_bytes_ = 0;
};

}  // namespace remap::linux_guest
