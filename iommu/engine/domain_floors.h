// SPDX-License-Identifier: MIT
// Which cached translations of a domain have been invalidated: all that are not younger than the domain's floor. So
// invalidating a domain costs the same whatever is cached of it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

namespace remap::iommu {

// What made a translation; numbers as PASID table entries have them in PGTT (VT-d section 9.6), legacy mode included.
enum class TranslationKind : std::uint8_t { FirstStage = 1, SecondStage = 2, Nested = 3, PassThrough = 4 };

constexpr bool is_known(TranslationKind kind) {
    return kind >= TranslationKind::FirstStage && kind <= TranslationKind::PassThrough;
}

constexpr bool has_first_stage(TranslationKind kind) {
    return kind == TranslationKind::FirstStage || kind == TranslationKind::Nested;
}

class DomainFloors {
public:
    DomainFloors() : floors_(new Floors[domains]) {}

    bool is_forgotten(std::uint16_t domain, TranslationKind kind, std::uint64_t stamp) const {
        const Floors& floors = floors_[domain];
        // Sequentially consistent, with the stores below: see SetCache.
        if (stamp <= floors.all.load(std::memory_order_seq_cst)) return true;
        return has_first_stage(kind) && stamp <= floors.first_stage.load(std::memory_order_seq_cst);
    }

    void forget(std::uint16_t domain, std::uint64_t stamp) {
        raised_.store(true, std::memory_order_relaxed);
        floors_[domain].all.store(stamp, std::memory_order_seq_cst);
    }

    // Translations in which a first stage has part.
    void forget_first_stage(std::uint16_t domain, std::uint64_t stamp) {
        raised_.store(true, std::memory_order_relaxed);
        floors_[domain].first_stage.store(stamp, std::memory_order_seq_cst);
    }

    // Nothing was invalidated: the clock of stamps is another one now.
    void reset() {
        if (!raised_.exchange(false, std::memory_order_relaxed)) return;
        for (Floors& floors : std::span(floors_.get(), domains)) {
            floors.all.store(0, std::memory_order_relaxed);
            floors.first_stage.store(0, std::memory_order_relaxed);
        }
    }

private:
    static constexpr std::size_t domains = 1 << 16;

    struct Floors {
        std::atomic<std::uint64_t> all{0};
        std::atomic<std::uint64_t> first_stage{0};
    };
    std::unique_ptr<Floors[]> floors_;
    std::atomic<bool> raised_{false};  // any of them
};

}  // namespace remap::iommu
