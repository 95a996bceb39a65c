// SPDX-License-Identifier: MIT
// What orders the flushes that are not ordered by themselves, CLFLUSHOPT and CLWB, and what does not.
#include "hw/litmus/bench.h"
#include "hw/litmus/litmus.h"

namespace remap::litmus {

namespace {

constexpr std::uint64_t fresh = word(0x22), newer = word(0x33);

void needs_a_fence(Bench& bench, Flush how) {
    for (const Fence fence : {Fence::Sfence, Fence::Mfence, Fence::Serialize}) {
        bench.scene("with a fence");
        const View view = bench.map(wb);
        bench.store(view, 0, fresh);
        bench.flush(view, 0, how);
        bench.fence(fence);
        bench.device_reads(0, Snoop::No, right(fresh));
    }
    bench.scene("without");
    const View view = bench.map(wb);
    const Code store = bench.store(view, 0, fresh);
    const Code flush = bench.flush(view, 0, how);
    bench.device_reads(0, Snoop::No, wrong({Kind::MissedFence, store, flush}, fresh));
}

}  // namespace

LITMUS(clflushopt_needs_a_fence, "CLFLUSHOPT has written a line back when a fence behind it is done.",
       "SDM 2, CLFLUSHOPT") {
    needs_a_fence(bench, Flush::Clflushopt);
}

LITMUS(clwb_needs_a_fence, "CLWB has written a line back when a fence behind it is done.", "SDM 2, CLWB") {
    needs_a_fence(bench, Flush::Clwb);
}

LITMUS(fence_before_the_flush_orders_nothing, "A fence orders the flushes before it.", "SDM 2, SFENCE") {
    for (const Fence fence : {Fence::Sfence, Fence::Mfence}) {
        for (const bool behind : {true, false}) {
            bench.scene(behind ? "flush, fence" : "fence, flush");
            const View view = bench.map(wb);
            const Code store = bench.store(view, 0, fresh);
            if (!behind) bench.fence(fence);
            const Code flush = bench.flush(view, 0, Flush::Clflushopt);
            if (behind) bench.fence(fence);
            bench.device_reads(0, Snoop::No, behind ? right(fresh) : wrong({Kind::MissedFence, store, flush}, fresh));
        }
    }
}

LITMUS(locked_instruction_orders_flushes, "A locked instruction is a fence for CLFLUSHOPT and CLWB; a store is none.",
       "SDM 2, CLFLUSHOPT; CLWB") {
    for (const Flush how : {Flush::Clflushopt, Flush::Clwb}) {
        for (const bool locked : {true, false}) {
            bench.scene(locked ? "a locked instruction" : "a store");
            const View view = bench.map(wb);
            const Code store = bench.store(view, 0, fresh);
            const Code flush = bench.flush(view, 0, how);
            if (locked) bench.exchange(view, 4096, newer);
            if (!locked) bench.store(view, 4096, newer);
            bench.device_reads(0, Snoop::No, locked ? right(fresh) : wrong({Kind::MissedFence, store, flush}, fresh));
        }
    }
}

LITMUS(access_to_a_register_orders_no_flush, "An uncached access, a doorbell say, is no fence for CLFLUSHOPT.",
       "SDM 2, CLFLUSHOPT") {
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "SFENCE, register" : "register");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        const Code flush = bench.flush(view, 0, Flush::Clflushopt);
        if (fenced) bench.fence(Fence::Sfence);
        bench.read_register();
        bench.device_reads(0, Snoop::No, fenced ? right(fresh) : wrong({Kind::MissedFence, store, flush}, fresh));
    }
}

LITMUS(uncached_store_orders_no_flush, "A store to uncacheable memory is no fence for CLWB.", "SDM 2, CLWB") {
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "SFENCE, store" : "store");
        const View view = bench.map(wb), uncached = bench.map(uc);
        const Code store = bench.store(view, 0, fresh);
        const Code flush = bench.flush(view, 0, Flush::Clwb);
        if (fenced) bench.fence(Fence::Sfence);
        bench.store(uncached, 4096, newer);
        bench.device_reads(0, Snoop::No, fenced ? right(fresh) : wrong({Kind::MissedFence, store, flush}, fresh));
    }
}

LITMUS(load_orders_no_flush, "A load of the line that is written back is no fence for CLWB.", "SDM 2, CLWB") {
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "load, MFENCE" : "load");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        const Code flush = bench.flush(view, 0, Flush::Clwb);
        bench.loads(view, 0, right(fresh));
        if (fenced) bench.fence(Fence::Mfence);
        bench.device_reads(0, Snoop::No, fenced ? right(fresh) : wrong({Kind::MissedFence, store, flush}, fresh));
    }
}

LITMUS(one_fence_orders_all_flushes, "One fence is enough for any number of flushes before it.",
       "SDM 2, CLFLUSHOPT; SFENCE") {
    for (const bool after_all : {true, false}) {
        bench.scene(after_all ? "behind the last flush" : "before the last flush");
        const View view = bench.map(wb);
        Code store = 0, flush = 0;
        for (unsigned line = 0; line < 8; ++line) store = bench.store(view, 64 * line, fresh);
        for (unsigned line = 0; line < 8; ++line) {
            if (line == 7 && !after_all) bench.fence(Fence::Sfence);
            flush = bench.flush(view, 64 * line, Flush::Clflushopt);
        }
        if (after_all) bench.fence(Fence::Sfence);
        for (unsigned line = 0; line < 7; ++line) bench.device_reads(64 * line, Snoop::No, right(fresh));
        bench.device_reads(64 * 7, Snoop::No,
                           after_all ? right(fresh) : wrong({Kind::MissedFence, store, flush}, fresh));
    }
}

LITMUS(store_between_flush_and_fence_is_not_flushed, "The fence orders the flush, which was of what was stored before.",
       "SDM 2, CLWB") {
    for (const bool again : {true, false}) {
        bench.scene(again ? "flushed again" : "flushed before the store");
        const View view = bench.map(wb);
        bench.store(view, 0, fresh);
        bench.flush(view, 0, Flush::Clwb);
        const Code second = bench.store(view, 0, newer);
        if (again) bench.flush(view, 0, Flush::Clwb);
        bench.fence(Fence::Sfence);
        bench.device_reads(0, Snoop::No, again ? right(newer) : wrong({Kind::MissedFlush, second}, newer, fresh));
    }
}

LITMUS(snooped_read_needs_no_fence, "A line whose write-back is under way is still snooped.",
       "SDM 3, Cache Control Protocol") {
    for (const Snoop snoop : {Snoop::Yes, Snoop::No}) {
        bench.scene(snoop == Snoop::Yes ? "with snooping" : "without");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        const Code flush = bench.flush(view, 0, Flush::Clflushopt);
        bench.device_reads(0, snoop,
                           snoop == Snoop::Yes ? right(fresh) : wrong({Kind::MissedFence, store, flush}, fresh));
    }
}

}  // namespace remap::litmus
