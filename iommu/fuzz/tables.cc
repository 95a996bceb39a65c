// SPDX-License-Identifier: MIT
#include "iommu/fuzz/tables.h"

namespace remap::fuzz {

namespace {

unsigned levels_of(const iommu::Options& options) {
    return options.address_width == 57 ? 5 : options.address_width == 48 ? 4 : 3;
}

void write_second_stage(Ram& ram, bool huge_pages) {
    for (unsigned level = 5; level > 1; --level) ram.set(at::second(level), at::second(level - 1) | 3);
    for (std::uint64_t page = 0; page < Ram::pages; ++page) ram.set(at::second(1) + 8 * page, page << 12 | 3);
    ram.set(at::second(1) + 8 * Ram::pages, at::data | 1);
    ram.set(at::second(1) + 8 * Ram::pages + 8, at::data | 2);
    ram.set(at::second(1) + 8 * Ram::pages + 16, 0xfee00003);
    ram.set(at::second(2) + 8, huge_pages ? 0x83 : 0);
    ram.set(at::second(3) + 8, huge_pages ? 0x83 : 0);
    ram.set(at::second(3) + 8 * 3, huge_pages ? 0xc0000083 : 0);  // has the interrupt range in it
}

void write_first_stage(Ram& ram) {
    for (unsigned level = 5; level > 1; --level) {
        ram.set(at::first(level), at::first(level - 1) | 7);
        ram.set(at::first(level) + 0xff8, at::first(level - 1) | 7);  // for the upper half too
    }
    static constexpr std::uint64_t rights[] = {7, 5, 3, 1, 0x67, 0x467};
    for (std::uint64_t page = 0; page < std::size(rights); ++page)
        ram.set(at::first(1) + 8 * page, (at::data + (page << 12)) | rights[page]);
    ram.set(at::first(2) + 8, 0x87);
    ram.set(at::first(3) + 8, 0x87);
}

// Those that requests meet, of all modes.
constexpr std::uint64_t entries_in_use[] = {at::root,
                                            at::root + 8,
                                            at::contexts + 0x100,
                                            at::contexts + 0x108,
                                            at::contexts + 0x180,
                                            at::contexts + 0x188,
                                            at::contexts + 0x200,
                                            at::contexts + 0x208,
                                            at::contexts + 0x210,
                                            at::upper_contexts + 0x200,
                                            at::upper_contexts + 0x208,
                                            at::directory,
                                            at::pasids,
                                            at::pasids + 8,
                                            at::pasids + 16,
                                            at::pasids + 24,
                                            at::pasids + 64,
                                            at::pasids + 72,
                                            at::pasids + 128,
                                            at::pasids + 136,
                                            at::pasids + 144,
                                            at::pasids + 192,
                                            at::first(5),
                                            at::first(4),
                                            at::first(3),
                                            at::first(2),
                                            at::first(1),
                                            at::first(1) + 8,
                                            at::first(2) + 8,
                                            at::first(3) + 8,
                                            at::first(4) + 0xff8,
                                            at::second(5),
                                            at::second(4),
                                            at::second(3),
                                            at::second(2),
                                            at::second(1),
                                            at::second(1) + 8,
                                            at::second(1) + 0x30,
                                            at::second(1) + 8 * at::data / page_size,
                                            at::second(1) + 8 * Ram::pages,
                                            at::second(2) + 8,
                                            at::second(3) + 8,
                                            at::second(3) + 24};

}  // namespace

void write_legacy_tables(Ram& ram, const iommu::Options& options) {
    const unsigned levels = levels_of(options);
    ram.set(at::root, at::contexts | 1);
    ram.set(at::contexts + 0x100, at::second(levels) | 1);
    ram.set(at::contexts + 0x108, 0x700 | (levels - 2));
    ram.set(at::contexts + 0x180, 0x9);
    ram.set(at::contexts + 0x188, 0x800 | (levels - 2));
    write_second_stage(ram, options.huge_pages);
}

void write_scalable_tables(Ram& ram, const iommu::Options& options) {
    const std::uint64_t levels = levels_of(options);
    const std::uint64_t mode = levels == 5 ? 4 : 0;
    const std::uint64_t width = (levels - 2) << 2;
    ram.set(at::root, at::contexts | 1);
    ram.set(at::root + 8, at::upper_contexts | 1);
    ram.set(at::contexts + 0x200, at::directory | 9);
    ram.set(at::upper_contexts + 0x200, at::directory | 9);
    ram.set(at::upper_contexts + 0x208, 2);
    ram.set(at::directory, at::pasids | 1);
    for (std::uint64_t pasid = 0; pasid < 4; ++pasid) {
        ram.set(at::pasids + 64 * pasid, at::second(static_cast<unsigned>(levels)) | (pasid + 1) << 6 | width | 1);
        ram.set(at::pasids + 64 * pasid + 8, 0x800007 + pasid % 2);
        ram.set(at::pasids + 64 * pasid + 16, at::first(mode ? 5 : 4) | mode | 1);
    }
    write_first_stage(ram);
    write_second_stage(ram, options.huge_pages);
}

std::uint64_t start_from(Input& input, Rig& rig) {
    static constexpr std::uint64_t modes[] = {0, 0x400, 0x800, 0xc00};
    rig.reset();
    const std::uint8_t how = input.byte();
    const bool scalable = rig.options.scalable && (how & 1) != 0;
    if (scalable) {
        write_scalable_tables(rig.ram, rig.options);
    } else {
        write_legacy_tables(rig.ram, rig.options);
    }
    const std::uint64_t base = (how & 2) != 0 ? (how & 4) != 0 ? Ram::high : Ram::read_only : 0;
    const std::uint64_t mode = (how & 0x38) == 0x38 ? modes[how >> 6] : modes[scalable];
    rig.start(base + at::root + mode);
    return rig.read64(0x20);
}

void write_tables_again(Rig& rig, std::uint64_t root_table_register) {
    if ((root_table_register & 0xc00) == 0x400 && rig.options.scalable) {
        write_scalable_tables(rig.ram, rig.options);
    } else {
        write_legacy_tables(rig.ram, rig.options);
    }
}

void change_memory(Input& input, Ram& ram) {
    const std::uint8_t how = input.byte();
    if (how < 0xa0) {
        const std::uint64_t where = input.pick(entries_in_use);
        return ram.set(where, ram.get(where) ^ std::uint64_t{1} << (how & 63));
    }
    const std::uint64_t page = input.byte() % 32u;
    const std::uint8_t index = input.byte();
    const std::uint64_t offset = index < 0xe0 ? 8u * (index % 64u) : 0xf00 + 8u * (index % 32u);
    const std::uint64_t where = page * page_size + offset;
    const std::uint64_t word = word_from(input);
    ram.set(where, index & 1 ? ram.get(where) ^ word : word);
}

}  // namespace remap::fuzz
