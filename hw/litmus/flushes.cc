// SPDX-License-Identifier: MIT
// What a processor stores, and a device reads without snooping: flushes.
#include "hw/litmus/bench.h"
#include "hw/litmus/litmus.h"

namespace remap::litmus {

namespace {

constexpr std::uint64_t fresh = word(0x22), newer = word(0x33);

// A word of the scene in which some bytes are stored.
constexpr std::uint64_t with_bytes(std::uint64_t value, unsigned first, unsigned bytes) {
    const std::uint64_t mask = (bytes == 8 ? 0 : std::uint64_t{1} << 8 * bytes) - 1;
    return (before & ~(mask << 8 * first)) | (value & mask) << 8 * first;
}

}  // namespace

LITMUS(cached_store_needs_a_flush, "What is stored to write-back memory is in the cache until it is flushed.",
       "SDM 3, Methods of Caching Available") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        if (flushed) bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, flushed ? right(fresh) : wrong({Kind::MissedFlush, store}, fresh));
    }
}

LITMUS(clflush_needs_no_fence, "CLFLUSH is ordered with the stores before it, and done before a device is told.",
       "SDM 2, CLFLUSH") {
    for (const std::uint64_t line : {0, 64}) {
        bench.scene(line == 0 ? "the line is flushed" : "its neighbour is flushed");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        bench.flush(view, line);
        bench.device_reads(0, Snoop::No, line == 0 ? right(fresh) : wrong({Kind::MissedFlush, store}, fresh));
    }
}

LITMUS(snooped_read_needs_no_flush, "A device that snoops reads what is in the cache.",
       "SDM 3, Cache Control Protocol; PCIe, No Snoop Attribute") {
    for (const Snoop snoop : {Snoop::Yes, Snoop::No}) {
        bench.scene(snoop == Snoop::Yes ? "with snooping" : "without");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        bench.device_reads(0, snoop, snoop == Snoop::Yes ? right(fresh) : wrong({Kind::MissedFlush, store}, fresh));
    }
}

LITMUS(uncached_store_needs_no_flush, "What is stored to uncacheable memory is in memory.",
       "SDM 3, Methods of Caching Available") {
    for (const MemoryType type : {uc, wb}) {
        bench.scene(type == uc ? "uncacheable" : "write-back");
        const Code store = bench.store(bench.map(type), 0, fresh);
        bench.device_reads(0, Snoop::No, type == uc ? right(fresh) : wrong({Kind::MissedFlush, store}, fresh));
    }
}

LITMUS(locked_store_needs_a_flush, "A locked instruction stores to the cache like any other.",
       "SDM 3, Effects of a LOCK Operation on Internal Processor Caches") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View view = bench.map(wb);
        const Code store = bench.exchange(view, 0, fresh);
        if (flushed) bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, flushed ? right(fresh) : wrong({Kind::MissedFlush, store}, fresh));
    }
}

LITMUS(flush_before_the_store_is_none, "A flush concerns what was stored before it.", "SDM 2, CLFLUSH") {
    for (const bool before_store : {false, true}) {
        bench.scene(before_store ? "flush, store" : "store, flush");
        const View view = bench.map(wb);
        if (before_store) bench.flush(view, 0);
        const Code store = bench.store(view, 0, fresh);
        if (!before_store) bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, before_store ? wrong({Kind::MissedFlush, store}, fresh) : right(fresh));
    }
}

LITMUS(store_after_the_flush_needs_another, "A line that is stored to again has to be flushed again.",
       "SDM 2, CLFLUSH") {
    for (const bool again : {true, false}) {
        bench.scene(again ? "flushed twice" : "flushed once");
        const View view = bench.map(wb);
        bench.store(view, 0, fresh);
        bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, right(fresh));
        const Code second = bench.store(view, 0, newer);
        if (again) bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, again ? right(newer) : wrong({Kind::MissedFlush, second}, newer, fresh));
    }
}

LITMUS(flush_is_of_one_line, "A flush writes one line of 64 bytes back, and no other.", "SDM 2, CLFLUSH") {
    for (const bool both : {true, false}) {
        bench.scene(both ? "both lines" : "the first of two");
        const View view = bench.map(wb);
        bench.store(view, 0, fresh);
        const Code second = bench.store(view, 64, newer);
        bench.flush(view, 0);
        if (both) bench.flush(view, 64);
        bench.device_reads(0, Snoop::No, right(fresh));
        bench.device_reads(64, Snoop::No, both ? right(newer) : wrong({Kind::MissedFlush, second}, newer));
    }
}

LITMUS(any_address_names_the_line, "A line is flushed by the address of any of its bytes.", "SDM 2, CLFLUSH") {
    for (const std::uint64_t offset : {0, 31, 63, 64}) {
        bench.scene(offset < 64 ? "an address of the line" : "the one behind it");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 8, fresh);
        bench.flush(view, offset);
        bench.device_reads(8, Snoop::No, offset < 64 ? right(fresh) : wrong({Kind::MissedFlush, store}, fresh));
    }
}

LITMUS(store_across_lines_needs_two_flushes, "A store that lies in two lines is flushed by two flushes.",
       "SDM 3, Methods of Caching Available") {
    for (const bool both : {true, false}) {
        bench.scene(both ? "both lines" : "the first of two");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 60, fresh);
        bench.flush(view, 60);
        if (both) bench.flush(view, 67);
        bench.device_reads(56, Snoop::No, right(with_bytes(fresh, 4, 4)));
        const std::uint64_t rest = with_bytes(fresh, 0, 4);
        bench.device_reads(64, Snoop::No, both ? right(rest) : wrong({Kind::MissedFlush, store}, rest));
    }
}

