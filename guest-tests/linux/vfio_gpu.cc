// SPDX-License-Identifier: MIT
#include "guest-tests/linux/vfio_gpu.h"

#include "guest-tests/linux/files.h"

#include <fcntl.h>
#include <linux/vfio.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace remap::linux_guest {

namespace {

constexpr off_t command_register = 4;  // of configuration space
constexpr std::uint16_t memory_and_bus_master = 1 << 1 | 1 << 2;

bool refused(std::string& why, const char* step) {
    why = std::string(step) + ": " + std::strerror(errno);
    return false;
}

}  // namespace

std::unique_ptr<VfioGpu> VfioGpu::open(const PciDevice& device, std::string& why) {
    std::unique_ptr<VfioGpu> gpu(new VfioGpu);
    return gpu->take(device, why) && gpu->map_registers(why) && gpu->set_bus_master(why) ? std::move(gpu) : nullptr;
}

VfioGpu::~VfioGpu() {
    if (base() != nullptr) munmap(const_cast<unsigned char*>(base()), register_bytes_);
}

// A group of devices that the IOMMU tells apart from others goes into a container, which is an address space.
bool VfioGpu::take(const PciDevice& device, std::string& why) {
    errno = device.bind_only_to("vfio-pci");
    if (errno != 0) return refused(why, "binding to vfio-pci");
    container_ = Descriptor(::open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
    if (!container_) return refused(why, "/dev/vfio/vfio");
    group_ = Descriptor(::open(("/dev/vfio/" + device.iommu_group()).c_str(), O_RDWR | O_CLOEXEC));
    if (!group_) return refused(why, "/dev/vfio/GROUP");
    const int container = container_.get();
    if (ioctl(group_.get(), VFIO_GROUP_SET_CONTAINER, &container) != 0) return refused(why, "VFIO_GROUP_SET_CONTAINER");
    if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) != 0) return refused(why, "VFIO_SET_IOMMU");
    device_ = Descriptor(ioctl(group_.get(), VFIO_GROUP_GET_DEVICE_FD, device.address().c_str()));
    return device_ ? true : refused(why, "VFIO_GROUP_GET_DEVICE_FD");
}

bool VfioGpu::map_registers(std::string& why) {
    vfio_region_info info{
        .argsz = sizeof info, .flags = 0, .index = VFIO_PCI_BAR0_REGION_INDEX, .cap_offset = 0, .size = 0, .offset = 0};
    if (ioctl(device_.get(), VFIO_DEVICE_GET_REGION_INFO, &info) != 0)
        return refused(why, "VFIO_DEVICE_GET_REGION_INFO");
    void* const mapped =
        mmap(nullptr, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, device_.get(), static_cast<off_t>(info.offset));
    if (mapped == MAP_FAILED) return refused(why, "mapping the registers");
    set_base(mapped);
    register_bytes_ = info.size;
    return true;
}

bool VfioGpu::set_bus_master(std::string& why) {
    vfio_region_info info{.argsz = sizeof info,
                          .flags = 0,
                          .index = VFIO_PCI_CONFIG_REGION_INDEX,
                          .cap_offset = 0,
                          .size = 0,
                          .offset = 0};
    if (ioctl(device_.get(), VFIO_DEVICE_GET_REGION_INFO, &info) != 0)
        return refused(why, "VFIO_DEVICE_GET_REGION_INFO");
    const auto at = static_cast<off_t>(info.offset) + command_register;
    return pwrite(device_.get(), &memory_and_bus_master, sizeof memory_and_bus_master, at) == 2
               ? true
               : refused(why, "the command register");
}

int VfioGpu::map(void* memory, std::uint64_t bytes, LogicalAddress at) {
    vfio_iommu_type1_dma_map request{.argsz = sizeof request,
                                     .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
                                     .vaddr = reinterpret_cast<std::uintptr_t>(memory),
                                     .iova = at.value,
                                     .size = bytes};
    return ioctl(container_.get(), VFIO_IOMMU_MAP_DMA, &request) == 0 ? 0 : errno;
}

int VfioGpu::unmap(LogicalAddress at, std::uint64_t bytes) {
    vfio_iommu_type1_dma_unmap request{};
    request.argsz = sizeof request;
    request.iova = at.value;
    request.size = bytes;
    return ioctl(container_.get(), VFIO_IOMMU_UNMAP_DMA, &request) == 0 ? 0 : errno;
}

void VfioGpu::pause() { sched_yield(); }

}  // namespace remap::linux_guest
