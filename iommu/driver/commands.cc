// SPDX-License-Identifier: MIT
#include "iommu/driver/commands.h"

#include "iommu/spec/registers.h"

namespace remap::vtd_driver {

namespace gcmd = vtd::global_command;

std::uint32_t Commands::status() const { return registers_.read32(gcmd::status_offset); }

Error Commands::set(std::uint64_t bits) {
    const auto wanted = static_cast<std::uint32_t>(bits);
    registers_.write32(gcmd::offset, (status() & gcmd::persistent) | wanted);
    return poll([&] { return (status() & wanted) == wanted; }) ? Error::None : Error::Timeout;
}

Error Commands::clear(std::uint64_t bits) {
    const auto unwanted = static_cast<std::uint32_t>(bits);
    registers_.write32(gcmd::offset, status() & gcmd::persistent & ~unwanted);
    return poll([&] { return (status() & unwanted) == 0; }) ? Error::None : Error::Timeout;
}

Error Commands::flush_write_buffer() {
    registers_.write32(gcmd::offset, (status() & gcmd::persistent) | gcmd::WriteBufferFlush::mask);
    return poll([&] { return !gcmd::WriteBufferFlush::get(status()); }) ? Error::None : Error::Timeout;
}

}  // namespace remap::vtd_driver
