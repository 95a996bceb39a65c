// SPDX-License-Identifier: MIT
#include "iommu/fuzz/reference.h"

#include <algorithm>

namespace remap::fuzz {

using iommu::Access;
using iommu::Request;
using iommu::RequestType;

namespace {

// The bits high:low of a word, shifted down.
std::uint64_t bits(std::uint64_t word, unsigned high, unsigned low) { return word << (63 - high) >> (63 - high + low); }

constexpr std::uint64_t page_bits = ~std::uint64_t{0xfff};
constexpr std::uint64_t address_51_12 = 0xffffffffff000;

bool is_interrupt(std::uint64_t address) { return bits(address, 63, 20) == 0xfee; }

// Sub-tables 21 to 31 of section 7.1.3 that say "no" under "qualified": faults before a context entry, or of a table
// that could not be read.
bool always_recorded(unsigned reason) {
    static constexpr unsigned reasons[] = {0x1, 0x8, 0x9, 0xa, 0x30, 0x31, 0x32, 0x38, 0x39, 0x3a, 0x40, 0x50, 0x58};
    return std::find(std::begin(reasons), std::end(reasons), reason) != std::end(reasons);
}

}  // namespace

bool Reference::read(std::uint64_t address, std::uint64_t& word) const {
    std::uint64_t at = 0;
    if (!Ram::place(address, 8, false, at)) return false;
    word = ram_.words[at / 8];
    return true;
}

// Whether any bit of high:low is set.
bool Reference::has(std::uint64_t word, unsigned high, unsigned low) const { return bits(word, high, low) != 0; }

// SAGAW: 39 bits always, then what the widest includes.
bool Reference::width_is_offered(unsigned width) const {
    return width == 1 || (width == 2 && options_.address_width >= 48) || (width == 3 && options_.address_width == 57);
}

Reference::Device Reference::legacy_device(const Request& request) const {
    const unsigned beyond = options_.host_address_width;
    Device device;
    std::uint64_t low = 0, high = 0;
    const std::uint64_t root = (root_ & page_bits) + 16 * (request.source.value >> 8);
    if (!read(root, low) || !read(root + 8, high)) return {.reason = 0x8};
    if (!has(low, 0, 0)) return {.reason = 0x1};
    if (has(low, 11, 1) || has(low, 63, beyond) || high != 0) return {.reason = 0xa};
    const std::uint64_t context = (low & page_bits) + 16 * (request.source.value & 0xff);
    if (!read(context, low) || !read(context + 8, high)) return {.reason = 0x9};

    device.quiet = has(low, 1, 1);
    const std::uint64_t type = bits(low, 3, 2);
    const auto width = static_cast<unsigned>(bits(high, 2, 0));
    device.type = type == 2 ? 4 : 2;
    device.second_root = low & page_bits;
    device.second_levels = width + 2;
    if (!has(low, 0, 0)) {
        device.reason = 0x2;
    } else if (has(low, 11, 4) || (type != 2 && has(low, 63, beyond)) || has(high, 7, 7) || has(high, 63, 24)) {
        device.reason = 0xb;
    } else if (type == 3 || type == 1 || !width_is_offered(width)) {  // type 1 needs ECAP.DT
        device.reason = 0x3;
    } else if (request.type != RequestType::Untranslated) {
        device.reason = 0xd;
    }
    return device;
}

Reference::Device Reference::scalable_device(const Request& request) const {
    const unsigned beyond = options_.host_address_width;
    Device device{.scalable = true};
    std::uint64_t half = 0;
    const unsigned devfn = request.source.value & 0xff;
    if (!read((root_ & page_bits) + 16 * (request.source.value >> 8) + (devfn & 0x80 ? 8 : 0), half))
        return {.reason = 0x38};
    if (!has(half, 0, 0)) return {.reason = 0x39};
    if (has(half, 11, 1) || has(half, 63, beyond)) return {.reason = 0x3a};
    std::uint64_t words[4] = {};
    for (unsigned i = 0; i < 4; ++i) {
        if (!read((half & page_bits) + 32 * (devfn & 0x7f) + 8 * i, words[i])) return {.reason = 0x40};
    }
    device.quiet = has(words[0], 1, 1);
    device.privileged = request.pasid && request.privileged;
    const auto requester = static_cast<unsigned>(bits(words[1], 19, 0));
    const unsigned pasid = request.pasid ? request.pasid->value : requester;
    const std::uint64_t directory_entries = std::uint64_t{128} << bits(words[0], 11, 9);
    if (!has(words[0], 0, 0)) {
        device.reason = 0x41;
    } else if (has(words[0], 8, 4) || has(words[0], 2, 2) || has(words[0], 63, beyond) || has(words[1], 63, 20) ||
               words[2] != 0 || words[3] != 0) {  // DTE and PRE need ECAP.DT and PRS
        device.reason = 0x42;
    } else if (request.type != RequestType::Untranslated) {
        device.reason = 0x44;
    } else if (request.pasid && !has(words[0], 3, 3)) {
        device.reason = 0x45;
    } else if (pasid / 64 >= directory_entries) {
        device.reason = request.pasid ? 0x46 : 0x43;
    } else {
        read_pasid_entry(request, words[0] & page_bits, pasid, device);
    }
    return device;
}

void Reference::read_pasid_entry(const Request& request, std::uint64_t directory, unsigned pasid,
                                 Device& device) const {
    const unsigned beyond = options_.host_address_width;
    std::uint64_t slot = 0;
    std::uint64_t words[8] = {};
    const auto fails = [&](unsigned reason) { device.reason = reason; };
    if (!read(directory + 8 * (pasid / 64), slot)) return fails(0x50);
    device.quiet |= has(slot, 1, 1);
    if (!has(slot, 0, 0)) return fails(0x51);
    if (has(slot, 11, 2) || has(slot, 63, beyond)) return fails(0x52);
    for (unsigned i = 0; i < 8; ++i) {
        if (!read((slot & page_bits) + 64 * (pasid % 64) + 8 * i, words[i])) return fails(0x58);
    }
    device.quiet |= has(words[0], 1, 1);
    if (!has(words[0], 0, 0)) return fails(0x59);
    const bool snoop = options_.snoop_control;
    if (has(words[0], 5, 5) || has(words[0], 11, 10) || has(words[0], 63, beyond) || has(words[1], 22, 16) ||
        (!snoop && has(words[1], 24, 24)) || has(words[1], 63, 25) || has(words[2], 1, 1) || has(words[2], 11, 8) ||
        has(words[2], 63, beyond) || std::any_of(words + 3, words + 8, [](std::uint64_t word) { return word != 0; }))
        return fails(0x5a);

    const auto width = static_cast<unsigned>(bits(words[0], 4, 2));
    const auto mode = static_cast<unsigned>(bits(words[2], 3, 2));
    const bool five_levels = options_.address_width == 57;
    device.type = static_cast<unsigned>(bits(words[0], 8, 6));
    const bool first = device.type == 1 || device.type == 3;
    const bool second = device.type == 2 || device.type == 3;
    if (device.type < 1 || device.type > 4 || (first && (mode > 1 || (mode == 1 && !five_levels))) ||
        (second && !width_is_offered(width)))
        return fails(0x5b);
    device.second_root = words[0] & page_bits;
    device.second_levels = width + 2;
    device.second_updates = has(words[0], 9, 9);
    device.first_root = words[2] & page_bits;
    device.first_levels = 4 + mode;
    device.write_protect = has(words[2], 4, 4);
    device.extended_accessed = has(words[2], 7, 7);
    device.walk_snoop = has(words[1], 23, 23);
    if (request.pasid && request.execute) return fails(0x5c);  // ERE cannot be set
    if (device.privileged && !has(words[2], 0, 0)) return fails(0x5d);
}

// Sections 3.7 and 9.8.
Reference::Stage Reference::second_stage(const Device& device, std::uint64_t address, bool write, bool data) const {
    const unsigned width = std::min(options_.address_width, 9 * device.second_levels + 12);
    const auto reason = [&](unsigned legacy, unsigned scalable) {
        return Stage{.reason = device.scalable ? scalable : legacy};
    };
    if (has(address, 63, width)) return reason(0x4, 0x84);
    Stage stage{.read = true, .write = true, .user = true};
    std::uint64_t places[6] = {}, entries[6] = {};
    std::uint64_t table = device.second_root;
    for (unsigned level = device.second_levels;; --level) {
        const unsigned shift = 12 + 9 * (level - 1);
        std::uint64_t& entry = entries[level];
        places[level] = table + 8 * bits(address, shift + 8, shift);
        if (!read(places[level], entry)) return level == device.second_levels ? reason(0x3, 0x7b) : reason(0x7, 0x78);
        if (!has(entry, 1, 0)) return reason(write ? 0x5 : 0x6, 0x79);
        const bool large = has(entry, 7, 7) && level > 1;
        const bool leaf = level == 1 || large;
        if (has(entry, 51, options_.host_address_width) || has(entry, 62, 62) ||
            (has(entry, 11, 11) && !(leaf && options_.snoop_control)) ||
            (large && (level > 3 || !options_.huge_pages || has(entry, shift - 1, 12))))
            return reason(0xc, 0x7a);
        stage.read &= has(entry, 0, 0);
        stage.write &= has(entry, 1, 1);
        if (!stage.read && !stage.write) return reason(write ? 0x5 : 0x6, 0x79);  // as good as not present
        table = entry & address_51_12;
        if (!leaf) continue;
        stage.address = table | bits(address, shift - 1, 0);
        stage.shift = shift;
        if (!(write ? stage.write : stage.read)) return reason(write ? 0x5 : 0x6, write ? 0x85 : 0x86);
        if (data && is_interrupt(stage.address)) return reason(0xe, 0x87);
        for (unsigned up = device.second_levels; device.second_updates && up >= level; --up) {
            const bool dirty = up == level && write;
            const bool due = !has(entries[up], 8, 8) || (dirty && !has(entries[up], 9, 9));
            std::uint64_t at = 0;
            if (due && !device.walk_snoop) return reason(0, 0x7c);
            if (due && !Ram::place(places[up], 8, true, at)) return reason(0, 0x7d);
        }
        return stage;
    }
}

// Why a first-stage entry cannot be read: 0 when it can, or when nothing is nested.
unsigned Reference::entry_refused(const Device& device, std::uint64_t at, unsigned level) const {
    const bool top = level == device.first_levels;
    const Stage host = second_stage(device, at, false, false);
    if (host.reason == 0x84) return 0x74;
    if (host.reason == 0x86) return top ? 0x75 : 0x76;
    return host.reason;
}

// Why a first-stage entry cannot be written, to set a bit in it.
unsigned Reference::update_refused(const Device& device, std::uint64_t at) const {
    std::uint64_t host = at;
    if (device.type == 3) {
        const Stage stage = second_stage(device, at, true, false);
        if (stage.reason == 0x85) return 0x77;
        if (stage.reason != 0) return stage.reason;
        host = stage.address;
    }
    std::uint64_t place = 0;
    return Ram::place(host, 8, true, place) ? 0 : 0x91;
}

// Sections 3.6 and 9.7.
Reference::Stage Reference::first_stage(const Device& device, std::uint64_t address, bool write) const {
    const unsigned top_bit = 9 * device.first_levels + 11;
    const std::uint64_t sign = bits(address, 63, top_bit);
    if (sign != 0 && sign != bits(~std::uint64_t{0}, 63, top_bit)) return {.reason = 0x80};
    const bool nested = device.type == 3;
    Stage stage{.read = true, .write = true, .user = true};
    std::uint64_t places[6] = {}, entries[6] = {};
    std::uint64_t table = device.first_root;
    for (unsigned level = device.first_levels;; --level) {
        const unsigned shift = 12 + 9 * (level - 1);
        std::uint64_t& entry = entries[level];
        places[level] = table + 8 * bits(address, shift + 8, shift);
        std::uint64_t host = places[level];
        if (nested) {
            if (const unsigned reason = entry_refused(device, places[level], level)) return {.reason = reason};
            host = second_stage(device, places[level], false, false).address;
        }
        if (!read(host, entry)) return {.reason = level == device.first_levels ? 0x73u : 0x70u};
        if (!has(entry, 0, 0)) return {.reason = 0x71};
        const bool large = has(entry, 7, 7) && level > 1;
        const unsigned largest = options_.huge_pages ? 3 : 2;
        if ((!nested && has(entry, 51, options_.host_address_width)) ||
            (large && (level > largest || has(entry, shift - 1, 13))))
            return {.reason = 0x72};
        stage.write &= has(entry, 1, 1);
        stage.user &= has(entry, 2, 2);
        table = entry & address_51_12;
        if (level > 1 && !large) continue;
        stage.address = (table & ~(large ? std::uint64_t{0x1000} : 0)) | bits(address, shift - 1, 0);
        stage.shift = shift;
        const bool supervisor = device.privileged;
        stage.read = supervisor || stage.user;
        stage.write = supervisor ? stage.write || !device.write_protect : stage.user && stage.write;
        if (!stage.read) return {.reason = 0x81};
        if (write && !stage.write) return {.reason = 0x85};
        if (!nested && is_interrupt(stage.address)) return {.reason = 0x87};
        for (unsigned up = device.first_levels; up >= level; --up) {
            const bool due = !has(entries[up], 5, 5) || (device.extended_accessed && !has(entries[up], 10, 10)) ||
                             (up == level && write && !has(entries[up], 6, 6));
            if (!due) continue;
            if (!device.walk_snoop) return {.reason = 0x90};
            if (const unsigned reason = update_refused(device, places[up])) return {.reason = reason};
        }
        return stage;
    }
}

Reference::Stage Reference::both_stages(const Device& device, std::uint64_t address, bool write) const {
    if (device.type == 2) return second_stage(device, address, write, true);
    const Stage first = first_stage(device, address, write);
    if (device.type == 1 || first.reason != 0) return first;
    Stage second = second_stage(device, first.address, write, true);
    second.shift = std::min(first.shift, second.shift);
    second.read &= first.read;
    second.write &= first.write;
    return second;
}

Verdict Reference::translate(const Request& request) const {
    const auto mode = static_cast<unsigned>(bits(root_, 11, 10));
    const bool scalable = mode == 1;
    const bool write = request.access == Access::Write;
    if (is_interrupt(request.address.value) && request.type == RequestType::Untranslated && !request.pasid) {
        if (write) return {.address = request.address.value, .shift = 20, .writable = true};
        return {.reason = scalable ? 0x86u : 0x6u};
    }
    if (mode > 1 || (scalable && !options_.scalable)) return {.reason = 0x30};
    if (request.pasid && !scalable) return {.reason = 0x31};
    const Device device = scalable ? scalable_device(request) : legacy_device(request);
    Stage stage{.reason = device.reason};
    if (device.reason == 0 && device.type == 4) {
        stage = {.address = request.address.value, .shift = 20, .read = true, .write = true};
        if (is_interrupt(stage.address)) stage.reason = scalable ? 0x87 : 0xe;
        if (has(stage.address, 63, options_.host_address_width)) stage.reason = scalable ? 0x83 : 0x4;
    } else if (device.reason == 0) {
        stage = both_stages(device, request.address.value, write);
    }
    if (stage.reason != 0) return {.reason = stage.reason, .quiet = device.quiet && !always_recorded(stage.reason)};
    return {.address = stage.address, .shift = stage.shift, .readable = stage.read, .writable = stage.write};
}

}  // namespace remap::fuzz
