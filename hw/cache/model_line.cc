// SPDX-License-Identifier: MIT
// What becomes of a line: fetched, written back, dropped, and stored to by a write-combining buffer.
#include "hw/cache/model.h"

namespace remap::cache {

void Model::fetch(View& view) {
    view.copy = view.memory;
    view.cached = true;
}

// The whole line goes to memory, bytes that were never stored to as well.
void Model::write_back(View& view) {
    if (view.line == nullptr || !view.line->dirty) return;
    Line& line = *view.line;
    const Mask lost = ~differing(view.memory, view.coherent) & differing(view.copy, view.coherent);
    overwritten(view, FindingKind::OverwrittenByLine, lost, line.dirtied);
    if (options_.mode == Mode::Report) copy(view.copy, view.coherent, lost);
    view.memory = view.copy;
    line.dirty = false;
    for (Note& note : line.notes) note.writes_back = false;
    remove_notes(line, [](const Note& note) { return !note.drops; });
}

void Model::drop_copy(View& view) {
    view.cached = false;
    view.copy = view.memory;
    if (view.line == nullptr) return;
    view.line->dirty = false;
    remove_notes(*view.line, [](const Note&) { return true; });
}

void Model::empty_buffers(unsigned cpu) {
    if (!pending(cpu)) return;
    Processor& processor = processors_.at(cpu);
    while (!processor.buffers().empty()) empty(processor, processor.buffers().front());
}

void Model::empty_line(unsigned cpu, std::uint64_t line) {
    if (!pending(cpu)) return;
    Processor& processor = processors_.at(cpu);
    if (Buffer* buffer = processor.find(line)) empty(processor, *buffer);
}

// To memory, past the cache. In Report mode newer bytes there stay, as they do for the program.
void Model::empty(Processor& processor, Buffer& buffer) {
    View view;
    if (!open(view, buffer.line)) {  // no longer memory
        Page& page = table_.page(buffer.line);
        settle(page, *table_.find(page, buffer.line));
        return;
    }
    const Mask lost = buffer.mask & ~differing(view.memory, view.coherent) & differing(buffer.data, view.coherent);
    if (lost != 0) {
        overwritten(view, FindingKind::OverwrittenByStore, lost, buffer.stores.at(first_of(lost)));
    }
    copy(view.memory, buffer.data, options_.mode == Mode::Report ? buffer.mask & ~lost : buffer.mask);
    --view.line->buffered;
    processor.remove(buffer);
    close(view);
}

bool Model::pending(unsigned cpu) const {
    const Processor* processor = processors_.find(cpu);
    return processor != nullptr && processor->pending();
}

}  // namespace remap::cache
