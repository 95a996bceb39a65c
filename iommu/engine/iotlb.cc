// SPDX-License-Identifier: MIT
#include "iommu/engine/iotlb.h"

#include "base/archive.h"
#include "iommu/engine/cacheable.h"

#include <algorithm>

namespace remap::iommu {

namespace {

using paging::bits_per_level;
using paging::leaf_4k;

}  // namespace

using namespace iotlb_line;

Iotlb::Words Iotlb::pack(const CachedTranslation& one) {
    return {one.first.value | Shift::of(one.shift),
            Source::of(one.source.value) | Tagged::of(one.tagged) | PasidValue::of(one.pasid.value) |
                Domain::of(one.domain) | Kind::of(one.kind),
            one.leaf.value | Allowed::of(one.permits.bits) | Dirty::of(one.dirty) | Quiet::of(one.quiet) |
                Snooped::of(one.snooped) | Refusal::of(one.refusal)};
}

CachedTranslation Iotlb::unpack(const Words& words, std::uint64_t stamp) {
    return {.first = first_of(words),
            .shift = Shift::get(words[0]),
            .leaf = {words[2] & leaf_address},
            .source = {Source::get(words[1])},
            .tagged = Tagged::get(words[1]),
            .pasid = {PasidValue::get(words[1])},
            .domain = Domain::get(words[1]),
            .kind = Kind::get(words[1]),
            .permits = {Allowed::get(words[2])},
            .dirty = Dirty::get(words[2]),
            .quiet = Quiet::get(words[2]),
            .snooped = Snooped::get(words[2]),
            .refusal = Refusal::get(words[2]),
            .stamp = stamp};
}

std::optional<CachedTranslation> Iotlb::find(const Request& request) const {
    Hit hit;
    return find(request, hit) ? std::optional(unpack(hit.words, hit.stamp)) : std::nullopt;
}

void Iotlb::insert(const CachedTranslation& one) {
    Request like{.source = one.source, .address = one.first};
    if (one.tagged) like.pasid = one.pasid;
    cache_.insert(hash_of(one.first, one.shift), key_of(one.first, one.shift, like), pack(one), one.stamp,
                  [this](const Words& words, std::uint64_t stamp) { return is_dead(unpack(words, stamp)); });
    sizes_seen_.fetch_or(1u << size_of(one.shift), std::memory_order_relaxed);
}

void Iotlb::forget_all(std::uint64_t stamp) {
    cache_.forget_up_to(stamp);
    sizes_seen_.store(0, std::memory_order_relaxed);
}

// Looks into the sets where the pages can be, or through all lines when that is less.
template <typename Wanted>
void Iotlb::forget_range(const PageRange& range, Wanted&& wanted) {
    const auto matches = [&](const Words& words, std::uint64_t stamp) {
        const CachedTranslation one = unpack(words, stamp);
        return one.domain == range.domain && wanted(one) && range.touches(one.first, one.shift);
    };
    const std::size_t sets = cache_.size();
    for (unsigned size = 0; size < sizes; ++size) {
        if ((sizes_seen_.load(std::memory_order_relaxed) >> size & 1) == 0) continue;
        const unsigned shift = shift_of_size(size);
        const unsigned span = std::max(page_shift + range.mask, shift);
        if (span - shift >= 32 || (std::uint64_t{1} << (span - shift)) >= sets) return cache_.remove_if(matches);
        const std::uint64_t start = range.address.value & ~low_bits(span);
        for (std::uint64_t at = 0; at < std::uint64_t{1} << span; at += std::uint64_t{1} << shift)
            cache_.remove_from_set(hash_of({start + at}, shift), matches);
    }
}

void Iotlb::forget_second_stage(const PageRange& range) {
    forget_range(range, [](const CachedTranslation& one) { return !has_first_stage(one.kind); });
}

void Iotlb::forget_first_stage(const PageRange& range) {
    forget_range(range,
                 [&](const CachedTranslation& one) { return has_first_stage(one.kind) && one.pasid == range.pasid; });
}

void Iotlb::forget_pasid(std::uint16_t domain, Pasid pasid) {
    cache_.remove_if([&](const Words& words, std::uint64_t stamp) {
        const CachedTranslation one = unpack(words, stamp);
        return one.domain == domain && one.pasid == pasid;
    });
}

template <typename Archive>
void Iotlb::state(Archive& archive, const Configuration& configuration, std::uint64_t newest_stamp) {
    cache_.remove_if([this](const Words& words, std::uint64_t stamp) { return is_dead(unpack(words, stamp)); });
    cache_.state(archive, "IOTLB", newest_stamp, [&](const Words& words, auto& to) {
        const CachedTranslation one = unpack(words, 0);
        if (pack(one) != words || !is_cacheable(configuration, one)) return false;
        Request like{.source = one.source, .address = one.first};
        if (one.tagged) like.pasid = one.pasid;
        to = {hash_of(one.first, one.shift), key_of(one.first, one.shift, like)};
        sizes_seen_.fetch_or(1u << size_of(one.shift), std::memory_order_relaxed);
        return true;
    });
}

template void Iotlb::state(ArchiveWriter&, const Configuration&, std::uint64_t);
template void Iotlb::state(ArchiveReader&, const Configuration&, std::uint64_t);

}  // namespace remap::iommu
