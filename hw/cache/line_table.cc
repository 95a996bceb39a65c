// SPDX-License-Identifier: MIT
#include "hw/cache/line_table.h"

#include <utility>

namespace remap::cache {

Line* LineTable::find(const Page& page, std::uint64_t line) {
    return (page.stateful & bit_of(line)) != 0 ? &lines_.find(line)->second : nullptr;
}

Line& LineTable::make(Page& page, std::uint64_t address) {
    page.stateful |= bit_of(address);
    Line* line = nullptr;
    if (spare_.empty()) {
        line = &lines_[address];
    } else {
        Lines::node_type node = std::move(spare_.back());
        spare_.pop_back();
        node.key() = address;
        line = &lines_.insert(std::move(node)).position->second;
    }
    line->address = address;
    all.add(*line);
    return *line;
}

void LineTable::erase(Page& page, Line& line) {
    page.stateful &= ~bit_of(line.address);
    all.remove(line);
    dirty.remove(line);
    outstanding.remove(line);
    Lines::node_type node = lines_.extract(line.address);
    if (spare_.size() >= most_spare) return;
    Line& kept = node.mapped();
    kept.apart = 0;
    kept.dirty = false;
    kept.buffered = 0;
    kept.stores.clear();
    kept.dma.clear();
    kept.notes.clear();
    spare_.push_back(std::move(node));
}

void LineTable::erase_pages(std::uint64_t first, std::uint64_t last) {
    if (last - first < pages_.size()) {
        for (std::uint64_t number = first; number < last; ++number) pages_.erase(number);
    } else {
        std::erase_if(pages_, [&](const auto& entry) { return entry.first >= first && entry.first < last; });
    }
}

}  // namespace remap::cache
