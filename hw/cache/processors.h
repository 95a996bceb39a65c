// SPDX-License-Identifier: MIT
// What a processor keeps for itself: its write-combining buffers, and the flushes it has executed without a fence.
#pragma once

#include "hw/cache/stores.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <vector>

namespace remap::cache {

struct Buffer {
    std::uint64_t line = 0;
    Mask mask = 0;
    Bytes data{};
    Stores stores;
};

class Processor {
public:
    explicit Processor(unsigned number) : number_(number) {}

    unsigned number() const { return number_; }

    // Oldest first.
    std::list<Buffer>& buffers() { return buffers_; }
    Buffer* find(std::uint64_t line);
    Buffer& add(std::uint64_t line);    // there is none of this line
    void remove(const Buffer& buffer);  // which is one of them

    // Lines of flushes that have been noted, oldest first; some may not be pending any more.
    std::deque<std::uint64_t>& flushed() { return flushed_; }
    void flush_noted(std::uint64_t line);
    void flush_done();  // one that was pending no longer is

    bool pending() const { return pending_.load(std::memory_order_acquire) != 0; }

private:
    unsigned number_;
    std::list<Buffer> buffers_;
    std::list<Buffer> spare_;
    std::deque<std::uint64_t> flushed_;
    std::uint32_t notes_ = 0;
    std::atomic<std::uint32_t> pending_{0};  // buffers and notes
};

// Processors by number, of 16 bits: made when they are met, and there until the end, as readers have no lock.
class Processors {
public:
    Processors() = default;
    ~Processors();
    Processors(const Processors&) = delete;
    Processors& operator=(const Processors&) = delete;

    Processor& at(unsigned number);
    const Processor* find(unsigned number) const;                // lock-free
    const std::vector<Processor*>& met() const { return met_; }  // in the order in which they were

private:
    using Row = std::array<std::atomic<Processor*>, 256>;

    std::array<std::atomic<Row*>, 256> rows_{};
    std::vector<Processor*> met_;
};

}  // namespace remap::cache
