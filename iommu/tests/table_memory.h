// SPDX-License-Identifier: MIT
// A table port over host memory that counts, runs out when told, and catches writes that were never published.
#pragma once

#include "iommu/paging/table_port.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace remap::test {

class TableMemory final : public paging::TablePort {
public:
    using Words = std::array<std::uint64_t, 512>;

    std::optional<PhysicalPage> allocate_table() override {
        if (left == 0) return std::nullopt;
        --left;
        const PhysicalPage page{next_++};
        pages_[page.number].cpu = std::make_unique<Words>();
        pages_[page.number].cpu->fill(0);
        pages_[page.number].device.fill(garbage);
        return page;
    }

    void free_table(PhysicalPage page) override {
        freed_unknown |= pages_.erase(page.number) == 0;
        ++left;
    }

    volatile std::uint64_t* words(PhysicalPage page) override { return pages_.at(page.number).cpu->data(); }

    void publish(PhysicalPage page, unsigned first, unsigned count) override {
        Stored& stored = pages_.at(page.number);
        std::copy_n(stored.cpu->begin() + first, count, stored.device.begin() + first);
    }

    // What a unit that does not snoop the CPU's caches reads.
    std::optional<std::uint64_t> device_read(PhysicalAddress from) const {
        const auto found = pages_.find(from.page().number);
        if (found == pages_.end()) return std::nullopt;
        return found->second.device[from.page_offset() / 8];
    }

    std::uint64_t in_use() const { return pages_.size(); }

    std::uint64_t left = 100000;  // pages until memory runs out
    bool freed_unknown = false;   // a page was freed twice or never allocated

private:
    static constexpr std::uint64_t garbage = 0xdead'beef'dead'beef;

    struct Stored {
        std::unique_ptr<Words> cpu;
        Words device;
    };

    std::map<std::uint64_t, Stored> pages_;
    std::uint64_t next_ = 0x1000;
};

}  // namespace remap::test
