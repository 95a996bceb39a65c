// SPDX-License-Identifier: MIT
#include "iommu/lab/layout.h"

#include <algorithm>
#include <cctype>

namespace remap::lab {

namespace {

constexpr std::uint64_t seconds_to_begin = 10;  // more than enough between creating an object and its header

bool is_text(const std::array<char, 64>& text) {
    const auto end = std::find(text.begin(), text.end(), '\0');
    return end != text.end() && std::all_of(text.begin(), end, [](char c) { return c >= ' ' && c <= '~'; });
}

std::string complaint_about_places(const SegmentHeader& header) {
    for (const PartPlace& place : header.places) {
        if (place.offset % segment_page != 0 || place.offset < segment_page || place.offset > header.bytes ||
            place.bytes > header.bytes - place.offset)
            return "a part lies outside of it";
    }
    auto sorted = header.places;
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
    for (unsigned i = 1; i < parts; ++i) {
        if (sorted[i - 1].offset + sorted[i - 1].bytes > sorted[i].offset) return "its parts overlap";
    }
    // Tools copy this one. A file can be longer than any memory and take no space.
    if (header.place(Part::Rules).bytes != rules_text_bytes) return "its list of rules has another size";
    return {};
}

}  // namespace

bool is_machine_name(const std::string& name) {
    const auto allowed = [](unsigned char c) {
        return c < 128 && (std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-');
    };
    return !name.empty() && name.size() < 64 && std::isalnum(static_cast<unsigned char>(name[0])) != 0 &&
           std::all_of(name.begin(), name.end(), allowed);
}

ObjectPlace place_of_machine(const std::string& name) { return {.is_file = false, .name = segment_prefix + name}; }

void lay_out(SegmentHeader& header, const std::array<std::uint64_t, parts>& sizes) {
    std::uint64_t offset = segment_page;
    for (unsigned i = 0; i < parts; ++i) {
        header.places[i] = {offset, sizes[i]};
        offset += (sizes[i] + segment_page - 1) / segment_page * segment_page;
    }
    header.bytes = offset;
}

Result<SegmentHeader, std::string> read_header(const SharedObject& object) {
    SegmentHeader header;
    if (!object.read(0, &header, sizeof header) || header.magic != segment_magic)
        return Failure{std::string("it is not a control segment, or is not ready yet")};
    if (header.version != segment_version || header.header_bytes != sizeof header)
        return Failure{std::string("it was made by another version of remaplab")};
    std::string what;
    if (header.bytes != object.size()) {
        what = "its size is another";
    } else if (!is_text(header.name) || !is_text(header.build)) {
        what = "a name in it is damaged";
    } else if (!is_machine_name(header.name.data())) {
        what = "its machine has a name that none can have";
    } else {
        what = complaint_about_places(header);
    }
    if (!what.empty()) return Failure{"it is damaged: " + what};
    return header;
}

bool is_segment_remains(const SharedObject& object) {
    std::uint64_t magic = 0;
    const bool has_magic = object.read(0, &magic, sizeof magic);
    if (has_magic && magic == segment_magic) return true;
    return (!has_magic || magic == 0) && object.seconds_since_change() > seconds_to_begin;
}

bool is_dead_name(const SharedObject& object) {
    return is_segment_remains(object) || object.seconds_since_change() > seconds_to_begin;
}

}  // namespace remap::lab
