// SPDX-License-Identifier: MIT
// Two processors: their caches are coherent, their write-combining buffers and their fences are each one's own.
#include "hw/litmus/bench.h"
#include "hw/litmus/litmus.h"

namespace remap::litmus {

namespace {

constexpr std::uint64_t fresh = word(0x22), newer = word(0x33);

}  // namespace

LITMUS_OF_TWO_PROCESSORS(caches_of_processors_are_coherent, "A line is flushed by any processor, whoever stored to it.",
                         "SDM 2, CLFLUSH") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed by the other" : "not flushed");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        bench.on(1);
        bench.loads(view, 0, right(fresh));
        if (flushed) bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, flushed ? right(fresh) : wrong({Kind::MissedFlush, store}, fresh));
    }
}

LITMUS_OF_TWO_PROCESSORS(fence_of_another_processor_orders_nothing, "A fence orders its own processor's flushes.",
                         "SDM 2, SFENCE") {
    for (const unsigned processor : {0u, 1u}) {
        bench.scene(processor == 0 ? "its own" : "the other's");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        const Code flush = bench.flush(view, 0, Flush::Clwb);
        bench.on(processor);
        bench.fence(Fence::Mfence);
        bench.device_reads(0, Snoop::No,
                           processor == 0 ? right(fresh) : wrong({Kind::MissedFence, store, flush}, fresh));
    }
}

LITMUS_OF_TWO_PROCESSORS(fence_of_another_processor_drains_nothing, "A fence empties its own processor's buffers.",
                         "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const unsigned processor : {0u, 1u}) {
        bench.scene(processor == 0 ? "its own" : "the other's");
        const View view = bench.map(wc);
        bench.device_will_read(0, Snoop::No);
        const Code store = bench.store(view, 0, fresh);
        bench.on(processor);
        bench.fence(Fence::Sfence);
        bench.device_has_read(0, processor == 0 ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
    }
}

LITMUS_OF_TWO_PROCESSORS(doorbell_of_another_processor_drains_nothing,
                         "An access to a register empties its own processor's buffers.",
                         "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const unsigned processor : {0u, 1u}) {
        bench.scene(processor == 0 ? "its own" : "the other's");
        const Code store = bench.store(bench.map(wc), 0, fresh);
        bench.on(processor);
        bench.device_reads(0, Snoop::No, processor == 0 ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
    }
}

LITMUS_OF_TWO_PROCESSORS(combined_store_is_not_seen_by_another, "Another processor does not see what is in a buffer.",
                         "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "with SFENCE" : "without");
        const View view = bench.map(wc);
        const Code store = bench.store(view, 0, fresh);
        if (fenced) bench.fence(Fence::Sfence);
        bench.on(1);
        bench.loads(view, 0, fenced ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
    }
}

LITMUS_OF_TWO_PROCESSORS(buffers_of_two_processors, "Of two combined stores that which is drained last remains.",
                         "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const bool ordered : {true, false}) {
        bench.scene(ordered ? "drained before the other stores" : "drained afterwards");
        const View view = bench.map(wc);
        const Code store = bench.store(view, 0, fresh);
        if (ordered) bench.fence(Fence::Sfence);
        bench.on(1);
        bench.store(view, 0, newer);
        bench.fence(Fence::Sfence);
        bench.nothing_is_found();
        bench.on(0);
        bench.fence(Fence::Sfence);
        if (!ordered) bench.is_found({Kind::OverwrittenByStore, store}, 0);
        bench.device_reads(0, Snoop::No, ordered ? right(newer) : Outcome{newer, fresh, {}});
    }
}

}  // namespace remap::litmus
