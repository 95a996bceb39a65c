// SPDX-License-Identifier: MIT
#include "guest-tests/linux/pci_device.h"

#include "guest-tests/linux/files.h"

#include <algorithm>
#include <filesystem>

namespace remap::linux_guest {

namespace {

const std::string drivers = "/sys/bus/pci/drivers/";
const std::string devices_folder = "/sys/bus/pci/devices/";

// The names in a folder that begin so; none when there is no folder.
std::vector<std::string> names(const std::string& folder, const std::string& beginning) {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
        if (entry.path().filename().string().starts_with(beginning)) found.push_back(entry.path().filename());
    std::ranges::sort(found);
    return found;
}

}  // namespace

std::string PciDevice::domain_type() const { return read_file(path() + "/iommu_group/type"); }

int PciDevice::set_domain_type(const std::string& type) const { return write_file(path() + "/iommu_group/type", type); }

int PciDevice::unbind(const std::string& driver) const { return write_file(drivers + driver + "/unbind", address_); }

int PciDevice::bind(const std::string& driver) const { return write_file(drivers + driver + "/bind", address_); }

int PciDevice::bind_only_to(const std::string& driver) const {
    const int answer = write_file(path() + "/driver_override", driver);
    return answer != 0 ? answer : bind(driver);
}

std::string PciDevice::iommu_group() const {
    std::error_code error;
    return std::filesystem::read_symlink(path() + "/iommu_group", error).filename();
}

std::vector<std::string> PciDevice::network_interfaces() const { return names(path() + "/net", "eth"); }

std::vector<std::string> PciDevice::disks() const {
    std::vector<std::string> found;
    for (const std::string& controller : names(path() + "/nvme", "nvme"))
        std::ranges::copy(names(path() + "/nvme/" + controller, "nvme"), std::back_inserter(found));
    return found;
}

std::vector<PciDevice> devices_of(const std::string& driver) {
    std::vector<PciDevice> devices;
    for (const std::string& address : names(drivers + driver, "0000:")) devices.emplace_back(address);
    return devices;
}

std::vector<PciDevice> devices_of_kind(const std::string& vendor, const std::string& device) {
    std::vector<PciDevice> devices;
    for (const std::string& address : names(devices_folder, "0000:")) {
        const std::string folder = devices_folder + address;
        if (read_file(folder + "/vendor") == vendor && read_file(folder + "/device") == device)
            devices.emplace_back(address);
    }
    return devices;
}

}  // namespace remap::linux_guest
