// SPDX-License-Identifier: MIT
// A copy of a device's is two accesses that happen at once and are nearly alike. In the rings they are one record,
// which costs half as much to write; readers are given two events of Kind::Dma.
#pragma once

#include "base/bits.h"
#include "iommu/lab/event.h"

#include <array>
#include <cstdint>
#include <optional>

namespace remap::lab {

// Of the packed event: its kind, and what its fields hold besides source and pasid.
//   flags   of the read          address  of the read      result  of the read
//   code    bytes, and the flags of the write
//   detail  the write's address  length   the write's result
inline constexpr Kind copy_record = static_cast<Kind>(0xff);
using CopyBytes = Field<23, 0, std::uint32_t>;
using CopyWriteFlags = Field<31, 24, std::uint8_t>;

// Nothing of two accesses that are not of one copy: these are two records.
inline std::optional<Event> pack_copy(const Event& read, const Event& write) {
    const bool alike = read.kind == Kind::Dma && write.kind == Kind::Dma && read.time == write.time &&
                       read.source == write.source && read.pasid == write.pasid && read.length == write.length;
    if (!alike || read.length > low_bits(24) || read.code != 0 || write.code != 0 || read.detail != 0 ||
        write.detail != 0)
        return std::nullopt;
    Event packed = read;
    packed.kind = copy_record;
    packed.code = static_cast<std::uint32_t>(CopyBytes::of(static_cast<std::uint32_t>(read.length)) |
                                             CopyWriteFlags::of(write.flags));
    packed.detail = write.address;
    packed.length = write.result;
    return packed;
}

inline std::array<Event, 2> unpack_copy(const Event& packed) {
    Event read = packed, write = packed;
    read.kind = write.kind = Kind::Dma;
    read.length = write.length = CopyBytes::get(packed.code);
    read.code = write.code = 0;
    read.detail = write.detail = 0;
    write.flags = CopyWriteFlags::get(packed.code);
    write.address = packed.detail;
    write.result = packed.length;
    return {read, write};
}

}  // namespace remap::lab
