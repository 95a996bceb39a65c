// SPDX-License-Identifier: MIT
#include "hw/cache/alias_audit.h"

#include <algorithm>

namespace remap::cache {

namespace {

MemoryType merged(MemoryType type) { return type == MemoryType::UncachedMinus ? MemoryType::Uncacheable : type; }

Origin origin_of(const MappingUse& use) {
    return {.code = use.code, .address = use.page.address(), .cpu = use.cpu, .type = use.type};
}

bool is_upper_half(CpuVirtualPage page) { return (page.address().value >> 63) != 0; }

}  // namespace

bool types_conflict(MemoryType one, MemoryType other) { return merged(one) != merged(other); }

AliasAudit::AliasAudit(TableReader& reader, FindingPort& findings, const Options& options)
    : reader_(reader), findings_(findings), options_(options) {}

// The upper half is the kernel's and the same under every root, in every system that is known; a root may be gone by
// the time its mapping is looked at again, so the newest is kept.
bool AliasAudit::same_place(const Known& known, PhysicalAddress root, CpuVirtualPage page) {
    return known.use.page == page && (known.root == root || is_upper_half(page));
}

bool AliasAudit::stands(const Known& known, PhysicalPage page, const PagingState& state) {
    PagingState then = state.with_root(known.root);
    if (!then.paging() || then.levels() != known.levels) return false;  // a processor that was started anew
    const auto mapping = mapping_of(then, reader_, known.use.page.address());
    return mapping && mapping->address.page() == page && mapping->type == known.use.type;
}

void AliasAudit::tell(PhysicalPage page, const MappingUse& use, const MappingUse& other) {
    const std::pair codes = std::minmax(use.code, other.code);
    if (told_.contains(codes)) {
        ++counters_.repeats;
    } else if (told_.size() >= options_.most_findings) {
        ++counters_.untold;
    } else {
        told_.insert(codes);
        ++counters_.findings;
        Finding finding;
        finding.kind = FindingKind::TypeConflict;
        finding.first = page.address();
        finding.bytes = page_size;
        finding.store = origin_of(use);
        finding.other_mapping = origin_of(other);
        findings_.found(finding);
    }
}

// Tells of older mappings that stand and conflict; those that are gone go from the list.
void AliasAudit::check(List& list, PhysicalPage page, const MappingUse& use, const PagingState& state) {
    std::erase_if(list, [&](const Known& known) {
        if (!types_conflict(known.use.type, use.type)) return false;
        if (!stands(known, page, state)) return true;
        tell(page, use, known.use);
        return false;
    });
}

void AliasAudit::keep(List& list, const MappingUse& use, const PagingState& state) {
    if (list.size() >= options_.mappings_a_page) {
        list.erase(list.begin());
        ++counters_.dropped;
    }
    list.push_back({state.root(), state.levels(), use});
}

void AliasAudit::seen(PhysicalPage page, const MappingUse& use, const PagingState& state) {
    if (!state.paging()) return;  // the one mapping there is
    const PhysicalAddress root = state.root();
    const std::lock_guard lock(mutex_);
    auto at = pages_.find(page.number);
    if (at == pages_.end()) {
        if (pages_.size() >= options_.most_pages || options_.mappings_a_page == 0) {
            ++counters_.dropped;
            return;
        }
        at = pages_.try_emplace(page.number).first;
    }
    List& list = at->second;
    const auto known =
        std::find_if(list.begin(), list.end(), [&](const Known& one) { return same_place(one, root, use.page); });
    if (known != list.end() && known->use.type == use.type) {
        known->root = root;
        known->levels = state.levels();
        return;
    }
    if (known != list.end()) list.erase(known);  // the same mapping, of another type now
    check(list, page, use, state);
    keep(list, use, state);
}

void AliasAudit::forget(PhysicalPage first, std::uint64_t pages) {
    const std::lock_guard lock(mutex_);
    if (pages < pages_.size()) {
        for (std::uint64_t i = 0; i < pages; ++i) pages_.erase(first.number + i);
    } else {
        std::erase_if(pages_, [&](const auto& entry) { return entry.first - first.number < pages; });
    }
}

void AliasAudit::forget_all() {
    const std::lock_guard lock(mutex_);
    pages_.clear();
}

AliasAudit::Counters AliasAudit::counters() const {
    const std::lock_guard lock(mutex_);
    Counters counters = counters_;
    counters.pages = pages_.size();
    return counters;
}

}  // namespace remap::cache
