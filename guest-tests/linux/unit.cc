// SPDX-License-Identifier: MIT
#include "guest-tests/linux/unit.h"

#include "guest-tests/linux/descriptor.h"
#include "guest-tests/linux/files.h"
#include "iommu/spec/registers.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cstdlib>

namespace remap::linux_guest {

namespace {

constexpr std::size_t window_bytes = 4096;
constexpr std::uint64_t record_bytes = 16;
constexpr std::uint64_t record_valid = std::uint64_t{1} << 63;  // F, bit 127 of FRCD_REG, 11.4.7.6

}  // namespace

std::optional<Unit> Unit::find() {
    const std::string address = read_file("/sys/class/iommu/dmar0/intel-iommu/address");
    // The kernel owns these registers; it lets others map them where its command line says iomem=relaxed.
    const Descriptor memory(open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC));
    if (address.empty() || !memory) return std::nullopt;
    const auto base = static_cast<off_t>(std::strtoull(address.c_str(), nullptr, 16));
    void* window = mmap(nullptr, window_bytes, PROT_READ, MAP_SHARED, memory.get(), base);
    if (window == MAP_FAILED) return std::nullopt;
    return Unit(static_cast<const volatile unsigned char*>(window));
}

std::uint32_t Unit::read32(std::uint64_t offset) const {
    return *reinterpret_cast<const volatile std::uint32_t*>(registers_ + offset);
}

std::uint64_t Unit::read64(std::uint64_t offset) const {
    return *reinterpret_cast<const volatile std::uint64_t*>(registers_ + offset);
}

std::vector<std::uint64_t> Unit::faults() const {
    const std::uint64_t capability = read64(vtd::capability::offset);
    const std::uint64_t first = vtd::capability::FaultRecordOffset::get(capability) * record_bytes;
    std::vector<std::uint64_t> found;
    for (std::uint64_t i = 0; i <= vtd::capability::FaultRecords::get(capability); ++i) {
        const std::uint64_t upper = first + i * record_bytes + 8;
        if (upper + 8 > window_bytes) break;
        if ((read64(upper) & record_valid) != 0) found.push_back(read64(upper));
    }
    return found;
}

}  // namespace remap::linux_guest
