// SPDX-License-Identifier: MIT
// A second-stage address space, and the domain ids that tell them apart in the unit's caches (VT-d section 3.4.1).
#pragma once

#include "iommu/driver/unit.h"
#include "iommu/paging/editor.h"

#include <array>
#include <cstdint>
#include <optional>

namespace remap::vtd_driver {

class Domain {
public:
    Domain(paging::TablePort& tables, std::uint16_t domain_id, unsigned levels)
        : id(domain_id), editor(tables, levels), retired(tables) {}

    const std::uint16_t id;
    paging::Editor<paging::VtdSecondStage> editor;
    paging::TableList retired;  // tables out of use, which the unit may have cached: freed after invalidation
    bool stale = false;         // an invalidation failed: the next one has to be of the whole domain
    Domain* next = nullptr;     // in the unit's list
};

// Id 0 is never given out: a unit in caching mode tags what it finds not present with it (section 6.1).
class DomainIds {
public:
    explicit DomainIds(unsigned count) : count_(count) {}

    std::optional<std::uint16_t> take() {
        for (unsigned id = 1; id < count_; ++id) {
            if ((used_[id / 64] >> (id % 64) & 1) != 0) continue;
            reserve(static_cast<std::uint16_t>(id));
            return static_cast<std::uint16_t>(id);
        }
        return std::nullopt;
    }

    void reserve(std::uint16_t id) { used_[id / 64] |= std::uint64_t{1} << (id % 64); }
    void give(std::uint16_t id) { used_[id / 64] &= ~(std::uint64_t{1} << (id % 64)); }

private:
    unsigned count_;  // at most 65,536
    std::array<std::uint64_t, 1024> used_{};
};

}  // namespace remap::vtd_driver
