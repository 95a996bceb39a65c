// SPDX-License-Identifier: MIT
// Numbers of the PE32+ format, from "PE Format" of the Windows documentation (win32, page pe-format): offsets in bytes
// from the beginning of each structure. Nothing but the format; image.h and its neighbours say what is accepted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace remap::pe::format {

// A little-endian number at an offset that the caller has checked; nothing in a file need be aligned.
template <typename T>
T read(std::span<const std::byte> bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

namespace dos {
inline constexpr std::size_t bytes = 64;
inline constexpr std::uint16_t magic = 0x5a4d;  // "MZ", at 0
inline constexpr std::size_t pe_offset = 0x3c;  // 32 bits: where the signature is
}  // namespace dos

inline constexpr std::uint32_t signature = 0x00004550;  // "PE\0\0"
inline constexpr std::size_t signature_bytes = 4;

namespace coff {  // behind the signature
inline constexpr std::size_t bytes = 20;
inline constexpr std::size_t machine = 0;           // 16 bits
inline constexpr std::size_t sections = 2;          // 16 bits
inline constexpr std::size_t optional_bytes = 16;   // 16 bits
inline constexpr std::size_t characteristics = 18;  // 16 bits
inline constexpr std::uint16_t machine_x64 = 0x8664;
inline constexpr std::uint16_t relocations_stripped = 0x0001;
inline constexpr std::uint16_t executable_image = 0x0002;
}  // namespace coff

namespace optional {                                  // behind the COFF header
inline constexpr std::size_t magic = 0;               // 16 bits
inline constexpr std::size_t entry_point = 16;        // 32 bits
inline constexpr std::size_t image_base = 24;         // 64 bits
inline constexpr std::size_t section_alignment = 32;  // 32 bits
inline constexpr std::size_t file_alignment = 36;     // 32 bits
inline constexpr std::size_t image_bytes = 56;        // 32 bits
inline constexpr std::size_t header_bytes = 60;       // 32 bits
inline constexpr std::size_t checksum = 64;           // 32 bits
inline constexpr std::size_t subsystem = 68;          // 16 bits
inline constexpr std::size_t directories = 108;       // 32 bits: their number
inline constexpr std::size_t first_directory = 112;   // each an RVA and a size, of 32 bits
inline constexpr std::size_t directory_bytes = 8;
inline constexpr std::uint16_t magic_pe32_plus = 0x20b;
inline constexpr std::uint16_t subsystem_native = 1;
}  // namespace optional

namespace section {  // entries of the section table, behind the optional header
inline constexpr std::size_t bytes = 40;
inline constexpr std::size_t name_bytes = 8;    // at 0, padded with zeros
inline constexpr std::size_t memory_bytes = 8;  // 32 bits, like all that follow: VirtualSize
inline constexpr std::size_t address = 12;      // VirtualAddress
inline constexpr std::size_t data_bytes = 16;   // SizeOfRawData
inline constexpr std::size_t data_offset = 20;  // PointerToRawData
inline constexpr std::size_t characteristics = 36;
inline constexpr std::uint32_t discardable = 0x02000000;
inline constexpr std::uint32_t executable = 0x20000000;
inline constexpr std::uint32_t readable = 0x40000000;
inline constexpr std::uint32_t writable = 0x80000000;
}  // namespace section

namespace relocation {
inline constexpr std::size_t header_bytes = 8;  // the page's RVA and the block's size with this header, of 32 bits
inline constexpr std::size_t entry_bytes = 2;   // type in bits 15:12, offset into the page in 11:0
inline constexpr unsigned absolute = 0;         // padding
inline constexpr unsigned dir64 = 10;
}  // namespace relocation

namespace import_descriptor {  // an array that ends with a descriptor of zeros
inline constexpr std::size_t bytes = 20;
inline constexpr std::size_t lookup_table = 0;    // RVA, or 0: the address table is also the lookup table
inline constexpr std::size_t name = 12;           // RVA of the module's name
inline constexpr std::size_t address_table = 16;  // RVA
inline constexpr std::size_t entry_bytes = 8;     // of both tables, which end with 0
inline constexpr std::uint64_t by_ordinal = std::uint64_t{1} << 63;  // an ordinal in bits 15:0; else an RVA in 30:0
inline constexpr std::uint64_t name_mask = 0x7fffffff;
inline constexpr std::size_t hint_bytes = 2;  // before a routine's name
}  // namespace import_descriptor

namespace load_config {                      // IMAGE_LOAD_CONFIG_DIRECTORY64
inline constexpr std::size_t size = 0;       // 32 bits: of this image's version of the structure
inline constexpr std::size_t cookie = 0x58;  // 64 bits: address of the security cookie at the preferred base
inline constexpr std::uint64_t default_cookie = 0x00002b992ddfa232;
}  // namespace load_config

}  // namespace remap::pe::format
