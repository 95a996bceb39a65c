// SPDX-License-Identifier: MIT
// Stores to write-combining memory, which wait in a buffer of the processor until something empties it. The GPU is told
// of its accesses beforehand: to tell it is an uncached access, which empties the buffers itself.
#include "hw/litmus/bench.h"
#include "hw/litmus/litmus.h"

namespace remap::litmus {

namespace {

constexpr std::uint64_t fresh = word(0x22), newer = word(0x33), device = word(0x44);

}  // namespace

LITMUS(combined_store_has_to_be_drained, "What is stored to write-combining memory is seen when the buffer is emptied.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const Fence fence : {Fence::Sfence, Fence::Mfence, Fence::Serialize}) {
        for (const bool behind : {true, false}) {
            bench.scene(behind ? "store, fence" : "fence, store");
            const View view = bench.map(wc);
            bench.device_will_read(0, Snoop::No);
            if (!behind) bench.fence(fence);
            const Code store = bench.store(view, 0, fresh);
            if (behind) bench.fence(fence);
            bench.device_has_read(0, behind ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
        }
    }
}

LITMUS(doorbell_drains, "The uncached store to a doorbell empties the buffers before it.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    bench.scene("a doorbell behind the store");
    bench.store(bench.map(wc), 0, fresh);
    bench.device_reads(0, Snoop::No, right(fresh));
    bench.scene("one before the store");
    const View view = bench.map(wc);
    bench.device_will_read(0, Snoop::No);
    const Code store = bench.store(view, 0, fresh);
    bench.device_has_read(0, wrong({Kind::UndrainedStore, store}, fresh));
}

LITMUS(reading_a_register_drains, "A load from a device's register empties the buffers too.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const bool behind : {true, false}) {
        bench.scene(behind ? "store, register" : "register, store");
        const View view = bench.map(wc);
        bench.device_will_read(0, Snoop::No);
        if (!behind) bench.read_register();
        const Code store = bench.store(view, 0, fresh);
        if (behind) bench.read_register();
        bench.device_has_read(0, behind ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
    }
}

LITMUS(locked_instruction_drains, "A locked instruction empties the buffers; a store to another line does not.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const bool locked : {true, false}) {
        bench.scene(locked ? "a locked instruction" : "a store");
        const View view = bench.map(wc), cached = bench.map(wb);
        bench.device_will_read(0, Snoop::No);
        const Code store = bench.store(view, 0, fresh);
        if (locked) bench.exchange(cached, 4096, newer);
        if (!locked) bench.store(cached, 4096, newer);
        bench.device_has_read(0, locked ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
    }
}

LITMUS(uncached_access_to_memory_drains,
       "A load from uncacheable memory empties the buffers; one from write-back memory does not.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const MemoryType type : {uc, wb}) {
        bench.scene(type == uc ? "uncacheable" : "write-back");
        const View view = bench.map(wc), other = bench.map(type);
        bench.device_will_read(0, Snoop::No);
        const Code store = bench.store(view, 0, fresh);
        bench.expect_equal("a load", bench.load(other, 4096), before);
        bench.device_has_read(0, type == uc ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
    }
}

LITMUS(uncached_store_to_memory_drains,
       "A store to uncacheable memory empties them; one to write-combining memory does not.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const MemoryType type : {uc, wc}) {
        bench.scene(type == uc ? "uncacheable" : "write-combining");
        const View view = bench.map(wc), other = bench.map(type);
        bench.device_will_read(0, Snoop::No);
        const Code store = bench.store(view, 0, fresh);
        bench.store(other, 4096, newer);
        bench.device_has_read(0, type == uc ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
        bench.fence(Fence::Sfence);
    }
}

LITMUS(wbinvd_drains, "WBINVD empties the buffers; a flush that is not ordered does not.",
       "SDM 2, WBINVD; CLFLUSHOPT") {
    for (const bool all : {true, false}) {
        bench.scene(all ? "WBINVD" : "CLFLUSHOPT");
        const View view = bench.map(wc);
        bench.device_will_read(0, Snoop::No);
        const Code store = bench.store(view, 0, fresh);
        if (all) bench.wbinvd();
        if (!all) bench.flush(view, 0, Flush::Clflushopt);
        bench.device_has_read(0, all ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
    }
}

LITMUS(buffers_are_not_snooped, "A device that snoops does not see what is in a write-combining buffer.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "with SFENCE" : "without");
        const View view = bench.map(wc);
        bench.device_will_read(0, Snoop::Yes);
        const Code store = bench.store(view, 0, fresh);
        if (fenced) bench.fence(Fence::Sfence);
        bench.device_has_read(0, fenced ? right(fresh) : wrong({Kind::UndrainedStore, store}, fresh));
    }
}

LITMUS(part_of_a_line_is_combined_too, "A buffer that is filled in part writes the bytes that were stored.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    const std::uint64_t half = (before & 0xffff'ffff) | (fresh & ~std::uint64_t{0xffff'ffff});
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "with SFENCE" : "without");
        const View view = bench.map(wc);
        bench.device_will_read(8, Snoop::No);
        const Code store = bench.store(view, 12, fresh, 4);
        if (fenced) bench.fence(Fence::Sfence);
        bench.device_has_read(8, fenced ? right(half) : wrong({Kind::UndrainedStore, store}, half));
        for (const std::uint64_t neighbour : {0, 16, 56}) bench.device_reads(neighbour, Snoop::No, right(before));
    }
}

