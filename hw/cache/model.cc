// SPDX-License-Identifier: MIT
// A line taken apart and put back, and what bounds how many there are.
#include "hw/cache/model.h"

#include <algorithm>

namespace remap::cache {

Model::Model(MemoryPort& memory, FindingPort& findings, const Options& options)
    : memory_(memory), options_(options), log_(findings, options.most_findings) {
    options_.buffers = std::max(options.buffers, 1u);
    options_.most_lines = std::max(options.most_lines, 1u);
}

bool Model::open(View& view, std::uint64_t address) {
    if (!memory_.read({address}, view.port.data(), line_bytes)) return false;
    view.address = address;
    view.page = &table_.page(address);
    view.line = table_.find(*view.page, address);
    view.cached = (view.page->cached & LineTable::bit_of(address)) != 0;
    view.coherent = view.memory = view.copy = view.port;
    if (view.line == nullptr || view.line->apart == 0) return true;
    copy(options_.mode == Mode::Report ? view.memory : view.coherent, view.line->other, view.line->apart);
    copy(view.copy, view.line->cached, view.line->apart);
    return true;
}

Line& Model::state(View& view) {
    if (view.line == nullptr) view.line = &table_.make(*view.page, view.address);
    return *view.line;
}

void Model::close(View& view) {
    const bool report = options_.mode == Mode::Report;
    if (view.line != nullptr) heal(view);
    const Mask bit = LineTable::bit_of(view.address);
    view.page->cached = (view.page->cached & ~bit) | (view.cached ? bit : 0);
    const Bytes& base = report ? view.coherent : view.memory;
    for (Mask changed = differing(base, view.port); changed != 0;) {
        const unsigned at = first_of(changed);
        const unsigned run = static_cast<unsigned>(std::countr_one(changed >> at));
        memory_.write({view.address + at}, &base[at], run);
        changed &= ~mask_of(at, run);
    }
    if (view.line == nullptr) return;
    Line& line = *view.line;
    line.apart = differing(view.coherent, view.memory) | (view.cached ? differing(view.copy, view.memory) : 0);
    line.other = report ? view.memory : view.coherent;
    line.cached = view.cached ? view.copy : view.memory;
    if (!line.dirty) table_.dirty.remove(line);
    if (line.dirty) table_.dirty.add(line);
    if (line.dirty || line.buffered != 0) {
        table_.outstanding.add(line);
    } else if (line.apart != 0) {
        table_.outstanding.remove(line);
    } else {
        remove_notes(line, [](const Note&) { return true; });
        table_.erase(*view.page, line);
        view.line = nullptr;
    }
}

// The newest value of a byte is nowhere any more when it has been overwritten, which was told, or when something wrote
// past the model. Such a byte is no finding; the mode says which world goes on.
void Model::heal(View& view) {
    Mask nowhere = differing(view.memory, view.coherent);
    if (view.cached) nowhere &= differing(view.copy, view.coherent);
    if (nowhere == 0) return;
    nowhere &= ~held(view);
    if (options_.mode == Mode::Strict) {
        copy(view.coherent, view.memory, nowhere);
    } else {
        copy(view.memory, view.coherent, nowhere);
        copy(view.copy, view.coherent, nowhere);
    }
}

// Bytes whose newest value is in a buffer.
Mask Model::held(const View& view) {
    Mask bytes = 0;
    if (view.line->buffered == 0) return bytes;
    for (Processor* processor : processors_.met()) {
        const Buffer* buffer = processor->find(view.address);
        if (buffer != nullptr) bytes |= buffer->mask & ~differing(buffer->data, view.coherent);
    }
    return bytes;
}

// The buffer that has a byte's newest value; of several, the lowest processor's.
const Buffer* Model::holder(const View& view, unsigned byte) {
    if (view.line->buffered == 0) return nullptr;
    const Buffer* lowest = nullptr;
    unsigned number = 0;
    for (Processor* processor : processors_.met()) {
        const Buffer* buffer = processor->find(view.address);
        if (buffer == nullptr || (buffer->mask >> byte & 1) == 0) continue;
        if (buffer->data[byte] != view.coherent[byte]) continue;
        if (lowest == nullptr || processor->number() < number) lowest = buffer, number = processor->number();
    }
    return lowest;
}

void Model::type_changed(PhysicalPage page, MemoryType type) {
    table_.page(page.address().value).speculated = cacheable(type);
}

// Without a finding: memory gets the newest bytes, and the copy with it.
void Model::settle(Page& page, Line& line) {
    if (options_.mode == Mode::Strict) {
        for_each_byte(line.apart, [&](unsigned i) { memory_.write({line.address + i}, &line.other[i], 1); });
    }
    if (line.buffered != 0) {
        for (Processor* processor : processors_.met()) {
            if (const Buffer* buffer = processor->find(line.address)) processor->remove(*buffer);
        }
    }
    remove_notes(line, [](const Note&) { return true; });
    table_.erase(page, line);
}

void Model::forget(PhysicalPage first, PhysicalPage end) {
    table_.for_each_page(first.number, end.number, [&](std::uint64_t number, Page& page) {
        for_each_byte(page.stateful, [&](unsigned i) {
            settle(page, *table_.find(page, PhysicalPage{number}.address().value + i * line_bytes));
        });
    });
    table_.erase_pages(first.number, end.number);
}

void Model::settle() { forget({0}, {PageSet::limit}); }

void Model::keep_bounds() {
    while (options_.dirty_lines != 0 && table_.dirty.size() > options_.dirty_lines) {
        Line& line = *table_.dirty.oldest();
        View view;
        if (open(view, line.address)) {
            write_back(view);
            close(view);
        } else {
            settle(table_.page(line.address), line);
        }
    }
    while (table_.all.size() > options_.most_lines) {
        Line& line = *table_.all.oldest();
        settle(table_.page(line.address), line);
        ++given_up_;
    }
}

}  // namespace remap::cache
