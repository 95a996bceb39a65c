// SPDX-License-Identifier: MIT
#include "hw/cache/processors.h"

#include <algorithm>

namespace remap::cache {

Buffer* Processor::find(std::uint64_t line) {
    // Who fills a line comes back to the newest.
    const auto found =
        std::find_if(buffers_.rbegin(), buffers_.rend(), [&](const Buffer& b) { return b.line == line; });
    return found == buffers_.rend() ? nullptr : &*found;
}

Buffer& Processor::add(std::uint64_t line) {
    if (spare_.empty()) spare_.emplace_back();
    buffers_.splice(buffers_.end(), spare_, spare_.begin());
    Buffer& buffer = buffers_.back();
    buffer.line = line;
    buffer.mask = 0;
    buffer.stores.clear();
    pending_.fetch_add(1, std::memory_order_release);
    return buffer;
}

void Processor::remove(const Buffer& buffer) {
    const auto found = std::find_if(buffers_.begin(), buffers_.end(), [&](const Buffer& b) { return &b == &buffer; });
    spare_.splice(spare_.end(), buffers_, found);
    pending_.fetch_sub(1, std::memory_order_release);
}

void Processor::flush_noted(std::uint64_t line) {
    flushed_.push_back(line);
    ++notes_;
    pending_.fetch_add(1, std::memory_order_release);
}

void Processor::flush_done() {
    if (--notes_ == 0) flushed_.clear();
    pending_.fetch_sub(1, std::memory_order_release);
}

Processors::~Processors() {
    for (Processor* processor : met_) delete processor;
    for (auto& row : rows_) delete row.load();
}

Processor& Processors::at(unsigned number) {
    number &= 0xffff;
    auto& row = rows_[number / 256];
    if (row.load() == nullptr) row.store(new Row{}, std::memory_order_release);
    auto& entry = (*row.load())[number % 256];
    if (entry.load() == nullptr) {
        met_.push_back(new Processor(number));
        entry.store(met_.back(), std::memory_order_release);
    }
    return *entry.load();
}

const Processor* Processors::find(unsigned number) const {
    number &= 0xffff;
    const Row* row = rows_[number / 256].load(std::memory_order_acquire);
    return row == nullptr ? nullptr : (*row)[number % 256].load(std::memory_order_acquire);
}

}  // namespace remap::cache
