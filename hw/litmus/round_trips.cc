// SPDX-License-Identifier: MIT
// Whole exchanges between a driver and a device, and each thing in them that can be forgotten.
#include "hw/litmus/bench.h"
#include "hw/litmus/litmus.h"

namespace remap::litmus {

namespace {

constexpr std::uint64_t command = word(0x22), data = word(0x33), result = word(0x44), next = word(0x55);

}  // namespace

LITMUS(command_and_result_in_cached_memory, "Command, data and result each take a flush of their own.",
       "ours: a driver's submission without snooping") {
    enum class Forgotten { Nothing, Command, Data, Result };
    for (const Forgotten what : {Forgotten::Nothing, Forgotten::Command, Forgotten::Data, Forgotten::Result}) {
        bench.scene(what == Forgotten::Nothing ? "nothing is forgotten" : "one flush is forgotten");
        const View view = bench.map(wb);
        bench.loads(view, 256, right(before));
        const Code stores[] = {bench.store(view, 0, command), bench.store(view, 128, data)};
        if (what != Forgotten::Command) bench.flush(view, 0, Flush::Clwb);
        if (what != Forgotten::Data) bench.flush(view, 128, Flush::Clwb);
        bench.fence(Fence::Sfence);
        bench.device_reads(
            0, Snoop::No, what == Forgotten::Command ? wrong({Kind::MissedFlush, stores[0]}, command) : right(command));
        bench.device_reads(128, Snoop::No,
                           what == Forgotten::Data ? wrong({Kind::MissedFlush, stores[1]}, data) : right(data));
        bench.device_writes(256, result, Snoop::No);
        if (what != Forgotten::Result) bench.flush(view, 256);
        bench.loads(view, 256, what == Forgotten::Result ? wrong({Kind::StaleRead}, result) : right(result));
    }
}

LITMUS(command_and_result_with_snooping, "With snooping no flush is needed in either direction.",
       "PCIe, No Snoop Attribute") {
    for (const Snoop snoop : {Snoop::Yes, Snoop::No}) {
        bench.scene(snoop == Snoop::Yes ? "with snooping" : "without");
        const bool snoops = snoop == Snoop::Yes;
        const View view = bench.map(wb);
        bench.loads(view, 256, right(before));
        const Code store = bench.store(view, 0, command);
        bench.device_reads(0, snoop, snoops ? right(command) : wrong({Kind::MissedFlush, store}, command));
        bench.device_writes(256, result, snoop);
        bench.loads(view, 256, snoops ? right(result) : wrong({Kind::StaleRead}, result));
    }
}

LITMUS(commands_in_combining_memory, "Commands in write-combining memory need the doorbell behind them, or a fence.",
       "SDM 3, Buffering of Write Combining Memory Locations") {
    for (const bool fenced : {true, false}) {
        bench.scene(fenced ? "fence, and the device comes by itself" : "no fence, and it comes by itself");
        const View view = bench.map(wc);
        bench.device_will_read(8, Snoop::No);
        bench.store(view, 0, command);
        const Code store = bench.store(view, 8, data);
        if (fenced) bench.fence(Fence::Sfence);
        bench.device_has_read(8, fenced ? right(data) : wrong({Kind::UndrainedStore, store}, data));
        bench.device_reads(0, Snoop::No, right(command));
    }
}

LITMUS(buffer_that_is_used_again, "Each use of a buffer takes its own flushes, before the device and behind it.",
       "ours: a driver's staging buffer") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed each time" : "not the second time");
        const View view = bench.map(wb);
        bench.store(view, 0, data);
        bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, right(data));
        bench.device_writes(0, result, Snoop::No);
        bench.flush(view, 0);
        bench.loads(view, 0, right(result));
        const Code store = bench.store(view, 0, next);
        if (flushed) bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, flushed ? right(next) : wrong({Kind::MissedFlush, store}, next, result));
    }
}

LITMUS(flag_behind_its_data, "A flag that the device snoops does not bring the data that it does not.",
       "ours: a queue whose indices are snooped") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "the data is flushed" : "it is not");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, data);
        if (flushed) {
            bench.flush(view, 0, Flush::Clflushopt);
            bench.fence(Fence::Sfence);
        }
        bench.store(view, 64, next);
        bench.device_reads(64, Snoop::Yes, right(next));
        bench.device_reads(0, Snoop::No, flushed ? right(data) : wrong({Kind::MissedFlush, store}, data));
    }
}

LITMUS(ring_in_uncacheable_memory, "In uncacheable memory both directions work without flushes and fences.",
       "SDM 3, Methods of Caching Available") {
    for (const MemoryType type : {uc, wb}) {
        bench.scene(type == uc ? "uncacheable" : "write-back");
        const View view = bench.map(type);
        const Code store = bench.store(view, 0, command);
        bench.device_reads(0, Snoop::No, type == uc ? right(command) : wrong({Kind::MissedFlush, store}, command));
        bench.device_writes(64, result, Snoop::No);
        bench.loads(view, 64, type == uc ? right(result) : wrong({Kind::StaleRead}, result));
    }
}

}  // namespace remap::litmus
