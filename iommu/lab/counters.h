// SPDX-License-Identifier: MIT
// What has happened, by device. A machine counts in memory of its own, each thread in a share of its own: that takes no
// locked instruction, and loses nothing. Now and then the sums are written to a table in shared memory, of which
// nothing is ever read back.
#pragma once

#include "iommu/engine/thread_slot.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace remap::lab {

// Keeps its numbers: readers are other programs. What is of devices is counted by device alone: the unit's share is the
// sum of its devices'. From Completions on there is nothing but the unit's.
enum class Count : std::uint8_t {
    Translations = 0,         // answers to memory requests and translation requests
    RefusedTranslations = 1,  // of those, how many were no
    Walks = 2,                // of those, for how many tables were read
    Faults = 3,               // of any kind, recorded or not
    Reads = 4,                // DMA that was made
    Writes = 5,
    ReadBytes = 6,
    WrittenBytes = 7,
    RefusedAccesses = 8,  // DMA that was not
    Interrupts = 9,       // requests
    Invalidations = 10,   // of a device's row: of its own TLB; of the unit's: of the unit's caches
    PageRequests = 11,
    Injections = 12,
    Completions = 13,
    UnitInterrupts = 14,
    StaleUses = 15,
};
inline constexpr unsigned counts = 16;

// The table in shared memory; all zero at first. A row belongs to a device, and stays its row.
struct CounterTable {
    static constexpr unsigned devices = 256;
    static constexpr unsigned others = devices;    // the row of all devices that came when the rows were taken
    static constexpr unsigned unit = devices + 1;  // the row of the unit: what is of no device
    static constexpr unsigned rows = devices + 2;

    std::array<std::atomic<std::uint32_t>, devices> sources;  // source id + 1; 0: no device's yet
    std::array<std::array<std::atomic<std::uint64_t>, counts>, rows> words;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(CounterTable) == 4 * 256 + 8 * 16 * 258);

class Counters {
public:
    // Any thread.
    void add(std::uint16_t source, Count what, std::uint64_t events = 1) { add_to_row(row_of(source), what, events); }
    void add_to_row(unsigned row, Count what, std::uint64_t events = 1) { share(row).add(what, events); }

    // This thread's share of a row, for whoever counts several things at once.
    class RowShare {
    public:
        void add(Count what, std::uint64_t events = 1) {
            iommu::add_in_slot(words_[static_cast<unsigned>(what)], slot_, events);
        }

    private:
        friend class Counters;
        RowShare(std::atomic<std::uint64_t>* words, unsigned slot) : words_(words), slot_(slot) {}
        std::atomic<std::uint64_t>* words_;
        unsigned slot_;
    };
    RowShare share(unsigned row) {
        const unsigned slot = iommu::thread_slot();
        return {shares_[slot].by_row[row].words.data(), slot};
    }

    // A device's row, which is given to it when it is first asked for. A source id that is no device's has the unit's.
    unsigned row_of(std::uint16_t source);

    // Of a row below CounterTable::devices: the device that has it, if one does.
    std::optional<std::uint16_t> source_of(unsigned row) const;

    std::uint64_t total(unsigned row, Count what) const;
    std::uint64_t total_of(std::uint16_t source, Count what) { return total(row_of(source), what); }

    // Writes all sums. On one thread at a time.
    void publish_to(CounterTable& table) const;

private:
    struct alignas(64) Row {
        std::array<std::atomic<std::uint64_t>, counts> words{};
    };
    struct Share {
        std::array<Row, CounterTable::rows> by_row{};
    };

    std::array<std::atomic<std::uint32_t>, CounterTable::devices> sources_{};  // as in the table
    std::array<Share, iommu::thread_slots> shares_{};
};

}  // namespace remap::lab
