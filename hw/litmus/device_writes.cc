// SPDX-License-Identifier: MIT
// What a device writes, and a processor loads through write-back mappings: stale lines, and lines that are written back
// over the device's bytes.
#include "hw/litmus/bench.h"
#include "hw/litmus/litmus.h"

namespace remap::litmus {

namespace {

constexpr std::uint64_t fresh = word(0x22), device = word(0x44);

constexpr Outcome stale() { return wrong({Kind::StaleRead}, device); }

// After the device's bytes are overwritten: that has been told.
constexpr Outcome lost(std::uint64_t by) { return {device, by, {}}; }

}  // namespace

LITMUS(line_is_stale_after_a_write, "A line that the cache has keeps its bytes when a device writes without snooping.",
       "SDM 3, Cache Control Protocol; PCIe, No Snoop Attribute") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "write, flush, load" : "write, load");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        bench.device_writes(0, device, Snoop::No);
        if (flushed) bench.flush(view, 0);
        bench.loads(view, 0, flushed ? right(device) : stale());
    }
}

LITMUS(snooped_write_invalidates_the_line, "A device that snoops takes the line out of the cache.",
       "SDM 3, Cache Control Protocol") {
    for (const Snoop snoop : {Snoop::Yes, Snoop::No}) {
        bench.scene(snoop == Snoop::Yes ? "with snooping" : "without");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        bench.device_writes(0, device, snoop);
        bench.loads(view, 0, snoop == Snoop::Yes ? right(device) : stale());
    }
}

LITMUS(flush_before_the_write_is_not_enough, "The processor may fetch a line of write-back memory at any time.",
       "SDM 3, Methods of Caching Available, on speculative reads") {
    for (const bool behind : {true, false}) {
        bench.scene(behind ? "write, flush" : "flush, write");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        if (!behind) bench.flush(view, 0);
        bench.device_writes(0, device, Snoop::No);
        if (behind) bench.flush(view, 0);
        bench.loads(view, 0, behind ? right(device) : stale());
    }
}

LITMUS(line_that_was_never_accessed_may_be_cached, "It may fetch a line that no instruction has named.",
       "SDM 3, Methods of Caching Available, on speculative reads") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View view = bench.map(wb);
        bench.loads(view, 512, right(before));
        bench.device_writes(0, device, Snoop::No);
        if (flushed) bench.flush(view, 0);
        bench.loads(view, 0, flushed ? right(device) : stale());
    }
}

LITMUS(clflushopt_needs_a_fence_before_the_load, "A load is ordered behind CLFLUSHOPT by MFENCE.",
       "SDM 2, CLFLUSHOPT") {
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "with MFENCE" : "without");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        bench.device_writes(0, device, Snoop::No);
        bench.flush(view, 0, Flush::Clflushopt);
        if (fenced) bench.fence(Fence::Mfence);
        bench.loads(view, 0, fenced ? right(device) : stale());
    }
}

LITMUS(clwb_drops_nothing, "CLWB leaves the line in the cache, stale as it is.", "SDM 2, CLWB") {
    for (const Flush how : {Flush::Clflushopt, Flush::Clwb}) {
        bench.scene(how == Flush::Clwb ? "CLWB" : "CLFLUSHOPT");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        bench.device_writes(0, device, Snoop::No);
        bench.flush(view, 0, how);
        bench.fence(Fence::Mfence);
        bench.loads(view, 0, how == Flush::Clwb ? stale() : right(device));
    }
}

LITMUS(wbinvd_drops_stale_lines, "WBINVD behind a device's write drops what is stale.", "SDM 2, WBINVD") {
    for (const bool behind : {true, false}) {
        bench.scene(behind ? "write, WBINVD" : "WBINVD, write");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        if (!behind) bench.wbinvd();
        bench.device_writes(0, device, Snoop::No);
        if (behind) bench.wbinvd();
        bench.loads(view, 0, behind ? right(device) : stale());
    }
}

LITMUS(uncached_load_is_from_memory, "A load from uncacheable memory gets what the device wrote.",
       "SDM 3, Methods of Caching Available") {
    for (const MemoryType type : {uc, wb}) {
        bench.scene(type == uc ? "uncacheable" : "write-back");
        const View view = bench.map(type);
        bench.loads(view, 0, right(before));
        bench.device_writes(0, device, Snoop::No);
        bench.loads(view, 0, type == uc ? right(device) : stale());
    }
}

LITMUS(combining_load_is_from_memory, "A load from write-combining memory gets what the device wrote.",
       "SDM 3, Methods of Caching Available") {
    for (const MemoryType type : {wc, wb}) {
        bench.scene(type == wc ? "write-combining" : "write-back");
        const View view = bench.map(type);
        bench.loads(view, 0, right(before));
        bench.device_writes(0, device, Snoop::No);
        bench.loads(view, 0, type == wc ? right(device) : stale());
    }
}

LITMUS(rest_of_a_stale_line_is_right, "Of a stale line only what the device wrote is old.",
       "SDM 3, Methods of Caching Available") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        bench.device_writes(8, device, Snoop::No, 4);
        if (flushed) bench.flush(view, 0);
        const std::uint64_t half = (before & ~std::uint64_t{0xffff'ffff}) | (device & 0xffff'ffff);
        bench.loads(view, 8, flushed ? right(half) : wrong({Kind::StaleRead}, half));
        bench.loads(view, 0, right(before));
        bench.loads(view, 16, right(before));
    }
}

