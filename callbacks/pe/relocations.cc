// SPDX-License-Identifier: MIT
#include "callbacks/pe/relocations.h"

#include "base/address.h"
#include "callbacks/pe/format.h"

namespace remap::pe {

using namespace format;

Relocations::Relocations(const Image& image) : image_(image) {
    const DirectoryEntry table = image.directory(Directory::Relocation);
    if (table.address == 0 || table.bytes == 0) return;  // it holds no address of its own
    blocks_ = image.data_from(table.address);
    position_ = table.address;
    if (blocks_.size() < table.bytes) {
        fail(in_image(Error::RelocationsOutside, table.address, table.bytes));
        return;
    }
    blocks_ = blocks_.first(table.bytes);
}

bool Relocations::fail(const Problem& problem) {
    problem_ = problem;
    blocks_ = {};
    entries_ = {};
    return false;
}

// Blocks follow each other on boundaries of 32 bits, each for one page.
bool Relocations::begin_block() {
    if (blocks_.size() < relocation::header_bytes)
        return fail(in_image(Error::BadRelocationBlock, position_, blocks_.size()));
    const auto size = read<std::uint32_t>(blocks_, 4);
    page_ = read<std::uint32_t>(blocks_, 0);
    if (size < relocation::header_bytes || size % 4 != 0 || size > blocks_.size())
        return fail(in_image(Error::BadRelocationBlock, position_, size));
    if (page_ % page_size != 0) return fail(in_image(Error::BadRelocationBlock, position_, page_));
    entries_ = blocks_.first(size).subspan(relocation::header_bytes);
    blocks_ = blocks_.subspan(size);
    position_ += size;
    return true;
}

bool Relocations::next() {
    for (;;) {
        while (entries_.empty()) {
            if (blocks_.empty() || !begin_block()) return false;
        }
        const auto entry = read<std::uint16_t>(entries_, 0);
        entries_ = entries_.subspan(relocation::entry_bytes);
        const unsigned type = entry >> 12;
        if (type == relocation::absolute) continue;
        const std::uint64_t place = std::uint64_t{page_} + (entry & 0xfff);
        if (type != relocation::dir64) return fail(in_image(Error::UnknownRelocation, place, type));
        if (image_.section_at(place, sizeof(std::uint64_t)) == nullptr)
            return fail(in_image(Error::RelocationOutside, place));
        place_ = static_cast<std::uint32_t>(place);
        return true;
    }
}

}  // namespace remap::pe
