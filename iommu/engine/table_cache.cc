// SPDX-License-Identifier: MIT
#include "iommu/engine/table_cache.h"

#include "base/archive.h"
#include "iommu/engine/cacheable.h"

#include <algorithm>

namespace remap::iommu {

namespace {

// Address bits above what a table of this level translates.
std::uint64_t prefix_of(std::uint64_t address, unsigned level) {
    return address & ~low_bits(paging::shift_of(level + 1));
}

// The words of an entry. First: the prefix, and the level in the bits below.
using Level = Field<3, 0, unsigned>;
// Second: whose table it is.
using Domain = Field<15, 0, std::uint16_t>;
using PasidValue = Field<35, 16, std::uint32_t>;
using Kind = Field<38, 36, TranslationKind>;
using Marked = Flag<39>;
// Third: the table's address, and the rights.
constexpr std::uint64_t table_address = Field<51, 12>::mask;
using Given = Field<3, 0, std::uint8_t>;

LogicalAddress prefix_in(const CacheWords<3>& words) { return {words[0] & ~low_bits(page_shift)}; }
unsigned span_in(const CacheWords<3>& words) { return paging::shift_of(Level::get(words[0]) + 1); }

TableOwner owner_in(const CacheWords<3>& words) {
    return {.domain = Domain::get(words[1]),
            .pasid = {PasidValue::get(words[1])},
            .kind = Kind::get(words[1]),
            .marked = Marked::get(words[1])};
}

std::uint64_t third_word(const CachedTable& table) { return table.table.value | Given::of(table.rights.bits); }

CachedTable table_in(const CacheWords<3>& words, std::uint64_t stamp) {
    return {.level = Level::get(words[0]),
            .table = {words[2] & table_address},
            .rights = {Given::get(words[2])},
            .stamp = stamp};
}

}  // namespace

CacheKey TableCache::key_of(const TableOwner& owner, std::uint64_t address, unsigned level) {
    const std::uint64_t whose = Domain::of(owner.domain) | PasidValue::of(owner.pasid.value) | Kind::of(owner.kind);
    return {prefix_of(address, level) | Level::of(level), whose | Marked::of(owner.marked)};
}

// Domains like the same addresses, and both stages of a nested translation are looked up in turn: each has sets of its
// own. Whoever invalidates pages knows the domain and the PASID as well.
std::uint64_t TableCache::hash_of(std::uint16_t domain, Pasid pasid, std::uint64_t address, unsigned level) {
    const std::uint64_t number = address >> paging::shift_of(level + 1);
    return number ^ number >> 9 ^ level << 6 ^ domain * 0x9e37u ^ pasid.value * 0x85ebu;
}

std::optional<CachedTable> TableCache::find(const TableOwner& owner, std::uint64_t address, unsigned levels) const {
    for (unsigned level = 1; level < levels; ++level) {
        const auto hash = hash_of(owner.domain, owner.pasid, address, level);
        const auto hit = cache_.find(hash, key_of(owner, address, level));
        if (!hit || floors_.is_forgotten(owner.domain, owner.kind, hit->stamp)) continue;
        return table_in(hit->words, hit->stamp);
    }
    return std::nullopt;
}

void TableCache::insert(const TableOwner& owner, std::uint64_t address, const CachedTable& table) {
    const CacheKey key = key_of(owner, address, table.level);
    const Words words{key.first, key.second, third_word(table)};
    const auto dead = [this](const Words& held, std::uint64_t stamp) {
        return floors_.is_forgotten(Domain::get(held[1]), Kind::get(held[1]), stamp);
    };
    cache_.insert(hash_of(owner.domain, owner.pasid, address, table.level), key, words, table.stamp, dead);
}

// Looks into the sets where tables of the range can be, or through all lines when that is less.
template <typename Wanted>
void TableCache::forget_range(const PageRange& range, Wanted&& wanted) {
    const auto matches = [&](const Words& words, std::uint64_t) {
        return Domain::get(words[1]) == range.domain && wanted(words) &&
               range.touches(prefix_in(words), span_in(words));
    };
    const Pasid pasid = range.pasid.value_or(Pasid{});  // tables of second stages are kept for PASID 0
    for (unsigned level = 1; level < most_levels; ++level) {
        const unsigned shift = paging::shift_of(level + 1);
        const unsigned span = std::max(page_shift + range.mask, shift);
        if (span - shift >= 16) return cache_.remove_if(matches);
        const std::uint64_t start = range.address.value & ~low_bits(span);
        for (std::uint64_t i = 0; i < std::uint64_t{1} << (span - shift); ++i)
            cache_.remove_from_set(hash_of(range.domain, pasid, start + (i << shift), level), matches);
    }
}

void TableCache::forget_second_stage(const PageRange& range) {
    forget_range(range, [](const Words& words) { return !has_first_stage(Kind::get(words[1])); });
}

void TableCache::forget_first_stage(const PageRange& range) {
    forget_range(range, [&](const Words& words) {
        return has_first_stage(Kind::get(words[1])) && range.pasid == Pasid{PasidValue::get(words[1])};
    });
}

void TableCache::forget_pasid(std::uint16_t domain, Pasid pasid) {
    cache_.remove_if([&](const Words& words, std::uint64_t) {
        return Domain::get(words[1]) == domain && has_first_stage(Kind::get(words[1])) &&
               Pasid{PasidValue::get(words[1])} == pasid;
    });
}

template <typename Archive>
void TableCache::state(Archive& archive, const Configuration& configuration, std::uint64_t newest_stamp) {
    cache_.remove_if([this](const Words& words, std::uint64_t stamp) {
        return floors_.is_forgotten(Domain::get(words[1]), Kind::get(words[1]), stamp);
    });
    cache_.state(archive, "paging-structure cache", newest_stamp, [&](const Words& words, auto& to) {
        const TableOwner owner = owner_in(words);
        const std::uint64_t address = prefix_in(words).value;
        const CachedTable table = table_in(words, 0);
        const CacheKey key = key_of(owner, address, table.level);
        const bool whole = key.first == words[0] && key.second == words[1] && third_word(table) == words[2];
        if (!whole || !is_cacheable(configuration, owner, address, table)) return false;
        to = {hash_of(owner.domain, owner.pasid, address, table.level), key};
        return true;
    });
}

template void TableCache::state(ArchiveWriter&, const Configuration&, std::uint64_t);
template void TableCache::state(ArchiveReader&, const Configuration&, std::uint64_t);

}  // namespace remap::iommu
