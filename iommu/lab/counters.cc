// SPDX-License-Identifier: MIT
#include "iommu/lab/counters.h"

#include "iommu/lab/event.h"

namespace remap::lab {

unsigned Counters::row_of(std::uint16_t source) {
    if (source == no_source) return CounterTable::unit;
    const std::uint32_t wanted = std::uint32_t{source} + 1;
    for (unsigned i = 0; i < CounterTable::devices; ++i) {
        const unsigned row = (source + i) % CounterTable::devices;
        std::uint32_t there = sources_[row].load(std::memory_order_relaxed);
        if (there == 0 && sources_[row].compare_exchange_strong(there, wanted, std::memory_order_relaxed)) return row;
        if (there == wanted) return row;
    }
    return CounterTable::others;
}

std::optional<std::uint16_t> Counters::source_of(unsigned row) const {
    const std::uint32_t source = sources_[row].load(std::memory_order_relaxed);
    if (source == 0) return {};
    return static_cast<std::uint16_t>(source - 1);
}

std::uint64_t Counters::total(unsigned row, Count what) const {
    std::uint64_t sum = 0;
    for (const Share& share : shares_)
        sum += share.by_row[row].words[static_cast<unsigned>(what)].load(std::memory_order_acquire);
    return sum;
}

void Counters::publish_to(CounterTable& table) const {
    for (unsigned row = 0; row < CounterTable::rows; ++row) {
        const bool of_device = row < CounterTable::devices;
        const std::uint32_t source = of_device ? sources_[row].load(std::memory_order_relaxed) : 0;
        if (of_device && source == 0) continue;
        for (unsigned what = 0; what < counts; ++what)
            table.words[row][what].store(total(row, static_cast<Count>(what)), std::memory_order_relaxed);
        if (of_device) table.sources[row].store(source, std::memory_order_release);
    }
}

}  // namespace remap::lab
