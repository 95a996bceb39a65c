// SPDX-License-Identifier: MIT
#include "base/archive.h"

namespace remap {

namespace {

// The head.
constexpr std::size_t kind_at = 0, version_at = 4, length_at = 8, checksum_at = 12, head_bytes = 16;

constexpr auto crc_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? 0xedb88320u : 0);
        table[byte] = remainder;
    }
    return table;
}();

std::uint32_t checksum_of(std::span<const std::byte> stream) {
    return crc32(crc32(0, stream.first(checksum_at)), stream.subspan(head_bytes));
}

}  // namespace

std::uint32_t crc32(std::uint32_t before, std::span<const std::byte> bytes) {
    std::uint32_t remainder = ~before;
    for (const std::byte byte : bytes)
        remainder = remainder >> 8 ^ crc_table[(remainder ^ std::to_integer<std::uint32_t>(byte)) & 0xff];
    return ~remainder;
}

void describe(const ArchiveError& error, std::span<char> to) {
    std::size_t used = 0;
    for (const char* text : {error.part, ": ", error.field, " ", error.problem})
        for (; *text != 0 && used + 1 < to.size(); ++text) to[used++] = *text;
    if (!to.empty()) to[used] = 0;
}

ArchiveWriter::ArchiveWriter(const ArchiveFormat& format, std::span<std::byte> to) : to_(to), used_(head_bytes) {
    put(kind_at, format.kind, 4);
    put(version_at, format.newest, 4);
}

std::uint64_t ArchiveWriter::word(const char*, std::uint64_t value, std::size_t bytes) {
    put(used_, value, bytes);
    used_ += bytes;
    return value;
}

std::size_t ArchiveWriter::finish() {
    put(length_at, used_ - head_bytes, 4);
    if (used_ <= to_.size()) put(checksum_at, checksum_of(to_.first(used_)), 4);
    return used_;
}

void ArchiveWriter::put(std::size_t at, std::uint64_t value, std::size_t bytes) {
    if (at > to_.size() || bytes > to_.size() - at) return;
    for (std::size_t i = 0; i < bytes; ++i) to_[at + i] = static_cast<std::byte>(value >> 8 * i);
}

ArchiveReader::ArchiveReader(const ArchiveFormat& format, std::span<const std::byte> from) : from_(from) {
    part_ = "stream";
    if (from.size() >= head_bytes)
        read_head(format);
    else
        fail("head", "is cut short");
    part_ = "";
}

void ArchiveReader::read_head(const ArchiveFormat& format) {
    version_ = static_cast<std::uint32_t>(get(version_at, 4));
    check(get(kind_at, 4) == format.kind, "kind", "is that of another model");
    check(get(length_at, 4) == from_.size() - head_bytes, "length", "is not that of the data");
    check(get(checksum_at, 4) == checksum_of(from_), "checksum", "does not fit: the data is damaged");
    check(version_ <= format.newest, "version", "is newer than this model knows");
    check(version_ >= format.oldest, "version", "is older than this model still reads");
    from_ = from_.subspan(head_bytes);
}

std::uint64_t ArchiveReader::word(const char* field, std::uint64_t value, std::size_t bytes) {
    if (error_) return value;
    if (bytes > from_.size()) {
        fail(field, "is missing: the data ends before it");
        return value;
    }
    const std::uint64_t read = get(0, bytes);
    from_ = from_.subspan(bytes);
    return read;
}

bool ArchiveReader::allows(const char* field, std::uint64_t elements) {
    check(elements <= from_.size(), field, "has more elements than there is data");
    return ok();
}

ArchiveError ArchiveReader::finish() {
    part_ = "stream";
    check(from_.empty(), "data", "goes on behind the last field");
    return error_;
}

void ArchiveReader::fail(const char* field, const char* problem) {
    if (!error_) error_ = {part_, field, problem};
}

std::uint64_t ArchiveReader::get(std::size_t at, std::size_t bytes) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value |= std::to_integer<std::uint64_t>(from_[at + i]) << 8 * i;
    return value;
}

}  // namespace remap
