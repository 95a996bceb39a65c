// SPDX-License-Identifier: MIT
// A copy of a device's is two accesses that happen at once and are nearly alike. In the rings they are one record,
// which costs half as much to write; readers are given two events of Kind::Dma.
#pragma once

#include "base/bits.h"
#include "iommu/lab/event.h"

#include <array>
#include <cstdint>

namespace remap::lab {

// What the two have in common, and what each has of its own.
struct Copy {
    std::uint16_t source = no_source;
    std::uint32_t pasid = no_pasid;
    std::uint8_t read_flags = 0;
    std::uint8_t write_flags = flag::write;
    std::uint32_t bytes = 0;  // less than 2^24
    std::uint64_t read_address = 0, read_result = 0;
    std::uint64_t write_address = 0, write_result = 0;
};

// Of the record: its kind, and what its fields hold besides source and pasid.
//   flags   of the read          address  of the read      result  of the read
//   code    bytes, and the flags of the write
//   detail  the write's address  length   the write's result
inline constexpr Kind copy_record = static_cast<Kind>(0xff);
using CopyBytes = Field<23, 0, std::uint32_t>;
using CopyWriteFlags = Field<31, 24, std::uint8_t>;

// The words of the record (trace_layout.h), without what only its writer knows.
inline std::array<std::uint64_t, 7> words_of_copy(const Copy& copy) {
    return {0,
            std::uint64_t{static_cast<std::uint8_t>(copy_record)} | std::uint64_t{copy.read_flags} << 8 |
                std::uint64_t{copy.source} << 16 | std::uint64_t{copy.pasid} << 32,
            copy.read_address,
            copy.write_result,
            copy.read_result,
            copy.write_address,
            CopyBytes::of(copy.bytes) | CopyWriteFlags::of(copy.write_flags)};
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
