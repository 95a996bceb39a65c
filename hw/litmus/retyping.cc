// SPDX-License-Identifier: MIT
// A mapping whose memory type is changed: what caches hold of the page stays there, and has to be flushed before.
#include "hw/litmus/bench.h"
#include "hw/litmus/litmus.h"

namespace remap::litmus {

namespace {

constexpr std::uint64_t fresh = word(0x22), newer = word(0x33), device = word(0x44);

}  // namespace

LITMUS(dirty_line_of_a_page_that_becomes_uncacheable,
       "A page is flushed before it becomes uncacheable, or right after.",
       "SDM 3, Programming the PAT, on changes of type") {
    enum class Flushed { Before, After, Never };
    for (const Flushed when : {Flushed::Before, Flushed::After, Flushed::Never}) {
        bench.scene(when == Flushed::Before ? "flushed before" : when == Flushed::After ? "after" : "never");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        if (when == Flushed::Before) bench.flush(view, 0);
        bench.set_type(view, uc);
        if (when == Flushed::After) bench.flush(view, 0);
        bench.loads(view, 0, when == Flushed::Never ? wrong({Kind::StaleAliasRead, store}, fresh) : right(fresh));
    }
}

LITMUS(dirty_line_of_a_page_that_becomes_combining,
       "A page is flushed before it becomes write-combining: devices read memory.",
       "SDM 3, Programming the PAT, on changes of type") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        if (flushed) bench.flush(view, 0);
        bench.set_type(view, wc);
        bench.device_reads(0, Snoop::No, flushed ? right(fresh) : wrong({Kind::MissedFlush, store}, fresh));
    }
}

LITMUS(wbinvd_before_a_change_of_type, "WBINVD before the change does for all pages.",
       "SDM 3, Programming the PAT, on changes of type") {
    for (const bool all : {true, false}) {
        bench.scene(all ? "WBINVD" : "one page is flushed");
        const View view = bench.map(wb);
        bench.store(view, 0, fresh);
        const Code second = bench.store(view, 4096, fresh);
        if (all) bench.wbinvd();
        if (!all) bench.flush(view, 0);
        bench.set_type(view, uc);
        bench.loads(view, 0, right(fresh));
        bench.loads(view, 4096, all ? right(fresh) : wrong({Kind::StaleAliasRead, second}, fresh));
    }
}

LITMUS(clean_line_outlives_an_uncacheable_time, "A clean line that stays is old when the page is cacheable again.",
       "SDM 3, Programming the PAT, on changes of type") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        if (flushed) bench.flush(view, 0);
        bench.set_type(view, uc);
        const Code store = bench.store(view, 0, fresh);
        bench.loads(view, 0, right(fresh));
        bench.set_type(view, wb);
        bench.loads(view, 0, flushed ? right(fresh) : wrong({Kind::StaleAliasRead, store}, fresh));
    }
}

LITMUS(clean_line_outlives_a_devices_write, "A clean line that stays is old when a device has written meanwhile.",
       "SDM 3, Programming the PAT, on changes of type") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View view = bench.map(wb);
        bench.loads(view, 0, right(before));
        if (flushed) bench.flush(view, 0);
        bench.set_type(view, uc);
        bench.loads(view, 512, right(before));  // from here on nothing of the page is fetched
        bench.device_writes(0, device, Snoop::No);
        bench.loads(view, 0, right(device));
        bench.set_type(view, wb);
        bench.loads(view, 0, flushed ? right(device) : wrong({Kind::StaleRead}, device));
    }
}

LITMUS(dirty_line_outlives_a_combining_time, "A dirty line is written back over what was combined since.",
       "SDM 3, Programming the PAT, on changes of type") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View view = bench.map(wb);
        const Code store = bench.store(view, 0, fresh);
        if (flushed) bench.flush(view, 0);
        bench.set_type(view, wc);
        bench.store(view, 8, newer);
        bench.fence(Fence::Sfence);
        bench.device_reads(8, Snoop::No, right(newer));
        bench.wbinvd();
        if (!flushed) bench.is_found({Kind::OverwrittenByLine, store}, 8);
        bench.device_reads(8, Snoop::No, flushed ? right(newer) : Outcome{newer, before, {}});
    }
}

LITMUS(page_that_becomes_cacheable_needs_flushes, "A page that becomes write-back is flushed from then on.",
       "SDM 3, Methods of Caching Available") {
    for (const bool flushed : {true, false}) {
        bench.scene(flushed ? "flushed" : "not flushed");
        const View view = bench.map(wc);
        bench.store(view, 0, fresh);
        bench.device_reads(0, Snoop::No, right(fresh));
        bench.set_type(view, wb);
        bench.loads(view, 0, right(fresh));
        const Code store = bench.store(view, 0, newer);
        if (flushed) bench.flush(view, 0);
        bench.device_reads(0, Snoop::No, flushed ? right(newer) : wrong({Kind::MissedFlush, store}, newer, fresh));
    }
}

}  // namespace remap::litmus
