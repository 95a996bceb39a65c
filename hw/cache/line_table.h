// SPDX-License-Identifier: MIT
// What is known of lines and pages. A line of which the cache, the buffers, memory and the coherent world all have the
// same bytes takes one bit, whether the cache has a copy.
#pragma once

#include "hw/cache/queue.h"
#include "hw/cache/stores.h"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace remap::cache {

// A flush that was executed and that no fence has ordered yet.
struct Note {
    unsigned cpu = 0;  // Processor::number
    Origin origin;
    std::uint64_t stamp = 0;    // in the order of the flushes
    bool drops = false;         // the copy too, once it is written back
    bool writes_back = false;   // `contents`
    bool stored_since = false;  // the line is then no longer what was flushed
    Bytes contents{};           // of the line when the flush was executed
};

struct Line {
    std::uint64_t address = 0;
    // Where the cache's copy, memory and the coherent world are not all the same, and the bytes of those two that are
    // not what the port holds. Elsewhere the port's bytes are everybody's: so accesses past the model do no harm there.
    Mask apart = 0;
    Bytes other{};   // memory's in Report mode, the coherent ones in Strict mode
    Bytes cached{};  // while the page says that the cache has the line
    bool dirty = false;
    Origin dirtied{};       // the store that made it so
    unsigned buffered = 0;  // processors that have bytes of it in a write-combining buffer
    Stores stores;
    DmaWrites dma;
    std::vector<Note> notes;

    Links<Line> all, unwritten, outstanding;
};

struct Page {
    Mask cached = 0;          // lines, as Mask has bytes: the cache has a copy
    Mask stateful = 0;        // there is a Line
    bool speculated = false;  // was accessed last through a mapping that lets the processor fetch what it likes
};

class LineTable {
public:
    static constexpr std::uint64_t page_of(std::uint64_t line) { return line >> page_shift; }
    static constexpr Mask bit_of(std::uint64_t line) { return Mask{1} << (line / line_bytes % line_bytes); }

    // The page of a line or byte address.
    Page& page(std::uint64_t address) { return pages_[page_of(address)]; }
    Page* find_page(std::uint64_t address) {
        const auto found = pages_.find(page_of(address));
        return found == pages_.end() ? nullptr : &found->second;
    }
    const Page* find_page(std::uint64_t address) const { return const_cast<LineTable*>(this)->find_page(address); }

    Line* find(const Page& page, std::uint64_t line);
    Line& make(Page& page, std::uint64_t line);
    void erase(Page& page, Line& line);

    // Of pages [first, last), whichever way is shorter. The visitor may erase lines.
    template <typename Visit>
    void for_each_page(std::uint64_t first, std::uint64_t last, Visit&& visit);
    void erase_pages(std::uint64_t first, std::uint64_t last);

    Queue<Line, &Line::all> all;
    Queue<Line, &Line::unwritten> dirty;
    Queue<Line, &Line::outstanding> outstanding;  // dirty or buffered

private:
    using Lines = std::unordered_map<std::uint64_t, Line>;
    static constexpr std::size_t most_spare = 4096;

    std::unordered_map<std::uint64_t, Page> pages_;
    Lines lines_;
    std::vector<Lines::node_type> spare_;  // so that a line that comes and goes allocates nothing
};

template <typename Visit>
void LineTable::for_each_page(std::uint64_t first, std::uint64_t last, Visit&& visit) {
    if (last - first < pages_.size()) {
        for (std::uint64_t number = first; number < last; ++number) {
            const auto found = pages_.find(number);
            if (found != pages_.end()) visit(number, found->second);
        }
    } else {
        for (auto& [number, page] : pages_) {
            if (number >= first && number < last) visit(number, page);
        }
    }
}

}  // namespace remap::cache
