// SPDX-License-Identifier: MIT
#include "hw/capi/remap_cache.h"

#include "hw/cache/alias_audit.h"
#include "hw/cache/coherency.h"
#include "hw/cache/page_tables.h"
#include "hw/spec/cache_registers.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

namespace {

using namespace remap;

struct CallbackPorts final : cache::MemoryPort, cache::FindingPort, cache::TableReader {
    CallbackPorts(const RemapCacheOps& ops, void* opaque) : ops(ops), opaque(opaque) {}

    bool read(PhysicalAddress from, void* to, std::size_t bytes) override {
        return ops.read(opaque, from.value, to, bytes);
    }
    bool write(PhysicalAddress to, const void* from, std::size_t bytes) override {
        return ops.write(opaque, to.value, from, bytes);
    }
    bool read(PhysicalAddress from, std::uint64_t* words, std::size_t count) override {
        return ops.read(opaque, from.value, words, count * sizeof *words);
    }
    void found(const cache::Finding& finding) override { ops.found(opaque, describe(finding).c_str()); }

    const RemapCacheOps& ops;
    void* opaque;
};

cache::CpuAccess access_of(const RemapCacheAccess& access) {
    return {.address = {access.address},
            .bytes = access.bytes,
            .origin = {.code = access.code,
                       .address = {access.virtual_address},
                       .cpu = access.cpu,
                       .type = static_cast<cache::MemoryType>(access.type)},
            .non_temporal = access.non_temporal};
}

cache::DmaAccess access_of(const RemapCacheDma& dma, bool write) {
    return {.address = {dma.address},
            .origin = {.source = dma.source,
                       .address = {dma.bus_address},
                       .bytes = dma.bytes,
                       .write = write,
                       .snoop = dma.snoop}};
}

// What the audit finds is kept and told by the model.
struct Forward final : cache::FindingPort {
    explicit Forward(cache::Coherency& model) : model(model) {}
    void found(const cache::Finding& finding) override { model.add(finding); }

    cache::Coherency& model;
};

cache::PagingState state_of(const RemapCachePaging& paging) {
    cache::PagingState state{.cr3 = paging.cr3,
                             .cr4 = paging.cr4,
                             .efer = paging.efer,
                             .controls = {.cr0 = paging.cr0, .pat = {paging.pat}},
                             .largest_leaf = paging.huge_leaves ? paging::leaf_1g : paging::leaf_2m};
    state.controls.physical_address_width = paging.address_width;
    paging::Mtrrs& mtrrs = state.controls.mtrrs;
    mtrrs.capabilities = paging.mtrr_capabilities;
    mtrrs.default_type = paging.mtrr_default;
    std::copy(std::begin(paging.mtrr_fixed), std::end(paging.mtrr_fixed), mtrrs.fixed.begin());
    for (std::size_t i = 0; i < std::size(paging.mtrr_variable); ++i) {
        mtrrs.variable[i] = {paging.mtrr_variable[i].base, paging.mtrr_variable[i].mask};
    }
    return state;
}

// Of the modes of 32 bits, whose tables are not walked, the MTRRs alone decide.
cache::MemoryType type_of(const cache::PagingState& state, cache::TableReader& reader, const cache::CpuAccess& access) {
    const auto mapping = cache::mapping_of(state, reader, access.origin.address);
    return mapping ? mapping->type : state.controls.effective(access.address, 0);
}

std::uint64_t code_of(const std::optional<cache::Origin>& origin) { return origin ? origin->code : 0; }
std::uint64_t address_of(const std::optional<cache::Origin>& origin) { return origin ? origin->address.value : 0; }

}  // namespace

struct RemapCache {
    RemapCache(RemapCacheMode mode, const RemapCacheOps& ops, void* opaque)
        : ports(ops, opaque),
          mode(mode),
          model(ports, ports, {.mode = mode == REMAP_CACHE_STRICT ? cache::Mode::Strict : cache::Mode::Report}),
          forward(model),
          audit(ports, forward) {}

    CallbackPorts ports;
    const RemapCacheMode mode;
    cache::Coherency model;
    Forward forward;
    cache::AliasAudit audit;
};

RemapCache* remap_cache_new(RemapCacheMode mode, const RemapCacheOps* ops, void* opaque) {
    return new (std::nothrow) RemapCache(mode, *ops, opaque);
}

void remap_cache_free(RemapCache* cache) { delete cache; }

void remap_cache_track(RemapCache* cache, uint64_t first_page, uint64_t pages) {
    cache->model.track({first_page}, pages);
}

void remap_cache_untrack(RemapCache* cache, uint64_t first_page, uint64_t pages) {
    cache->model.untrack({first_page}, pages);
    cache->audit.forget({first_page}, pages);
}

bool remap_cache_tracked(const RemapCache* cache, uint64_t page) { return cache->model.tracked({page}); }

void remap_cache_settle(RemapCache* cache) {
    cache->model.settle();
    cache->audit.forget_all();
}

bool remap_cache_load(RemapCache* cache, const RemapCacheAccess* access, void* to) {
    return cache->model.load(access_of(*access), to);
}

bool remap_cache_store(RemapCache* cache, const RemapCacheAccess* access, const void* from) {
    return cache->model.store(access_of(*access), from);
}

void remap_cache_flush(RemapCache* cache, const RemapCacheAccess* access, RemapCacheFlush how) {
    constexpr cache::Flush kinds[] = {cache::Flush::Clflush, cache::Flush::Clflushopt, cache::Flush::Clwb};
    cache->model.flush(access_of(*access), kinds[how]);
}

void remap_cache_flush_all(RemapCache* cache, unsigned cpu, bool write_back) {
    cache->model.flush_all(cpu, write_back);
}

