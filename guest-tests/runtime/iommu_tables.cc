// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/iommu_tables.h"

#include "guest-tests/runtime/caches.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/iommu_unit.h"
#include "guest-tests/runtime/owned_memory.h"
#include "iommu/paging/vtd_second_stage.h"
#include "iommu/paging/walker.h"
#include "iommu/spec/registers.h"
#include "iommu/spec/tables.h"

#include <optional>

namespace remap::guest {

namespace {

namespace root = vtd::root_entry;
namespace ctx = vtd::context_entry;
using Format = paging::VtdSecondStage;

EntryWord word_at(PhysicalAddress address) {
    if (address < owned_begin() || address >= owned_end()) panic("an IOMMU table at %lx", address.value);
    return reinterpret_cast<EntryWord>(address.value);
}

// Ends at the leaf, or at `lowest_level` before that.
SecondStageEntry walk(std::uint16_t source, LogicalAddress address, unsigned lowest_level) {
    const EntryWord context = context_entry_of(source);
    SecondStageEntry last;
    unsigned level = ctx::levels_of(ctx::AddressWidth::get(context[1]));
    const paging::WalkRequest<Format> request{.root = {context[0] & ctx::second_stage},
                                              .levels = level,
                                              .address = address.value,
                                              .wanted = {},
                                              .limits = {}};
    paging::walk(request, [&](PhysicalAddress at) -> std::optional<std::uint64_t> {
        if (level < lowest_level) return std::nullopt;
        last = {word_at(at), level--};
        return *last.word;
    });
    return last;
}

}  // namespace

EntryWord root_entry_of(std::uint16_t source) {
    const std::uint64_t table = iommu_registers().read64(vtd::root_table::offset) & vtd::root_table::address;
    return word_at({table + std::uint64_t{root::bytes} * (source >> 8)});
}

EntryWord context_entry_of(std::uint16_t source) {
    const std::uint64_t table = *root_entry_of(source) & root::context_table;
    return word_at({table + std::uint64_t{ctx::bytes} * (source & 0xff)});
}

SecondStageEntry leaf_of(std::uint16_t source, LogicalAddress address) { return walk(source, address, 1); }

SecondStageEntry entry_above_leaf_of(std::uint16_t source, LogicalAddress address) {
    return walk(source, address, leaf_of(source, address).level + 1);
}

void store_entry(EntryWord word, std::uint64_t value) {
    *word = value;
    flush_cache_lines(word, sizeof *word);
}

}  // namespace remap::guest
