// SPDX-License-Identifier: MIT
// The rules of docs/coherency.md once more, as plainly as they can be written: a value for each byte of each world in
// an array, combined stores as a list of single bytes, culprits by searching the history backwards. Slow, and shares
// nothing with the model but its public types.
#pragma once

#include "hw/cache/coherency.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace remap::cache::test {

class Reference {
public:
    // Of memory from address 0 on.
    Reference(const Options& options, std::size_t bytes)
        : options_(options), coherent_(bytes), memory_(bytes), cache_(bytes) {}

    std::vector<std::uint8_t> load(const CpuAccess& access);
    void store(const CpuAccess& access, const std::vector<std::uint8_t>& bytes);
    std::vector<std::uint8_t> dma_read(const DmaAccess& access);
    void dma_write(const DmaAccess& access, const std::vector<std::uint8_t>& bytes);
    void flush(const CpuAccess& access, Flush how);
    void flush_all(unsigned cpu, bool write_back);
    void fence(unsigned cpu, Fence kind);
    void type_changed(std::uint64_t page, MemoryType type) { may_fetch_[page] = cached_type(type); }

    bool pending(unsigned cpu) const;
    std::uint64_t outstanding() const;  // lines
    std::uint8_t coherent(std::uint64_t address) const { return coherent_[address]; }
    std::uint8_t in_memory(std::uint64_t address) const { return memory_[address]; }

    // What was found, each time, in order.
    const std::vector<Finding>& found() const { return found_; }

private:
    using World = std::vector<std::uint8_t>;  // by physical address
    struct Combined {
        unsigned cpu;
        std::uint64_t address;
        std::uint8_t value;
        Origin origin;
    };
    struct Flushed {
        Origin origin;
        std::uint64_t line;
        bool drops;
        bool writes;
        bool again;  // stored to since
        std::map<std::uint64_t, std::uint8_t> contents;
        std::uint64_t when;
    };
    struct Event {  // of the history: the last one of a byte made its newest value
        std::uint64_t first;
        std::uint64_t bytes;
        std::optional<Origin> store;
        std::optional<DmaOrigin> dma;
    };

    static bool cached_type(MemoryType type);
    template <typename Visit>
    static void lines(std::uint64_t first, std::uint64_t bytes, Visit&& visit);

    // The lines that are dirty, and the stores that began to dirty them; oldest first.
    using Dirty = std::vector<std::pair<std::uint64_t, Origin>>;
    Dirty::const_iterator dirtied(std::uint64_t line) const;
    bool is_dirty(std::uint64_t line) const { return dirtied(line) != dirty_.end(); }
    bool cached(std::uint64_t line) const { return copies_.count(line) != 0; }
    void fetch(std::uint64_t line);
    void write_back(std::uint64_t line);
    void drop(std::uint64_t line);
    void heal(std::uint64_t line);
    void prepare(const Origin& origin, std::uint64_t line);
    void empty(unsigned cpu, std::uint64_t line);
    void empty_all(unsigned cpu);
    std::vector<std::uint64_t> buffers(unsigned cpu) const;
    void order(Flushed done);
    void evict();

    const Event* newest(std::uint64_t address) const;
    const Combined* combined(std::uint64_t address) const;
    void judge(std::uint64_t line, std::uint64_t first, std::uint64_t bytes, bool copy, const Origin* load,
               const DmaOrigin* dma);
    void lost(FindingKind kind, std::uint64_t line, const std::vector<std::uint64_t>& bytes, const Origin& by);

    Options options_;
    World coherent_, memory_, cache_;
    std::set<std::uint64_t> copies_;  // lines that the cache has
    Dirty dirty_;
    std::vector<Combined> combined_;  // oldest first
    std::vector<Flushed> flushed_;
    std::map<std::uint64_t, bool> may_fetch_;  // pages
    std::vector<Event> history_;
    std::vector<Finding> found_;
    std::uint64_t flushes_ = 0;
};

}  // namespace remap::cache::test
