// SPDX-License-Identifier: MIT
#include "hw/cache/tests/reference.h"

#include <algorithm>

namespace remap::cache::test {

void Reference::flush(const CpuAccess& access, Flush how) {
    const std::uint64_t line = access.address.value / 64 * 64;
    if (how == Flush::Clflush) {
        empty(access.origin.cpu, line);
        write_back(line);
        drop(line);
        heal(line);
        return;
    }
    if (!cached(line)) return;
    const bool dirty = is_dirty(line);
    if (!dirty && how == Flush::Clwb) return;
    Flushed flushed{access.origin, line, how == Flush::Clflushopt, dirty, false, {}, ++flushes_};
    bool agrees = !dirty;
    for (std::uint64_t byte = line; byte < line + 64; ++byte) {
        flushed.contents[byte] = cache_[byte];
        agrees = agrees && cache_[byte] == memory_[byte];
    }
    if (agrees) {  // to drop it now or later is all the same
        drop(line);
        heal(line);
        return;
    }
    const auto same = [&](const Flushed& known) { return known.line == line && known.origin.cpu == access.origin.cpu; };
    const auto known = std::find_if(flushed_.begin(), flushed_.end(), same);
    if (known == flushed_.end()) {
        flushed_.push_back(flushed);
    } else {  // in its place, with what the line has now
        flushed.drops = flushed.drops || known->drops;
        *known = flushed;
    }
}

void Reference::fence(unsigned cpu, Fence kind) {
    empty_all(cpu);
    if (kind == Fence::Uncached) return;
    for (;;) {
        const auto next = std::find_if(flushed_.begin(), flushed_.end(),
                                       [&](const Flushed& flushed) { return flushed.origin.cpu == cpu; });
        if (next == flushed_.end()) return;
        const Flushed flushed = *next;
        flushed_.erase(next);
        order(flushed);
    }
}

void Reference::order(Flushed done) {
    const std::uint64_t line = done.line;
    if (done.writes) {
        std::vector<std::uint64_t> gone;
        for (std::uint64_t byte = line; byte < line + 64; ++byte) {
            const bool newest_in_memory = memory_[byte] == coherent(byte);
            if (newest_in_memory && done.contents[byte] != coherent(byte)) gone.push_back(byte);
        }
        const auto dirty = dirtied(line);
        lost(FindingKind::OverwrittenByLine, line, gone, dirty->second);
        if (options_.mode == Mode::Report) {
            for (const std::uint64_t byte : gone) {
                cache_[byte] = done.contents[byte] = coherent(byte);
                for (Flushed& flushed : flushed_) {
                    if (flushed.line == line) flushed.contents[byte] = coherent(byte);
                }
            }
        }
        for (std::uint64_t byte = line; byte < line + 64; ++byte) memory_[byte] = done.contents[byte];
        if (!done.again) dirty_.erase(dirty);
        for (Flushed& flushed : flushed_) {
            if (flushed.line == line && (!done.again || flushed.when < done.when)) flushed.writes = false;
        }
        std::erase_if(flushed_, [&](const Flushed& f) { return f.line == line && !f.drops && !f.writes; });
    }
    if (done.drops && !done.again) drop(line);
    heal(line);
}

void Reference::flush_all(unsigned cpu, bool writes) {
    empty_all(cpu);
    while (!dirty_.empty()) {
        const std::uint64_t line = dirty_[0].first;
        if (writes) write_back(line);
        drop(line);
        heal(line);
    }
    while (!copies_.empty()) {
        const std::uint64_t line = *copies_.begin();
        drop(line);
        heal(line);
    }
}

void Reference::evict() {
    while (options_.dirty_lines != 0 && dirty_.size() > options_.dirty_lines) {
        const std::uint64_t line = dirty_[0].first;
        write_back(line);
        heal(line);
    }
}

}  // namespace remap::cache::test
