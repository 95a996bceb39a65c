// SPDX-License-Identifier: MIT
#include "callbacks/pe/imports.h"

#include "callbacks/pe/format.h"

#include <algorithm>

namespace remap::pe {

using namespace format;

Imports::Imports(const Image& image) : image_(image) {
    const DirectoryEntry table = image.directory(Directory::Import);
    position_ = table.address;
    if (table.address == 0) return;
    // The size is of no use: linkers count more than the descriptors, and the loader of Windows does not look at it.
    descriptors_ = image.data_from(table.address);
    if (descriptors_.empty()) fail(in_image(Error::ImportsOutside, table.address));
}

bool Imports::fail(const Problem& problem) {
    problem_ = problem;
    descriptors_ = {};
    in_module_ = false;
    return false;
}

bool Imports::read_name(std::uint64_t rva, std::string_view& name) {
    const std::span<const std::byte> data = image_.data_from(rva);
    const auto* text = reinterpret_cast<const char*>(data.data());
    const auto* end = text + std::min<std::size_t>(data.size(), longest_name + 1);
    const auto* terminator = std::find(text, end, '\0');
    const bool printable = std::all_of(text, terminator, [](char c) { return c > ' ' && c <= '~'; });
    if (terminator == end || terminator == text || !printable) return fail(in_image(Error::BadImportName, rva));
    name = {text, static_cast<std::size_t>(terminator - text)};
    return true;
}

// False at the end of the descriptors too.
bool Imports::begin_module() {
    if (descriptors_.size() < import_descriptor::bytes) return fail(in_image(Error::ImportsOutside, position_));
    const auto descriptor = descriptors_.first(import_descriptor::bytes);
    if (std::ranges::all_of(descriptor, [](std::byte b) { return b == std::byte{0}; })) {
        descriptors_ = {};
        return false;
    }
    const auto name = read<std::uint32_t>(descriptor, import_descriptor::name);
    const auto addresses = read<std::uint32_t>(descriptor, import_descriptor::address_table);
    const auto lookups = read<std::uint32_t>(descriptor, import_descriptor::lookup_table);
    if (name == 0 || addresses == 0) return fail(in_image(Error::BadImportDescriptor, position_));
    if (++seen_ > most) return fail(in_image(Error::TooManyImports, position_, seen_));
    if (!read_name(name, module_)) return false;
    // In the file both tables say the same.
    lookups_ = image_.data_from(lookups != 0 ? lookups : addresses);
    next_slot_ = addresses;
    in_module_ = true;
    position_ += import_descriptor::bytes;
    descriptors_ = descriptors_.subspan(import_descriptor::bytes);
    return true;
}

bool Imports::take_entry(std::uint64_t entry) {
    if ((entry & import_descriptor::by_ordinal) != 0)
        return fail(in_image(Error::ImportByOrdinal, next_slot_, entry & 0xffff, module_));
    if ((entry & ~import_descriptor::name_mask) != 0)
        return fail(in_image(Error::BadImportTable, next_slot_, entry, module_));
    if (image_.section_at(next_slot_, import_descriptor::entry_bytes) == nullptr)
        return fail(in_image(Error::BadImportTable, next_slot_, 0, module_));
    if (++seen_ > most) return fail(in_image(Error::TooManyImports, next_slot_, seen_, module_));
    if (!read_name(entry + import_descriptor::hint_bytes, name_)) return false;
    slot_ = next_slot_;
    next_slot_ += import_descriptor::entry_bytes;
    lookups_ = lookups_.subspan(import_descriptor::entry_bytes);
    return true;
}

bool Imports::next() {
    for (;;) {
        if (!in_module_ && (descriptors_.empty() || !begin_module())) return false;
        if (lookups_.size() < import_descriptor::entry_bytes)
            return fail(in_image(Error::BadImportTable, next_slot_, 0, module_));
        const auto entry = read<std::uint64_t>(lookups_, 0);
        if (entry != 0) return take_entry(entry);
        in_module_ = false;
        if (descriptors_.empty()) return fail(in_image(Error::ImportsOutside, position_));
    }
}

}  // namespace remap::pe
