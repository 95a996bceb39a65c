// SPDX-License-Identifier: MIT
// A processor's loads and stores, by memory type (Intel SDM volume 3, "Methods of Caching Available").
#include "hw/cache/model.h"

#include <cstring>

namespace remap::cache {

// Whether lines of a page may be fetched at any time goes by the last access. A page without a record is not cached.
Page* Model::accessed(const Origin& origin, const Piece& piece) {
    if (!cacheable(origin.type)) {
        Page* page = table_.find_page(piece.line);
        if (page != nullptr) page->speculated = false;
        return page;
    }
    Page& page = table_.page(piece.line);
    page.speculated = true;
    return &page;
}

// A processor sees its own combined stores: here and below.
bool Model::load(const Origin& origin, const Piece& piece, std::uint8_t* to) {
    empty_line(origin.cpu, piece.line);
    const bool fetches = cacheable(origin.type);
    const Mask bit = LineTable::bit_of(piece.line);
    const Page* known = table_.find_page(piece.line);
    if (known == nullptr || (known->stateful & bit) == 0) {
        if (!memory_.read(piece.address(), to, piece.bytes)) return false;
        Page* page = accessed(origin, piece);
        if (fetches) page->cached |= bit;
        return true;
    }
    View view;
    if (!open(view, piece.line)) return false;
    accessed(origin, piece);
    const bool fetched = fetches && !view.cached;
    if (fetched) fetch(view);
    const Bytes& seen = fetches ? view.copy : view.memory;
    judge(view, piece, seen, {&origin, nullptr});
    std::memcpy(to, &(options_.mode == Mode::Report ? view.coherent : seen)[piece.at], piece.bytes);
    if (fetched) close(view);
    return true;
}

bool Model::store(const Origin& origin, const Piece& piece, const std::uint8_t* from) {
    if (origin.type == MemoryType::WriteCombining) return store_combining(origin, piece, from);
    empty_line(origin.cpu, piece.line);
    if (leaves_no_trace(origin.type, piece.line)) {
        if (!memory_.write(piece.address(), from, piece.bytes)) return false;
        Page* page = accessed(origin, piece);
        if (origin.type == MemoryType::WriteProtected) page->cached &= ~LineTable::bit_of(piece.line);
        return true;
    }
    View view;
    if (!open(view, piece.line)) return false;
    accessed(origin, piece);
    if (origin.type == MemoryType::WriteBack) {
        store_cached(view, origin, piece, from);
    } else {
        store_through(view, origin, piece, from);
    }
    close(view);
    keep_bounds();
    return true;
}

// Whether a store of this type only puts its bytes into memory: nobody has others.
bool Model::leaves_no_trace(MemoryType type, std::uint64_t line) const {
    if (type == MemoryType::WriteBack) return false;
    const Page* page = table_.find_page(line);
    if (page == nullptr) return true;
    const Mask bit = LineTable::bit_of(line);
    if ((page->stateful & bit) != 0) return false;
    return !uncached(type) || (page->cached & bit) == 0;
}

void Model::newest(View& view, const Origin& origin, const Piece& piece, const std::uint8_t* from) {
    std::memcpy(&view.coherent[piece.at], from, piece.bytes);
    Line& line = state(view);
    line.stores.add(origin, piece.at, piece.bytes);
    line.dma.remove(piece.mask());
}

// Write-back: the line is fetched, and only the copy changes.
void Model::store_cached(View& view, const Origin& origin, const Piece& piece, const std::uint8_t* from) {
    newest(view, origin, piece, from);
    if (!view.cached) fetch(view);
    std::memcpy(&view.copy[piece.at], from, piece.bytes);
    Line& line = *view.line;
    if (!line.dirty) line.dirtied = origin;
    line.dirty = true;
    for (Note& note : line.notes) note.stored_since = true;
}

// Everything else but write-combining reaches memory at once. Write-through updates a copy that is there, and with it
// what a flush that is under way will write; write-protected drops it; uncached ones leave it as it is: mappings of
// different types are not kept coherent ("Programming the PAT", on aliases).
void Model::store_through(View& view, const Origin& origin, const Piece& piece, const std::uint8_t* from) {
    if (origin.type == MemoryType::WriteProtected) {
        write_back(view);
        drop_copy(view);
    }
    newest(view, origin, piece, from);
    std::memcpy(&view.memory[piece.at], from, piece.bytes);
    if (origin.type != MemoryType::WriteThrough || !view.cached) return;
    std::memcpy(&view.copy[piece.at], from, piece.bytes);
    for (Note& note : view.line->notes) std::memcpy(&note.contents[piece.at], from, piece.bytes);
}

// To a cacheable page: combined, but coherent with the copy, which goes (Intel SDM volume 1, "Cacheability Control,
// Prefetch, and Memory Ordering Instructions").
bool Model::store_non_temporal(const Origin& origin, const Piece& piece, const std::uint8_t* from) {
    if (!cacheable(origin.type)) return store(origin, piece, from);
    const Page* page = table_.find_page(piece.line);
    if (page != nullptr && (page->cached & LineTable::bit_of(piece.line)) != 0) {
        View view;
        if (!open(view, piece.line)) return false;
        write_back(view);
        drop_copy(view);
        close(view);
    }
    return store_combining(origin, piece, from);
}

bool Model::store_combining(const Origin& origin, const Piece& piece, const std::uint8_t* from) {
    Processor& processor = processors_.at(origin.cpu);
    Buffer* buffer = processor.find(piece.line);
    if (buffer == nullptr && processor.buffers().size() >= options_.buffers) {
        empty(processor, processor.buffers().front());
    }
    View view;
    if (!open(view, piece.line)) return false;
    accessed(origin, piece);
    newest(view, origin, piece, from);
    if (buffer == nullptr) {
        buffer = &processor.add(piece.line);
        ++view.line->buffered;
    }
    std::memcpy(&buffer->data[piece.at], from, piece.bytes);
    buffer->mask |= piece.mask();
    buffer->stores.add(origin, piece.at, piece.bytes);
    close(view);
    keep_bounds();
    return true;
}

}  // namespace remap::cache