void remap_cache_fence(RemapCache* cache, unsigned cpu, RemapCacheFence kind) {
    constexpr cache::Fence kinds[] = {cache::Fence::Store, cache::Fence::Full, cache::Fence::Serializing,
                                      cache::Fence::Uncached};
    cache->model.fence(cpu, kinds[kind]);
}

bool remap_cache_pending(const RemapCache* cache, unsigned cpu) { return cache->model.pending(cpu); }

bool remap_cache_dma_read(RemapCache* cache, const RemapCacheDma* dma, void* to) {
    return cache->model.dma_read(access_of(*dma, false), to);
}

bool remap_cache_dma_write(RemapCache* cache, const RemapCacheDma* dma, const void* from) {
    return cache->model.dma_write(access_of(*dma, true), from);
}

bool remap_cache_dma_exchange(RemapCache* cache, const RemapCacheDma* dma, uint64_t* expected, uint64_t desired) {
    return dma->address % sizeof desired == 0 && cache->model.dma_exchange(access_of(*dma, true), *expected, desired);
}

unsigned remap_cache_mapped(RemapCache* cache, const RemapCachePaging* paging, const RemapCacheAccess* access) {
    const cache::PagingState state = state_of(*paging);
    const cache::CpuAccess use = access_of(*access);
    const cache::MemoryType type = type_of(state, cache->ports, use);
    const PhysicalPage page = use.address.page();
    cache->audit.seen(
        page, {.page = use.origin.address.page(), .type = type, .code = use.origin.code, .cpu = use.origin.cpu}, state);
    cache->model.type_changed(page, type);
    return static_cast<unsigned>(type);
}

char* remap_cache_mappings_text(RemapCache* cache, const RemapCachePaging* paging, uint64_t page) {
    const auto mappings = cache::mappings_of(state_of(*paging), cache->ports, {page});
    std::string text;
    for (const cache::PageMapping& mapping : mappings.list) {
        char line[128];
        std::snprintf(line, sizeof line, "0x%016llx %s %s%s, leaf of %llu KiB\n",
                      static_cast<unsigned long long>(mapping.page.address().value),
                      paging::abbreviation_of(mapping.type), mapping.writable ? "writable" : "read-only",
                      mapping.user ? ", user" : "", 1ull << (mapping.shift - 10));
        text += line;
    }
    if (!mappings.complete)
        text += "there may be more: the tables are too large, wrong, or of a mode that is not walked\n";
    return ::strdup(text.c_str());
}

void remap_cache_counters(const RemapCache* cache, RemapCacheCounters* counters) {
    const cache::Counters now = cache->model.counters();
    *counters = {.tracked_pages = now.tracked_pages,
                 .lines = now.lines,
                 .loads = now.loads,
                 .stores = now.stores,
                 .flushes = now.flushes,
                 .fences = now.fences,
                 .dma_reads = now.dma_reads,
                 .dma_writes = now.dma_writes,
                 .findings = now.findings,
                 .repeats = now.repeats,
                 .untold = now.untold,
                 .given_up = now.given_up};
}

bool remap_cache_finding(const RemapCache* cache, uint64_t index, RemapCacheFinding* finding) {
    const auto found = cache->model.finding(index);
    if (!found) return false;
    *finding = {.kind = static_cast<unsigned>(found->kind),
                .first = found->first.value,
                .bytes = found->bytes,
                .store_code = code_of(found->store),
                .store_address = address_of(found->store),
                .load_code = code_of(found->load),
                .load_address = address_of(found->load),
                .flush_code = code_of(found->flush),
                .other_code = code_of(found->other_mapping),
                .other_address = address_of(found->other_mapping),
                .dma_address = found->dma ? found->dma->address.value : 0,
                .dma_source = found->dma ? found->dma->source : std::uint16_t{0},
                .count = found->count};
    return true;
}

char* remap_cache_finding_text(const RemapCache* cache, uint64_t index) {
    const auto found = cache->model.finding(index);
    return found ? ::strdup(describe(*found).c_str()) : nullptr;
}

namespace registers = remap::spec::cache;

uint64_t remap_cache_register_base() { return registers::base; }
uint64_t remap_cache_register_bytes() { return registers::bytes; }

uint64_t remap_cache_register_read(const RemapCache* cache, const RemapCacheRegisters* state, uint64_t offset) {
    RemapCacheFinding finding = {};
    remap_cache_finding(cache, state->selected, &finding);
    switch (offset) {
        case registers::id: return registers::magic;
        case registers::mode: return cache->mode;
        case registers::findings: return cache->model.counters().findings;
        case registers::select: return state->selected;
        case registers::kind: return finding.kind;
        case registers::first: return finding.first;
        case registers::length: return finding.bytes;
        case registers::store_code: return finding.store_code;
        case registers::store_address: return finding.store_address;
        case registers::load_code: return finding.load_code;
        case registers::load_address: return finding.load_address;
        case registers::flush_code: return finding.flush_code;
        case registers::dma_address: return finding.dma_address;
        case registers::dma_source: return finding.dma_source;
        case registers::count: return finding.count;
        case registers::other_code: return finding.other_code;
        case registers::other_address: return finding.other_address;
        case registers::run_first: return state->run_first;
        case registers::run_pages: return state->run_pages;
        default: return 0;
    }
}

RemapCacheWish remap_cache_register_write(RemapCacheRegisters* state, uint64_t offset, uint64_t value) {
    switch (offset) {
        case registers::select: state->selected = value; break;
        case registers::run_first: state->run_first = value; break;
        case registers::run_pages: state->run_pages = value; break;
        case registers::run_mapped: return value != 0 ? REMAP_CACHE_MAP_RUN : REMAP_CACHE_UNMAP_RUN;
        default: break;
    }
    return REMAP_CACHE_NOTHING;
}
