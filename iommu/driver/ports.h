// SPDX-License-Identifier: MIT
// What the driver's side of the IOMMU needs from the machine it runs on.
#pragma once

#include <cstdint>

namespace remap::vtd_driver {

// The unit's register window. Offsets are bytes.
class RegisterPort {
public:
    virtual std::uint32_t read32(std::uint64_t offset) = 0;
    virtual std::uint64_t read64(std::uint64_t offset) = 0;
    virtual void write32(std::uint64_t offset, std::uint32_t value) = 0;
    virtual void write64(std::uint64_t offset, std::uint64_t value) = 0;

protected:
    ~RegisterPort() = default;
};

}  // namespace remap::vtd_driver
