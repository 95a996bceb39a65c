// SPDX-License-Identifier: MIT
// A PE32+ driver image as a file: its headers and sections, checked. The file is untrusted: nothing that this class
// hands out lies outside it. Freestanding.
//
// What Windows would load and this does not: images with sections smaller than a page (drivers of other machines have
// them), and sections that are both writable and executable (HVCI, which drivers of WDDM 2.9 must support, refuses
// them). Tables for unwinding are not used: there is no structured exception handling, and a fault of a driver is a trap.
#pragma once

#include "base/result.h"
#include "callbacks/pe/problem.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace remap::pe {

// What may be done with a page. Any combination but write with execute.
struct Rights {
    bool read = false;
    bool write = false;
    bool execute = false;
    friend bool operator==(const Rights&, const Rights&) = default;
};

struct Section {
    char name[9] = {};
    std::uint32_t address = 0;      // RVA, a multiple of the page size
    std::uint32_t bytes = 0;        // in memory, not 0; zeros follow the file data
    std::uint32_t data_offset = 0;  // into the file
    std::uint32_t data_bytes = 0;   // not more than `bytes`
    Rights rights{};
    bool discardable = false;  // not needed after the driver's initialisation

    bool contains(std::uint64_t rva, std::uint64_t count) const {
        return rva >= address && count <= bytes && rva - address <= bytes - count;
    }
};

enum class Directory : std::uint8_t { Import = 1, Relocation = 5, LoadConfig = 10, DelayImport = 13, Managed = 14 };

struct DirectoryEntry {
    std::uint32_t address = 0;  // RVA; 0: the image has none
    std::uint32_t bytes = 0;
};

class Image {
public:
    static constexpr unsigned most_sections = 96;                        // of the Windows loader
    static constexpr std::uint32_t most_bytes = std::uint32_t{1} << 30;  // of an image in memory
    static constexpr unsigned directory_count = 16;

    // Reads and checks headers, section table, checksum (when there is one), relocations, imports and load
    // configuration. `file` is referred to, not copied.
    static Result<Image, Problem> parse(std::span<const std::byte> file);

    std::uint64_t preferred_base() const { return preferred_base_; }
    std::uint32_t bytes() const { return bytes_; }  // in memory, a multiple of the page size
    std::uint32_t header_bytes() const { return header_bytes_; }
    std::uint32_t entry_point() const { return entry_point_; }  // RVA
    std::span<const Section> sections() const { return {sections_.data(), section_count_}; }
    DirectoryEntry directory(Directory which) const { return directories_[static_cast<unsigned>(which)]; }

    std::span<const std::byte> headers() const { return file_.first(header_bytes_); }
    std::span<const std::byte> data_of(const Section& section) const {
        return file_.subspan(section.data_offset, section.data_bytes);
    }

    // File data from an RVA to the end of what its section, or the headers, have in the file; empty when there is none.
    std::span<const std::byte> data_from(std::uint64_t rva) const;

    // The section that has `count` bytes at an RVA, in the file or as zeros; null: none.
    const Section* section_at(std::uint64_t rva, std::uint64_t count) const;

    // Forgets the file. What concerns memory stays known.
    void leave_file() { file_ = {}; }

private:
    Problem read_headers();
    Problem read_optional_header(std::uint64_t at, std::uint32_t size);
    Problem read_sections(std::uint64_t at);
    Problem read_section(std::uint64_t at, Section& section) const;
    Problem check_data(const Section& section, std::uint64_t at) const;
    Problem check_tables() const;

    std::span<const std::byte> file_;
    std::uint64_t preferred_base_ = 0;
    std::uint32_t bytes_ = 0;
    std::uint32_t header_bytes_ = 0;
    std::uint32_t entry_point_ = 0;
    std::uint32_t section_alignment_ = 0;
    std::uint32_t file_alignment_ = 0;
    std::array<DirectoryEntry, directory_count> directories_{};
    std::array<Section, most_sections> sections_{};
    unsigned section_count_ = 0;
};

// The checksum of a file as drivers carry it, computed with the field at `field` taken as zero: the sum of all 16-bit
// words with the carry added in again, plus the file's length.
std::uint32_t checksum_of(std::span<const std::byte> file, std::size_t field);

}  // namespace remap::pe
