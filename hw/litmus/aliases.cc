// SPDX-License-Identifier: MIT
// Mappings of one page with different memory types: the processor does not keep them coherent.
#include "hw/litmus/bench.h"
#include "hw/litmus/litmus.h"

namespace remap::litmus {

namespace {

constexpr std::uint64_t fresh = word(0x22), newer = word(0x33);

// Stores through the mapping past the cache, and drains it.
Code store_past(Bench& bench, View view, std::uint64_t offset, std::uint64_t value) {
    const Code store = bench.store(view, offset, value);
    bench.fence(Fence::Sfence);
    return store;
}

void store_past_a_cached_line(Bench& bench, MemoryType type) {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "store, flush" : "store");
        const View cached = bench.map(wb), past = bench.map(type);
        bench.loads(cached, 0, right(before));
        const Code store = store_past(bench, past, 0, fresh);
        if (flushed) bench.flush(cached, 0);
        bench.loads(cached, 0, flushed ? right(fresh) : wrong({Kind::StaleAliasRead, store}, fresh));
        bench.device_reads(0, Snoop::No, right(fresh));
    }
}

void store_past_a_dirty_line(Bench& bench, MemoryType type) {
    for (const bool clean : {true, false}) {
        bench.scene(clean ? "flushed before" : "dirty");
        const View cached = bench.map(wb), past = bench.map(type);
        const Code store = bench.store(cached, 0, fresh);
        if (clean) bench.flush(cached, 0);
        store_past(bench, past, 16, newer);
        bench.nothing_is_found();
        bench.flush(cached, 0);
        if (!clean) bench.is_found({Kind::OverwrittenByLine, store}, 16);
        bench.device_reads(16, Snoop::No, clean ? right(newer) : Outcome{newer, before, {}});
        bench.device_reads(0, Snoop::No, right(fresh));
    }
}

void load_past_a_dirty_line(Bench& bench, MemoryType type) {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View cached = bench.map(wb), past = bench.map(type);
        const Code store = bench.store(cached, 0, fresh);
        if (flushed) bench.flush(cached, 0);
        bench.loads(past, 0, flushed ? right(fresh) : wrong({Kind::StaleAliasRead, store}, fresh));
    }
}

}  // namespace

LITMUS(cached_store_is_not_loaded_uncached, "A load through an uncacheable mapping does not see a line that is dirty.",
       "SDM 3, Programming the PAT, on aliases") {
    load_past_a_dirty_line(bench, uc);
}

LITMUS(cached_store_is_not_loaded_combining, "Nor does a load through a write-combining mapping.",
       "SDM 3, Programming the PAT, on aliases") {
    load_past_a_dirty_line(bench, wc);
}

LITMUS(uncached_store_is_not_loaded_cached, "A line that is cached does not see an uncached store to it.",
       "SDM 3, Programming the PAT, on aliases") {
    store_past_a_cached_line(bench, uc);
}

LITMUS(combined_store_is_not_loaded_cached, "Nor does it see a combined store that is drained.",
       "SDM 3, Programming the PAT, on aliases") {
    store_past_a_cached_line(bench, wc);
}

LITMUS(dirty_line_overwrites_an_uncached_store, "A line that was dirty is written back over an uncached store.",
       "SDM 3, Programming the PAT, on aliases") {
    store_past_a_dirty_line(bench, uc);
}

LITMUS(dirty_line_overwrites_a_combined_store, "A line that was dirty is written back over a combined store.",
       "SDM 3, Programming the PAT, on aliases") {
    store_past_a_dirty_line(bench, wc);
}

LITMUS(mappings_of_one_type_are_one, "Mappings of one type see each other's stores.",
       "SDM 3, Methods of Caching Available") {
    for (const MemoryType type : {wb, uc}) {
        bench.scene(type == wb ? "both write-back" : "one uncacheable");
        const View view = bench.map(wb), other = bench.map(type);
        const Code store = bench.store(view, 0, fresh);
        bench.loads(other, 0, type == wb ? right(fresh) : wrong({Kind::StaleAliasRead, store}, fresh));
    }
    bench.scene("both uncacheable");
    const View view = bench.map(uc), other = bench.map(uc);
    bench.store(view, 0, fresh);
    bench.loads(other, 0, right(fresh));
}

LITMUS(aliases_of_different_lines_do_no_harm, "Types conflict where lines do: a line used through one is safe.",
       "SDM 3, Methods of Caching Available") {
    for (const std::uint64_t offset : {64, 0}) {
        bench.scene(offset == 64 ? "different lines" : "the same line");
        const View cached = bench.map(wb), uncached = bench.map(uc);
        const Code store = bench.store(cached, 0, fresh);
        bench.store(uncached, offset + 8, newer);
        bench.flush(cached, 0);
        if (offset == 0) bench.is_found({Kind::OverwrittenByLine, store}, 8);
        bench.device_reads(offset + 8, Snoop::No, offset == 64 ? right(newer) : Outcome{newer, before, {}});
    }
}

}  // namespace remap::litmus