LITMUS(full_line_is_not_drained_by_itself, "No store may rely on a buffer being emptied because it is full.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "with SFENCE" : "without");
        const View view = bench.map(wc);
        bench.device_will_read(56, Snoop::No);
        Code last = 0;
        for (unsigned offset = 0; offset < 64; offset += 8) last = bench.store(view, offset, fresh);
        if (fenced) bench.fence(Fence::Sfence);
        bench.device_has_read(56, fenced ? right(fresh) : wrong({Kind::UndrainedStore, last}, fresh));
    }
}

LITMUS(store_behind_the_fence_is_not_drained, "A fence empties the buffers of what was stored before it.",
       "SDM 2, SFENCE") {
    for (const bool again : {true, false}) {
        bench.scene(again ? "a fence behind each store" : "a fence between");
        const View view = bench.map(wc);
        bench.device_will_read(0, Snoop::No);
        bench.store(view, 0, fresh);
        bench.fence(Fence::Sfence);
        const Code second = bench.store(view, 0, newer);
        if (again) bench.fence(Fence::Sfence);
        bench.device_has_read(0, again ? right(newer) : wrong({Kind::UndrainedStore, second}, newer, fresh));
    }
}

LITMUS(one_fence_drains_all_buffers, "One fence is enough to empty all buffers.", "SDM 2, SFENCE") {
    for (const bool after_all : {true, false}) {
        bench.scene(after_all ? "behind the last store" : "before the last store");
        const View view = bench.map(wc);
        bench.device_will_read(128, Snoop::No);
        bench.store(view, 0, fresh);
        bench.store(view, 64, fresh);
        if (!after_all) bench.fence(Fence::Sfence);
        const Code last = bench.store(view, 128, fresh);
        if (after_all) bench.fence(Fence::Sfence);
        bench.device_has_read(128, after_all ? right(fresh) : wrong({Kind::UndrainedStore, last}, fresh));
        bench.device_reads(0, Snoop::No, right(fresh));
        bench.device_reads(64, Snoop::No, right(fresh));
    }
}

LITMUS(processor_sees_its_own_combined_stores, "What a processor has combined it loads itself, drained or not.",
       "SDM 3, Buffering of Write Combining Memory Locations; Memory Ordering") {
    bench.scene("a load of the same mapping");
    const View view = bench.map(wc);
    bench.store(view, 0, fresh);
    bench.loads(view, 0, right(fresh));
    bench.store(view, 0, newer);
    bench.fence(Fence::Sfence);
    bench.device_reads(0, Snoop::No, right(newer));
    bench.scene("and the device does not");
    const View other = bench.map(wc);
    bench.device_will_read(0, Snoop::No);
    const Code store = bench.store(other, 0, fresh);
    bench.device_has_read(0, wrong({Kind::UndrainedStore, store}, fresh));
}

LITMUS(buffer_overwrites_what_a_device_wrote, "A buffer that is emptied late overwrites what was written meanwhile.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const bool late : {false, true}) {
        bench.scene(late ? "the device writes, SFENCE" : "SFENCE, the device writes");
        const View view = bench.map(wc);
        bench.device_will_write(0, device, Snoop::No);
        const Code store = bench.store(view, 0, fresh);
        if (!late) bench.fence(Fence::Sfence);
        bench.device_has_written();
        if (late) {
            bench.fence(Fence::Sfence);
            bench.is_found({Kind::OverwrittenByStore, store}, 0);
        }
        bench.device_reads(0, Snoop::No, late ? Outcome{device, fresh, {}} : right(device));
    }
}

LITMUS(buffer_leaves_other_bytes_alone, "A buffer writes the bytes that were stored, and none beside them.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const bool beside : {true, false}) {
        bench.scene(beside ? "another word of the line" : "the same word");
        const View view = bench.map(wc);
        bench.device_will_write(8, device, Snoop::No);
        const Code store = bench.store(view, beside ? 0 : 8, fresh);
        bench.device_has_written();
        bench.fence(Fence::Sfence);
        if (!beside) bench.is_found({Kind::OverwrittenByStore, store}, 8);
        bench.device_reads(8, Snoop::No, beside ? right(device) : Outcome{device, fresh, {}});
        bench.device_reads(0, Snoop::No, right(beside ? fresh : before));
    }
}

}  // namespace remap::litmus
