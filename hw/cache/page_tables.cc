// SPDX-License-Identifier: MIT
#include "hw/cache/page_tables.h"

#include "iommu/paging/walker.h"

#include <array>
#include <unordered_set>
#include <utility>

namespace remap::cache {

namespace {

using paging::X86Long;

using Cr0Paging = Flag<31>;
using Cr3Table = Field<51, 12>;
using Cr4Levels5 = Flag<12>;          // LA57
using EferLongModeActive = Flag<10>;  // LMA
using EferNoExecute = Flag<11>;       // NXE

X86Long::Limits limits_of(const PagingState& state) {
    return {.physical_address_width = state.controls.physical_address_width, .largest_leaf = state.largest_leaf};
}

// Beyond what the format knows: without EFER.NXE the execute-disable bit is reserved.
bool is_reserved(const PagingState& state, std::uint64_t entry, unsigned level) {
    if (!EferNoExecute::get(state.efer) && (entry & X86Long::no_execute) != 0) return true;
    return X86Long::reserved(entry, level, limits_of(state)) != 0;
}

// Without paging every address is its own, with the type of its range (section "Memory Type Used for Translated
// Guest-Physical Addresses": the page's type is then WB).
MemoryType untranslated_type(const PagingState& state, PhysicalAddress address) {
    paging::CacheControls controls = state.controls;
    controls.pat = paging::Pat{};
    return controls.effective(address, 0);
}

std::uint64_t address_limit(const PagingState& state) { return low_bits(state.controls.physical_address_width); }

}  // namespace

bool PagingState::paging() const { return Cr0Paging::get(controls.cr0); }
bool PagingState::is_modelled() const { return !paging() || EferLongModeActive::get(efer); }
unsigned PagingState::levels() const { return Cr4Levels5::get(cr4) ? 5 : 4; }

PhysicalAddress PagingState::root() const { return {cr3 & Cr3Table::mask & address_limit(*this)}; }

PagingState PagingState::with_root(PhysicalAddress root) const {
    PagingState other = *this;
    other.cr3 = root.value;
    return other;
}

std::optional<Mapping> mapping_of(const PagingState& state, TableReader& reader, CpuVirtualAddress address) {
    if (!state.is_modelled()) return std::nullopt;
    if (!state.paging()) {
        const PhysicalAddress same{address.value};
        if (address.value > address_limit(state)) return std::nullopt;
        return Mapping{.address = same,
                       .type = untranslated_type(state, same),
                       .writable = true,
                       .user = true,
                       .executable = true};
    }
    const CpuVirtualPage page = address.page();
    if (!X86Long::in_range(page, page, state.levels())) return std::nullopt;
    bool reserved = false;
    const paging::Walk found =
        paging::walk<X86Long>({.root = state.root(),
                               .levels = state.levels(),
                               .address = address.value,
                               .wanted = {},
                               .limits = limits_of(state)},
                              [&](PhysicalAddress at) -> std::optional<std::uint64_t> {
                                  std::uint64_t entry = 0;
                                  if (!reader.read(at, &entry, 1)) return std::nullopt;
                                  reserved = reserved || (X86Long::present(entry) && !EferNoExecute::get(state.efer) &&
                                                          (entry & X86Long::no_execute) != 0);
                                  return entry;
                              });
    if (!found.found() || reserved) return std::nullopt;
    const PhysicalAddress to = found.translate(address.value);
    return Mapping{.address = to,
                   .shift = found.shift,
                   .type = state.controls.effective(to, X86Long::pat_index(found.attributes)),
                   .writable = found.rights.covers(paging::right_write),
                   .user = found.rights.covers(paging::right_user),
                   .executable = found.rights.covers(paging::right_execute)};
}

namespace {

// One search through all tables below a root.
class Search {
public:
    Search(const PagingState& state, TableReader& reader, PhysicalPage wanted, const SearchLimits& limits)
        : state_(state), reader_(reader), wanted_(wanted), limits_(limits) {}

    PageMappings run() {
        visit(state_.root().page(), state_.levels(), 0, paging::all_rights);
        return std::move(result_);
    }

private:
    using Words = std::array<std::uint64_t, paging::entries_per_table>;

    // Whether the page was found below a table. `first`: page number of what the table's first entry maps, without the
    // sign bits.
    bool visit(PhysicalPage table, unsigned level, std::uint64_t first, paging::Rights rights) {
        const std::uint64_t key = table.number * (paging::most_levels + 1) + level;
        if (stopped_ || barren_.contains(key)) return false;
        if (result_.tables_read == limits_.tables) return stop();
        ++result_.tables_read;
        Words words;
        if (!reader_.read(table.address(), words.data(), words.size())) {
            result_.complete = false;
            barren_.insert(key);
            return false;
        }
        bool found = false;
        for (unsigned i = 0; i < words.size() && !stopped_; ++i) {
            const std::uint64_t entry = words[i];
            if (!X86Long::present(entry) || is_reserved(state_, entry, level)) continue;
            const std::uint64_t place = first + i * paging::pages_per_entry(level);
            const paging::Rights given = rights & X86Long::rights(entry, level);
            const PhysicalPage to = PhysicalAddress{X86Long::address(entry, level)}.page();
            if (X86Long::leaf(entry, level))
                found = list_leaf(entry, level, place, given) || found;
            else
                found = visit(to, level - 1, place, given) || found;
        }
        if (!found && !stopped_) barren_.insert(key);
        return found;
    }

    bool list_leaf(std::uint64_t entry, unsigned level, std::uint64_t place, paging::Rights rights) {
        const PhysicalPage to = PhysicalAddress{X86Long::address(entry, level)}.page();
        if (wanted_ < to || wanted_ - to >= paging::pages_per_entry(level)) return false;
        if (result_.list.size() == limits_.mappings) return stop();
        const unsigned index = X86Long::pat_index(X86Long::attributes(entry, level));
        result_.list.push_back({.page = canonical(place + (wanted_ - to)),
                                .shift = paging::shift_of(level),
                                .type = state_.controls.effective(wanted_.address(), index),
                                .writable = rights.covers(paging::right_write),
                                .user = rights.covers(paging::right_user)});
        return true;
    }

    CpuVirtualPage canonical(std::uint64_t page) const {
        const unsigned sign = paging::bits_per_level * state_.levels() - 1;
        const std::uint64_t upper = low_bits(64 - page_shift) & ~low_bits(sign);
        return {(page >> sign & 1) != 0 ? page | upper : page};
    }

    bool stop() {
        stopped_ = true;
        result_.complete = false;
        return false;
    }

    const PagingState& state_;
    TableReader& reader_;
    const PhysicalPage wanted_;
    const SearchLimits limits_;
    PageMappings result_;
    std::unordered_set<std::uint64_t> barren_;  // tables, each at a level, below which the page is not
    bool stopped_ = false;
};

}  // namespace

PageMappings mappings_of(const PagingState& state, TableReader& reader, PhysicalPage page, const SearchLimits& limits) {
    PageMappings result;
    result.complete = state.is_modelled();
    if (state.paging() && state.is_modelled()) return Search(state, reader, page, limits).run();
    if (!state.paging() && page.address().value <= address_limit(state))
        result.list.push_back(
            {.page = {page.number}, .type = untranslated_type(state, page.address()), .writable = true, .user = true});
    return result;
}

}  // namespace remap::cache