LITMUS(store_across_pages_needs_two_flushes, "A store that lies in two pages is too, wherever these are in memory.",
       "SDM 3, Methods of Caching Available") {
    for (const bool both : {true, false}) {
        bench.scene(both ? "both pages" : "the first of two");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 4092, fresh);
        bench.flush(view, 4092);
        if (both) bench.flush(view, 4096);
        bench.device_reads(4088, Snoop::No, right(with_bytes(fresh, 4, 4)));
        const std::uint64_t rest = with_bytes(fresh, 0, 4);
        bench.device_reads(4096, Snoop::No, both ? right(rest) : wrong({Kind::MissedFlush, store}, rest));
    }
}

LITMUS(only_the_bytes_that_were_stored_are_missed, "What was not stored is the same in the cache and in memory.",
       "SDM 3, Methods of Caching Available") {
    for (const unsigned bytes : {1u, 2u, 4u}) {
        for (const bool flushed : {true, false}) {
            bench.scene(flushed ? "flushed" : "not flushed");
            const View view = bench.map(wb);
            const Code store = bench.store(view, 3, fresh, bytes);
            if (flushed) bench.flush(view, 0);
            const std::uint64_t newest = with_bytes(fresh, 3, bytes);
            bench.device_reads(0, Snoop::No, flushed ? right(newest) : wrong({Kind::MissedFlush, store}, newest));
            bench.device_reads(8, Snoop::No, right(before));
        }
    }
}

LITMUS(each_line_of_a_range_is_flushed, "A device that reads several lines reads each as it is.",
       "SDM 3, Methods of Caching Available") {
    for (const bool all : {true, false}) {
        bench.scene(all ? "all lines" : "all but the third");
        const View view = bench.map(wb);
        Code stores[4];
        for (unsigned line = 0; line < 4; ++line) {
            stores[line] = bench.store(view, 64 * line + 8, fresh);
            if (all || line != 2) bench.flush(view, 64 * line);
        }
        std::uint64_t words[32];
        bench.device_reads_range(0, sizeof words, words);
        if (all) bench.nothing_is_found();
        if (!all) bench.is_found({Kind::MissedFlush, stores[2]}, 2 * 64 + 8);
        for (unsigned i = 0; i < 32; ++i) {
            const bool old = i % 8 != 1 || (!all && i == 17 && bench.strict());
            bench.expect_equal("a word of the range", words[i], old ? before : fresh);
        }
    }
}

LITMUS(the_last_line_of_a_page_is_one_too, "A loop over a page's lines that ends one too early is found.",
       "ours: the commonest mistake of flush loops") {
    for (const unsigned lines : {64u, 63u}) {
        bench.scene(lines == 64 ? "64 lines" : "63 lines");
        const View view = bench.map(wb);
        Code last = 0;
        for (unsigned line = 0; line < 64; ++line) last = bench.store(view, 64 * line, fresh);
        for (unsigned line = 0; line < lines; ++line) bench.flush(view, 64 * line, Flush::Clflushopt);
        bench.fence(Fence::Sfence);
        for (unsigned line = 0; line < 63; ++line) bench.device_reads(64 * line, Snoop::No, right(fresh));
        bench.device_reads(64 * 63, Snoop::No, lines == 64 ? right(fresh) : wrong({Kind::MissedFlush, last}, fresh));
    }
}

LITMUS(flush_through_another_mapping, "A flush finds the line by its physical address, whatever mapping names it.",
       "SDM 2, CLFLUSH") {
    for (const MemoryType type : {wb, uc, wc}) {
        bench.scene("another mapping of the line");
        const View view = bench.map(wb), other = bench.map(type);
        bench.store(view, 0, fresh);
        bench.flush(other, 0);
        bench.device_reads(0, Snoop::No, right(fresh));
    }
    bench.scene("another page of the other mapping");
    const View view = bench.map(wb), other = bench.map(wb);
    const Code store = bench.store(view, 0, fresh);
    bench.flush(other, 4096);
    bench.device_reads(0, Snoop::No, wrong({Kind::MissedFlush, store}, fresh));
}

LITMUS(wbinvd_writes_all_back, "WBINVD writes every modified line back, and needs no fence.", "SDM 2, WBINVD") {
    for (const bool all : {true, false}) {
        bench.scene(all ? "WBINVD" : "one line is flushed");
        const View view = bench.map(wb);
        bench.store(view, 0, fresh);
        const Code second = bench.store(view, 128, fresh), third = bench.store(view, 4096, fresh);
        if (all) bench.wbinvd();
        if (!all) bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, right(fresh));
        bench.device_reads(128, Snoop::No, all ? right(fresh) : wrong({Kind::MissedFlush, second}, fresh));
        bench.device_reads(4096, Snoop::No, all ? right(fresh) : wrong({Kind::MissedFlush, third}, fresh));
    }
}

LITMUS(line_that_clwb_keeps_is_dirtied_again, "CLWB leaves the line in the cache, where the next store stays.",
       "SDM 2, CLWB") {
    for (const bool again : {true, false}) {
        bench.scene(again ? "written back twice" : "written back once");
        const View view = bench.map(wb);
        bench.store(view, 0, fresh);
        bench.flush(view, 0, Flush::Clwb);
        bench.fence(Fence::Sfence);
        bench.loads(view, 0, right(fresh));
        const Code second = bench.store(view, 0, newer);
        if (again) {
            bench.flush(view, 0, Flush::Clwb);
            bench.fence(Fence::Sfence);
        }
        bench.device_reads(0, Snoop::No, again ? right(newer) : wrong({Kind::MissedFlush, second}, newer, fresh));
    }
}

}  // namespace remap::litmus
