// SPDX-License-Identifier: MIT
// A small driver image, written byte by byte as the "PE Format" page describes it and without the loader's own
// definitions, for tests to load and to damage. The same one each time:
//
//   file     in memory
//   0x000    0x0000     DOS header; PE signature at 0x80, COFF header 0x84, optional header 0x98, directories 0x108,
//                       section table 0x188 (40 bytes each), headers end at 0x400
//   0x400    0x1000     .text   R-X  entry point 0x1010: returns what the import in slot 0x2080 returns, plus 1
//   0x600    0x2000     .rdata  R--  import descriptors 0x2000, lookup tables 0x2040 and 0x2058, address tables 0x2080
//                                    and 0x2098, names from 0x20b0 on, load configuration 0x2100
//   0x800    0x3000     .data   RW-  0x3000: address of 0x3010; 0x3008: security cookie; then zeros to 0x4800
//   0xa00    0x5000     .reloc  R--  discardable; two blocks: 0x3000 (one place), 0x2000 (one place)
//   0xc00    0x6000     end
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace remap::pe {

class Builder {
public:
    Builder();

    template <typename T>
    Builder& put(std::size_t offset, T value) {
        std::memcpy(file_.data() + offset, &value, sizeof value);
        return *this;
    }
    Builder& put8(std::size_t offset, std::uint8_t value) { return put(offset, value); }
    Builder& put16(std::size_t offset, std::uint16_t value) { return put(offset, value); }
    Builder& put32(std::size_t offset, std::uint32_t value) { return put(offset, value); }
    Builder& put64(std::size_t offset, std::uint64_t value) { return put(offset, value); }
    Builder& put_text(std::size_t offset, std::string_view text);
    Builder& resize(std::size_t bytes);

    std::span<const std::byte> file() const { return file_; }
    operator std::span<const std::byte>() const { return file_; }

private:
    void put_headers();
    void put_section(unsigned index, const char* name, std::uint32_t bytes, std::uint32_t address,
                     std::uint32_t characteristics);
    void put_imports();
    void put_data();

    std::vector<std::byte> file_;
};

}  // namespace remap::pe