LITMUS(each_line_of_a_write_is_flushed, "A device that writes several lines leaves each of them stale.",
       "SDM 3, Methods of Caching Available") {
    for (const bool all : {true, false}) {
        bench.scene(all ? "both lines" : "the first of two");
        const View view = bench.map(wb);
        for (const std::uint64_t line : {0, 64}) bench.loads(view, line, right(before));
        bench.device_writes(0, device, Snoop::No, 128);
        bench.flush(view, 0);
        if (all) bench.flush(view, 64);
        bench.loads(view, 56, right(device));
        bench.loads(view, 64, all ? right(device) : stale());
        bench.loads(view, 128, right(before));
    }
}

LITMUS(dirty_line_overwrites_a_write, "A line that was dirty before the device wrote is written back over it.",
       "SDM 3, Methods of Caching Available") {
    for (const bool clean : {true, false}) {
        bench.scene(clean ? "flushed before" : "dirty");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        if (clean) bench.flush(view, 0);
        bench.device_writes(0, device, Snoop::No);
        bench.nothing_is_found();
        bench.flush(view, 0);
        if (!clean) bench.is_found({Kind::OverwrittenByLine, store}, 0);
        bench.loads(view, 0, clean ? right(device) : lost(fresh));
        bench.device_reads(0, Snoop::No, clean ? right(device) : lost(fresh));
    }
}

LITMUS(dirty_line_overwrites_what_lies_beside, "A dirty line is written back whole, with bytes that nobody has stored.",
       "SDM 3, Methods of Caching Available") {
    for (const bool clean : {true, false}) {
        bench.scene(clean ? "flushed before" : "dirty");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        if (clean) bench.flush(view, 0);
        bench.device_writes(56, device, Snoop::No);
        bench.flush(view, 0);
        if (!clean) bench.is_found({Kind::OverwrittenByLine, store}, 56);
        bench.loads(view, 56, clean ? right(device) : lost(before));
        bench.loads(view, 0, right(fresh));
    }
}

LITMUS(neighbouring_lines_do_no_harm, "A dirty line next to what a device writes overwrites nothing.",
       "SDM 3, Methods of Caching Available") {
    for (const std::uint64_t offset : {64, 48}) {
        bench.scene(offset == 64 ? "another line" : "the same line");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        bench.device_writes(offset, device, Snoop::No);
        bench.flush(view, 0);
        if (offset == 48) bench.is_found({Kind::OverwrittenByLine, store}, 48);
        bench.flush(view, 64);
        bench.loads(view, offset, offset == 64 ? right(device) : lost(before));
    }
}

LITMUS(store_to_a_stale_line_overwrites, "A store to a stale line makes it dirty, with what is old in it.",
       "SDM 3, Methods of Caching Available") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "write, flush, store" : "write, store");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        bench.device_writes(32, device, Snoop::No);
        if (flushed) bench.flush(view, 0);
        const Code store = bench.store(view, 0, fresh);
        bench.flush(view, 0);
        if (!flushed) bench.is_found({Kind::OverwrittenByLine, store}, 32);
        bench.loads(view, 32, flushed ? right(device) : lost(before));
        bench.loads(view, 0, right(fresh));
    }
}

LITMUS(flush_that_is_not_ordered_may_overwrite, "A flush without a fence may write back behind the device's write.",
       "SDM 2, CLFLUSHOPT") {
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "flush, fence, write" : "flush, write, fence");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        bench.flush(view, 0, Flush::Clflushopt);
        if (fenced) bench.fence(Fence::Sfence);
        bench.device_writes(0, device, Snoop::No);
        if (!fenced) {
            bench.fence(Fence::Sfence);
            bench.is_found({Kind::OverwrittenByLine, store}, 0);
        }
        bench.flush(view, 0);
        bench.loads(view, 0, fenced ? right(device) : lost(fresh));
    }
}

LITMUS(snooped_write_takes_a_dirty_line, "A device that snoops writes into what the cache had of the line.",
       "SDM 3, Cache Control Protocol") {
    for (const Snoop snoop : {Snoop::Yes, Snoop::No}) {
        bench.scene(snoop == Snoop::Yes ? "with snooping" : "without");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        bench.device_writes(8, device, snoop);
        bench.flush(view, 0);
        if (snoop == Snoop::No) bench.is_found({Kind::OverwrittenByLine, store}, 8);
        bench.loads(view, 8, snoop == Snoop::Yes ? right(device) : lost(before));
        bench.loads(view, 0, right(fresh));
    }
}

LITMUS(device_reads_its_own_write, "What a device wrote without snooping it reads so, until somebody stores.",
       "PCIe, No Snoop Attribute") {
    for (const bool stored : {false, true}) {
        bench.scene(stored ? "a store in between" : "no store in between");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        bench.device_writes(0, device, Snoop::No);
        Code store = 0;
        if (stored) {
            bench.flush(view, 0);
            store = bench.store(view, 0, fresh);
        }
        bench.device_reads(0, Snoop::No, stored ? wrong({Kind::MissedFlush, store}, fresh, device) : right(device));
    }
}

}  // namespace remap::litmus
