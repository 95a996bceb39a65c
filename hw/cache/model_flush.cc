// SPDX-License-Identifier: MIT
// Flushes and fences (Intel SDM volume 2, CLFLUSH, CLFLUSHOPT, CLWB, SFENCE, MFENCE, WBINVD, INVD; volume 3, "Buffering
// of Write Combining Memory Locations").
#include "hw/cache/model.h"

#include <algorithm>

namespace remap::cache {
namespace {

// Of one processor. A processor may do a flush before the fence: beyond this the oldest is done.
constexpr std::size_t most_flushes = 65536;

}  // namespace

void Model::flush(const Origin& origin, std::uint64_t address, Flush how) {
    // CLFLUSH is ordered with older stores; the other two take effect at a fence, which empties the buffers too.
    if (how == Flush::Clflush) empty_line(origin.cpu, address);
    Page* page = table_.find_page(address);
    const Mask bit = LineTable::bit_of(address);
    if (page == nullptr || (page->cached & bit) == 0) return;
    if ((page->stateful & bit) == 0) {
        if (how != Flush::Clwb) page->cached &= ~bit;
        return;
    }
    if (how != Flush::Clflush) make_room(origin.cpu);
    View view;
    if (!open(view, address) || view.line == nullptr) return;
    // To drop a copy that has what memory has is the same now and later.
    const bool agrees = !view.line->dirty && differing(view.copy, view.memory) == 0;
    if (how == Flush::Clflush || (how == Flush::Clflushopt && agrees)) {
        write_back(view);
        drop_copy(view);
    } else if (view.line->dirty || how == Flush::Clflushopt) {
        note(view, origin, how == Flush::Clflushopt);
    }
    close(view);
}

void Model::make_room(unsigned cpu) {
    Processor& processor = processors_.at(cpu);
    if (processor.flushed().size() < most_flushes) return;
    const std::uint64_t oldest = processor.flushed().front();
    processor.flushed().pop_front();
    order(processor, oldest);
}

// With what the line has now: a later store dirties it again.
void Model::note(View& view, const Origin& origin, bool drops) {
    Processor& processor = processors_.at(origin.cpu);
    std::vector<Note>& notes = view.line->notes;
    auto found =
        std::find_if(notes.begin(), notes.end(), [&](const Note& known) { return known.cpu == processor.number(); });
    if (found == notes.end()) {
        processor.flush_noted(view.address);
        found = notes.emplace(notes.end());
        found->cpu = processor.number();
    }
    found->drops = found->drops || drops;
    found->origin = origin;
    found->stamp = ++stamps_;
    found->writes_back = view.line->dirty;
    found->stored_since = false;
    found->contents = view.copy;
}

void Model::fence(unsigned cpu, Fence kind) {
    if (!pending(cpu)) return;
    empty_buffers(cpu);
    if (kind == Fence::Uncached) return;
    Processor& processor = processors_.at(cpu);
    while (!processor.flushed().empty()) {
        const std::uint64_t line = processor.flushed().front();
        processor.flushed().pop_front();
        order(processor, line);
    }
}

// Does the flush of a line that a processor has noted, if it still is to be done.
void Model::order(const Processor& processor, std::uint64_t address) {
    const Page* page = table_.find_page(address);
    const Line* line = page == nullptr ? nullptr : table_.find(*page, address);
    if (line == nullptr) return;
    const auto own = [&](const Note& note) { return note.cpu == processor.number(); };
    const auto found = std::find_if(line->notes.begin(), line->notes.end(), own);
    if (found == line->notes.end()) return;
    const Note note = *found;
    remove_notes(*table_.find(*page, address), own);
    View view;
    if (!open(view, address)) return;
    if (note.writes_back) write_noted(view, note);
    if (!note.stored_since && note.drops) drop_copy(view);
    close(view);
}

// Memory gets what the line had at the flush. Flushes that were executed before this one have no more to write, and
// none has when nothing was stored since.
void Model::write_noted(View& view, const Note& done) {
    Line& line = *view.line;
    const Mask lost = ~differing(view.memory, view.coherent) & differing(done.contents, view.coherent);
    overwritten(view, FindingKind::OverwrittenByLine, lost, line.dirtied);
    if (options_.mode == Mode::Report) {
        copy(view.copy, view.coherent, lost);
        for (Note& note : line.notes) copy(note.contents, view.coherent, lost);
    }
    copy(view.memory, done.contents, options_.mode == Mode::Report ? ~lost : ~Mask{0});
    if (!done.stored_since) line.dirty = false;
    for (Note& note : line.notes) note.writes_back = note.writes_back && line.dirty && note.stamp > done.stamp;
    remove_notes(line, [](const Note& note) { return !note.writes_back && !note.drops; });
}

void Model::flush_all(unsigned cpu, bool write_back) {
    empty_buffers(cpu);
    const auto drop_each = [&](auto& queue) {
        for (Line* line = queue.oldest(); line != nullptr;) {
            Line* const next = queue.after(*line);
            drop(*line, write_back);
            line = next;
        }
    };
    drop_each(table_.dirty);  // in the order in which they became so
    drop_each(table_.all);
    table_.for_each_page(0, PageSet::limit, [](std::uint64_t, Page& page) { page.cached = 0; });
}

// What INVD drops is gone in both worlds: that is what the instruction is for.
void Model::drop(Line& line, bool writes_back) {
    View view;
    if (!open(view, line.address)) return;
    if (writes_back) write_back(view);
    drop_copy(view);
    copy(view.coherent, view.memory, differing(view.memory, view.coherent) & ~held(view));
    close(view);
}

}  // namespace remap::cache
