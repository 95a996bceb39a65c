// SPDX-License-Identifier: MIT
// Interrupt requests and entries with anything in them: what the engine makes of them is what a second reading makes of
// them, by the numbers of the manual (VT-d sections 5.1 and 9.9), with full caches and with empty ones.
#include "iommu/fuzz/rig.h"

#include <memory>

namespace remap::fuzz {
namespace {

using iommu::InterruptMessage;
using iommu::InterruptOutcome;

const iommu::Options kinds[] = {
    {.interrupt_remapping = true, .caches = small_caches},
    {.interrupt_remapping = true, .extended_interrupts = true, .caches = small_caches},
    {.caching_mode = true, .interrupt_remapping = true, .extended_interrupts = true, .caches = small_caches},
};

Rig& rig_of(unsigned kind) {
    static std::unique_ptr<Rig> rigs[std::size(kinds)];
    if (!rigs[kind]) rigs[kind] = std::make_unique<Rig>(kinds[kind], false);
    return *rigs[kind];
}

std::uint64_t bits(std::uint64_t word, unsigned high, unsigned low) { return word << (63 - high) >> (63 - high + low); }

struct Due {
    unsigned reason = 0;
    bool quiet = false;
    std::uint64_t index = 0;
    std::uint64_t address = 0;
    std::uint64_t data = 0;
};

// Table 9.9's source validation: SVT in bits 83:82, SQ in 81:80, SID in 79:64.
bool source_fits(std::uint64_t high, unsigned source) {
    static constexpr unsigned ignored[] = {0, 0x4, 0x6, 0x7};
    const auto id = static_cast<unsigned>(bits(high, 15, 0));
    switch (bits(high, 19, 18)) {
        case 0: return true;
        case 1: return ((id ^ source) & ~ignored[bits(high, 17, 16)] & 0xffff) == 0;
        case 2: return source >> 8 >= id >> 8 && source >> 8 <= (id & 0xff);
        default: return false;  // reserved
    }
}

Due reading(const Rig& rig, std::uint64_t table, bool compatible, unsigned source, const InterruptMessage& request) {
    const bool extended = bits(table, 11, 11) != 0;
    if (bits(request.address, 4, 4) == 0) {
        if (compatible && !extended) return {.address = request.address, .data = request.data};
        return {.reason = 0x25};
    }
    const std::uint64_t handle = bits(request.address, 19, 5) | bits(request.address, 2, 2) << 15;
    const bool sub = bits(request.address, 3, 3) != 0;
    const std::uint64_t index = handle + (sub ? request.data & 0xffff : 0);
    if (sub && request.data >> 16 != 0) return {.reason = 0x20, .index = index & 0xffff};
    if (index >= 2ull << bits(table, 3, 0)) return {.reason = 0x21, .index = index & 0xffff};
    std::uint64_t at = 0;
    const std::uint64_t where = (table & ~std::uint64_t{0xfff}) + 16 * index;
    if (where + 16 > 1ull << rig.options.host_address_width) return {.reason = 0x21, .index = index};
    if (!Ram::place(where, 16, false, at)) return {.reason = 0x23, .index = index};
    const std::uint64_t low = rig.ram.words[at / 8], high = rig.ram.words[at / 8 + 1];
    const bool quiet = bits(low, 1, 1) != 0;
    const bool reserved = bits(low, 31, 24) != 0 || bits(low, 15, 12) != 0 || bits(high, 63, 20) != 0 ||
                          (!extended && (low & 0xffff00ff00000000) != 0);
    if (bits(low, 0, 0) == 0) return {.reason = 0x22, .quiet = quiet, .index = index};
    if (reserved) return {.reason = 0x24, .quiet = quiet, .index = index};
    if (!source_fits(high, source)) return {.reason = 0x26, .quiet = quiet, .index = index};
    const std::uint64_t destination = extended ? bits(low, 63, 32) : bits(low, 47, 40);
    return {.address = 0xfee00000 | (destination & 0xff) << 12 | bits(low, 3, 3) << 3 | bits(low, 2, 2) << 2 |
                       (destination >> 8) << 40,
            .data = bits(low, 23, 16) | bits(low, 7, 5) << 8 | 0x4000 | bits(low, 4, 4) << 15};
}

std::uint64_t entry_word(Input& input, bool high) {
    const std::uint8_t how = input.byte();
    if (how >= 0xe0) return word_from(input);
    if (high) return how & 0x20 ? 0x40010 | std::uint64_t{how & 3u} << 16 : how & 0x40 ? 0x80000 | how : 0;
    return 0x0000000000030001 ^ std::uint64_t{1} << (how & 63) ^ (how & 0x40 ? 0x12000000000 : 0);
}

InterruptMessage message_from(Input& input) {
    const std::uint8_t how = input.byte();
    InterruptMessage message{0xfee00010 | (how & 7u) << 5 | (how & 0x18), 0};
    if (how & 0x20) message.data = static_cast<std::uint32_t>(input.number(3));
    if (how >= 0xc0) message.address = 0xfee00000 | (input.number(3) & 0xfffff);
    return message;
}

void compare(Rig& rig, unsigned source, const InterruptMessage& request, const InterruptOutcome& outcome,
             const Due& due) {
    require(outcome.fault_reason == due.reason, "the reason is the manual's", outcome.fault_reason, due.reason,
            request.address, request.data);
    require(outcome.allowed == (due.reason == 0), "what has a reason is refused");
    if (outcome.allowed) {
        require(outcome.message.address == due.address, "the address is the manual's", outcome.message.address,
                due.address);
        require(outcome.message.data == due.data, "the data are the manual's", outcome.message.data, due.data);
    }
    const std::uint64_t status = rig.read32(0x34);
    require((status >> 1 & 1) == (due.reason != 0 && !due.quiet), "what is to be recorded is recorded", due.reason);
    if ((status & 2) == 0) return;
    const std::uint64_t record = 0x220 + 16 * (status >> 8);
    require(rig.read64(record) >> 48 == due.index, "a record has the index", rig.read64(record), due.index);
    require((rig.read64(record + 8) & 0xffff) == source, "a record has the source");
    rig.write32(record + 12, 0x80000000);
}

}  // namespace
}  // namespace remap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace remap::fuzz;
    Input input(bytes, count);
    Rig& rig = rig_of(input.below(std::size(kinds)));
    rig.reset();
    const std::uint8_t how = input.byte();
    const std::uint64_t base = how & 0x40 ? Ram::high : how & 0x80 ? (1ull << 46) - 0x1000 : 0x3000;
    rig.write64(0xb8, base | (how & 0xf) | (how & 0x10 ? 0x800 : 0));
    const std::uint64_t table = rig.read64(0xb8);
    const bool compatible = (how & 0x20) != 0;
    rig.write32(0x18, 0x01000000);
    rig.write32(0x18, compatible ? 0x02800000 : 0x02000000);
    for (unsigned step = 0; step < 12 && input.more(); ++step) {
        const std::uint64_t entry = 0x3000 + 16 * (input.byte() & 7u);
        rig.ram.set(entry, entry_word(input, false));
        rig.ram.set(entry + 8, entry_word(input, true));
        const remap::iommu::InterruptMessage request = message_from(input);
        const unsigned source = input.byte();
        const remap::iommu::SourceId id{static_cast<std::uint16_t>(source)};
        rig.order(step & 1 ? 0x4 : 0x14 | ((entry - 0x3000) / 16) << 32, 0);
        const Due due = reading(rig, table, compatible, source, request);
        compare(rig, source, request, rig.unit.remap_interrupt(id, request), due);
        rig.ram.accesses = 0;
        compare(rig, source, request, rig.unit.remap_interrupt(id, request), due);
        require(due.reason != 0 || rig.ram.accesses == 0, "an entry that was used is cached");
        const remap::iommu::InterruptOutcome probed = rig.unit.probe_interrupt(id, request);
        require(probed.allowed == (due.reason == 0), "a probe says the same");
        require(rig.ram.words[(0x3000 % Ram::bytes) / 8] == rig.ram.get(0x3000), "nothing is written");
    }
    return 0;
}
