// SPDX-License-Identifier: MIT
#include "callbacks/pe/image.h"

#include "base/address.h"
#include "base/bits.h"
#include "callbacks/pe/format.h"
#include "callbacks/pe/imports.h"
#include "callbacks/pe/load_config.h"
#include "callbacks/pe/relocations.h"

#include <algorithm>

namespace remap::pe {

using namespace format;

namespace {

// Whether [first, first + bytes) overlaps another range. Values of 32 bits, so no sum overflows.
bool overlap(std::uint64_t first, std::uint64_t bytes, std::uint64_t other, std::uint64_t other_bytes) {
    return first < other + other_bytes && other < first + bytes;
}

}  // namespace

Result<Image, Problem> Image::parse(std::span<const std::byte> file) {
    Image image;
    image.file_ = file;
    Problem problem = image.read_headers();
    if (!problem) problem = image.check_tables();
    if (problem) return Failure{problem};
    return image;
}

Problem Image::read_headers() {
    if (file_.size() < dos::bytes) return in_file(Error::TooShort, file_.size());
    if (const auto magic = read<std::uint16_t>(file_, 0); magic != dos::magic)
        return in_file(Error::NoDosHeader, 0, magic);
    const std::uint64_t pe = read<std::uint32_t>(file_, dos::pe_offset);
    const std::uint64_t header = pe + signature_bytes;
    if (pe < dos::bytes || header > file_.size()) return in_file(Error::NoPeHeader, dos::pe_offset, pe);
    if (const auto found = read<std::uint32_t>(file_, pe); found != signature)
        return in_file(Error::NoPeHeader, pe, found);
    if (header + coff::bytes > file_.size()) return in_file(Error::TooShort, file_.size());

    if (const auto machine = read<std::uint16_t>(file_, header + coff::machine); machine != coff::machine_x64)
        return in_file(Error::WrongMachine, header + coff::machine, machine);
    const auto characteristics = read<std::uint16_t>(file_, header + coff::characteristics);
    if ((characteristics & coff::executable_image) == 0)
        return in_file(Error::NotExecutable, header + coff::characteristics, characteristics);
    if ((characteristics & coff::relocations_stripped) != 0)
        return in_file(Error::NotRelocatable, header + coff::characteristics, characteristics);
    section_count_ = read<std::uint16_t>(file_, header + coff::sections);
    if (section_count_ == 0 || section_count_ > most_sections)
        return in_file(Error::BadSectionCount, header + coff::sections, section_count_);
    const auto optional_bytes = read<std::uint16_t>(file_, header + coff::optional_bytes);
    if (const Problem problem = read_optional_header(header + coff::bytes, optional_bytes)) return problem;
    return read_sections(header + coff::bytes + optional_bytes);
}

Problem Image::read_optional_header(std::uint64_t at, std::uint32_t size) {
    if (size < optional::first_directory) return in_file(Error::BadOptionalHeader, at, size);
    const std::uint64_t end = at + size + section_count_ * section::bytes;  // of the section table
    if (end > file_.size()) return in_file(Error::TooShort, file_.size(), end);
    const auto word = [&](std::size_t offset) { return read<std::uint32_t>(file_, at + offset); };
    const auto bad = [&](Error error, std::size_t offset) { return in_file(error, at + offset, word(offset)); };

    if (const auto magic = read<std::uint16_t>(file_, at); magic != optional::magic_pe32_plus)
        return in_file(Error::WrongMagic, at, magic);
    const std::uint32_t count = word(optional::directories);
    if (count > directory_count || optional::first_directory + count * optional::directory_bytes > size)
        return bad(Error::BadOptionalHeader, optional::directories);
    for (unsigned i = 0; i < count; ++i) {
        const std::size_t entry = optional::first_directory + i * optional::directory_bytes;
        directories_[i] = {word(entry), word(entry + 4)};
    }

    preferred_base_ = read<std::uint64_t>(file_, at + optional::image_base);
    if (preferred_base_ % 0x10000 != 0) return in_file(Error::BadImageBase, at + optional::image_base, preferred_base_);
    section_alignment_ = word(optional::section_alignment);
    if (!is_power_of_two(section_alignment_) || section_alignment_ < page_size)
        return bad(Error::BadSectionAlignment, optional::section_alignment);
    file_alignment_ = word(optional::file_alignment);
    if (!is_power_of_two(file_alignment_) || file_alignment_ < 512 || file_alignment_ > 65536)
        return bad(Error::BadFileAlignment, optional::file_alignment);
    bytes_ = word(optional::image_bytes);
    if (bytes_ == 0 || bytes_ > most_bytes || bytes_ % section_alignment_ != 0)
        return bad(Error::BadImageSize, optional::image_bytes);
    header_bytes_ = word(optional::header_bytes);
    if (header_bytes_ < end || header_bytes_ > file_.size() || header_bytes_ > bytes_)
        return bad(Error::BadHeaderSize, optional::header_bytes);
    if (read<std::uint16_t>(file_, at + optional::subsystem) != optional::subsystem_native)
        return in_file(Error::NotADriver, at + optional::subsystem,
                       read<std::uint16_t>(file_, at + optional::subsystem));
    entry_point_ = word(optional::entry_point);
    // Windows checks the checksum of every driver. 0 is what linkers write that were not told to compute one.
    const std::uint32_t checksum = word(optional::checksum);
    if (checksum != 0 && checksum != checksum_of(file_, at + optional::checksum))
        return bad(Error::WrongChecksum, optional::checksum);
    return {};
}

Problem Image::read_sections(std::uint64_t at) {
    std::uint64_t end = header_bytes_;
    for (unsigned i = 0; i < section_count_; ++i, at += section::bytes) {
        Section& section = sections_[i];
        if (const Problem problem = read_section(at, section)) return problem;
        if (section.address < end) return in_image(Error::OverlappingSection, section.address, end, section.name);
        end = std::uint64_t{section.address} + section.bytes;
        if (end > bytes_) return in_image(Error::SectionOutsideImage, section.address, end, section.name);
        for (const Section& other : sections().first(i))
            if (overlap(section.data_offset, section.data_bytes, other.data_offset, other.data_bytes))
                return in_image(Error::OverlappingData, section.address, section.data_offset, section.name);
    }
    return {};
}

Problem Image::read_section(std::uint64_t at, Section& section) const {
    const auto word = [&](std::size_t offset) { return read<std::uint32_t>(file_, at + offset); };
    std::memcpy(section.name, file_.data() + at, section::name_bytes);
    std::ranges::replace_if(
        section.name, [](char c) { return c != '\0' && (c < ' ' || c > '~'); }, '?');
    section.address = word(section::address);
    section.bytes = word(section::memory_bytes);
    section.data_offset = word(section::data_offset);
    section.data_bytes = word(section::data_bytes);
    if (section.bytes == 0) section.bytes = section.data_bytes;  // old linkers; Windows takes it so
    const std::uint32_t flags = word(section::characteristics);
    section.rights = {.read = (flags & section::readable) != 0,
                      .write = (flags & section::writable) != 0,
                      .execute = (flags & section::executable) != 0};
    section.discardable = (flags & section::discardable) != 0;

    if (section.bytes == 0) return in_image(Error::EmptySection, section.address, 0, section.name);
    if (section.address % section_alignment_ != 0)
        return in_image(Error::MisalignedSection, section.address, 0, section.name);
    if (section.rights.write && section.rights.execute)
        return in_image(Error::WritableCode, section.address, flags, section.name);
    if (const Problem problem = check_data(section, at)) return problem;
    // The file may have more, up to the file alignment, than the section has in memory.
    section.data_bytes = std::min(section.data_bytes, section.bytes);
    if (section.data_bytes == 0) section.data_offset = 0;
    return {};
}

Problem Image::check_data(const Section& section, std::uint64_t at) const {
    if (section.data_bytes == 0) return {};
    if (section.data_offset % file_alignment_ != 0)
        return in_image(Error::MisalignedData, section.address, section.data_offset, section.name);
    const std::uint64_t end = std::uint64_t{section.data_offset} + section.data_bytes;
    if (end > file_.size()) return in_image(Error::DataOutsideFile, section.address, end, section.name);
    if (section.data_offset < header_bytes_)
        return in_file(Error::OverlappingData, at + section::data_offset, section.data_offset);
    return {};
}

Problem Image::check_tables() const {
    const Section* code = section_at(entry_point_, 1);
    if (code == nullptr || !code->rights.execute || data_from(entry_point_).empty())
        return in_image(Error::BadEntryPoint, entry_point_);
    if (const auto managed = directory(Directory::Managed); managed.address != 0)
        return in_image(Error::ManagedCode, managed.address);
    if (const auto delayed = directory(Directory::DelayImport); delayed.address != 0)
        return in_image(Error::DelayedImports, delayed.address);

    Relocations relocations(*this);
    while (relocations.next()) continue;
    if (relocations.problem()) return relocations.problem();
    Imports imports(*this);
    while (imports.next()) continue;
    if (imports.problem()) return imports.problem();
    const auto cookie = find_security_cookie(*this);
    return cookie ? Problem{} : cookie.error();
}

std::span<const std::byte> Image::data_from(std::uint64_t rva) const {
    if (rva < header_bytes_) return headers().subspan(rva);
    const Section* section = section_at(rva, 1);
    if (section == nullptr || rva - section->address >= section->data_bytes) return {};
    return data_of(*section).subspan(rva - section->address);
}

const Section* Image::section_at(std::uint64_t rva, std::uint64_t count) const {
    const auto found = std::ranges::find_if(sections(), [&](const Section& s) { return s.contains(rva, count); });
    return found == sections().end() ? nullptr : &*found;
}

std::uint32_t checksum_of(std::span<const std::byte> file, std::size_t field) {
    const auto byte_at = [&](std::size_t i) {
        const bool counts = i < file.size() && (i < field || i >= field + sizeof(std::uint32_t));
        return counts ? std::to_integer<std::uint32_t>(file[i]) : 0;
    };
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < file.size(); i += 2) {
        sum += byte_at(i) | byte_at(i + 1) << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint32_t>(sum + file.size());
}

}  // namespace remap::pe
