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

// Section 11.4.4.1: one change a write. A queue error left pending would hold up the queue that is started next
// (section 6.5.2.11).
Error Commands::take_over() {
    for (const std::uint64_t bit :
         {gcmd::InterruptRemapping::mask, gcmd::Translation::mask, gcmd::QueuedInvalidation::mask}) {
        if ((status() & bit) == 0) continue;
        if (const Error error = clear(bit); error != Error::None) return error;
    }
    namespace fsts = vtd::fault_status;
    registers_.write32(fsts::offset, fsts::QueueError::mask | fsts::CompletionError::mask | fsts::TimeoutError::mask);
    return Error::None;
}

Error Commands::set_root_table(std::uint64_t value) {
    registers_.write64(vtd::root_table::offset, value);
    return set(gcmd::SetRootTable::mask);
}

Error Commands::flush_write_buffer() {
    registers_.write32(gcmd::offset, (status() & gcmd::persistent) | gcmd::WriteBufferFlush::mask);
    return poll([&] { return !gcmd::WriteBufferFlush::get(status()); }) ? Error::None : Error::Timeout;
}

}  // namespace remap::vtd_driver
