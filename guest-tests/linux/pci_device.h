// SPDX-License-Identifier: MIT
// PCI devices as the kernel shows them in /sys/bus/pci.
#pragma once

#include <string>
#include <vector>

namespace remap::linux_guest {

class PciDevice {
public:
    explicit PciDevice(std::string address) : address_(std::move(address)) {}

    // "0000:01:00.0"
    const std::string& address() const { return address_; }

    // Of the domain that its IOMMU group has: "DMA" is translated and invalidated strictly, "DMA-FQ" lazily, "identity"
    // passes through (kernel, Documentation/ABI/testing/sysfs-kernel-iommu_groups). Empty without an IOMMU.
    std::string domain_type() const;

    // As above; possible only while no driver has the device. The kernel's answer: errno, or 0.
    int set_domain_type(const std::string& type) const;

    // The kernel's answer: errno, or 0.
    int unbind(const std::string& driver) const;
    int bind(const std::string& driver) const;

    // Binds it to this driver, which others of its kind do not get. The kernel's answer: errno, or 0.
    int bind_only_to(const std::string& driver) const;

    // The number of its IOMMU group; empty without an IOMMU.
    std::string iommu_group() const;

    // Names of what the driver made of it: class "net", or the block devices of "nvme" ("nvme0n1").
    std::vector<std::string> network_interfaces() const;
    std::vector<std::string> disks() const;

private:
    std::string path() const { return "/sys/bus/pci/devices/" + address_; }

    std::string address_;
};

// The devices that a driver has, in the order of their addresses.
std::vector<PciDevice> devices_of(const std::string& driver);

// The devices of a vendor and kind ("0x1234"), with a driver or without, in the order of their addresses.
std::vector<PciDevice> devices_of_kind(const std::string& vendor, const std::string& device);

}  // namespace remap::linux_guest
