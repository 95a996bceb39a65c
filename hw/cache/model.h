// SPDX-License-Identifier: MIT
// The rules of the model, a line at a time and without locks; coherency.h says what they are for and docs/coherency.md
// which sections of the manuals they follow.
//
// What holds for each byte between two accesses: its newest value is in memory, in the cache's copy, or in a
// write-combining buffer. An access that takes it from elsewhere gets an old one, and where it is tells why.
#pragma once

#include "hw/cache/finding_log.h"
#include "hw/cache/line_table.h"
#include "hw/cache/page_set.h"
#include "hw/cache/processors.h"

#include <cstdint>
#include <optional>

namespace remap::cache {

// Whether accesses are served from the cache, and the processor may fetch what it likes (Intel SDM volume 3, "Methods
// of Caching Available").
constexpr bool cacheable(MemoryType type) {
    return type == MemoryType::WriteBack || type == MemoryType::WriteThrough || type == MemoryType::WriteProtected;
}

constexpr bool uncached(MemoryType type) { return !cacheable(type) && type != MemoryType::WriteCombining; }

// The part of an access that lies in one line.
struct Piece {
    std::uint64_t line = 0;  // address
    unsigned at = 0;         // its first byte in the line
    unsigned bytes = 0;

    Mask mask() const { return mask_of(at, bytes); }
    PhysicalAddress address() const { return {line + at}; }
};

class Model {
public:
    Model(MemoryPort& memory, FindingPort& findings, const Options& options);

    // Accesses to lines of tracked pages; for uncached ones the caller has emptied the processor's buffers. False, and
    // nothing changed, when the line is not memory.
    bool load(const Origin& origin, const Piece& piece, std::uint8_t* to);
    bool store(const Origin& origin, const Piece& piece, const std::uint8_t* from);
    bool store_non_temporal(const Origin& origin, const Piece& piece, const std::uint8_t* from);
    bool dma_read(const DmaOrigin& origin, const Piece& piece, std::uint8_t* to);
    bool dma_write(const DmaOrigin& origin, const Piece& piece, const std::uint8_t* from);

    void flush(const Origin& origin, std::uint64_t line, Flush how);
    void flush_all(unsigned cpu, bool write_back);
    void fence(unsigned cpu, Fence kind);
    void empty_buffers(unsigned cpu);

    void type_changed(PhysicalPage page, MemoryType type);
    void forget(PhysicalPage first, PhysicalPage end);  // the pages; memory gets the newest bytes
    void settle();

    bool pending(unsigned cpu) const;  // lock-free
    std::size_t outstanding() const { return table_.outstanding.size(); }
    std::uint64_t given_up() const { return given_up_; }
    const FindingLog& log() const { return log_; }
    void add(const Finding& finding) { log_.add(finding); }

private:
    // A line with all its bytes in both worlds, taken apart, changed and put back.
    struct View {
        std::uint64_t address = 0;
        Page* page = nullptr;
        Line* line = nullptr;  // none: nothing is outstanding
        bool cached = false;   // the cache has a copy
        Bytes port{};          // what the port held
        Bytes coherent{}, memory{}, copy{};
    };
    bool open(View& view, std::uint64_t address);
    Line& state(View& view);
    void close(View& view);
    void heal(View& view);

    // What the hardware does to a line.
    void fetch(View& view);
    void write_back(View& view);
    void drop_copy(View& view);
    void empty(Processor& processor, Buffer& buffer);
    void empty_line(unsigned cpu, std::uint64_t line);
    void order(const Processor& processor, std::uint64_t line);
    void write_noted(View& view, const Note& note);
    void drop(Line& line, bool writes_back);
    void make_room(unsigned cpu);
    void note(View& view, const Origin& origin, bool drops);
    template <typename Which>
    void remove_notes(Line& line, Which&& which) {
        std::erase_if(line.notes, [&](const Note& note) {
            if (!which(note)) return false;
            processors_.at(note.cpu).flush_done();
            return true;
        });
    }

    void store_cached(View& view, const Origin& origin, const Piece& piece, const std::uint8_t* from);
    void store_through(View& view, const Origin& origin, const Piece& piece, const std::uint8_t* from);
    bool store_combining(const Origin& origin, const Piece& piece, const std::uint8_t* from);
    bool leaves_no_trace(MemoryType type, std::uint64_t line) const;
    Page* accessed(const Origin& origin, const Piece& piece);
    void newest(View& view, const Origin& origin, const Piece& piece, const std::uint8_t* from);
    void keep_copies_of_flushes(View& view);

    // Findings.
    struct Reader {
        const Origin* load = nullptr;
        const DmaOrigin* dma = nullptr;
    };
    void judge(const View& view, const Piece& piece, const Bytes& seen, const Reader& reader);
    bool explain(Finding& finding, const View& view, unsigned byte);
    void overwritten(const View& view, FindingKind kind, Mask lost, const std::optional<Origin>& by);
    Mask held(const View& view);
    const Buffer* holder(const View& view, unsigned byte);

    // Bounds.
    void keep_bounds();
    void settle(Page& page, Line& line);

    MemoryPort& memory_;
    Options options_;
    FindingLog log_;
    LineTable table_;
    Processors processors_;
    std::uint64_t stamps_ = 0;
    std::uint64_t given_up_ = 0;
};

}  // namespace remap::cache
