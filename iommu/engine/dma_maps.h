// SPDX-License-Identifier: MIT
// The devices whose maps a unit keeps. Any thread; nothing that a translation waits for is held.
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/dma_map.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace remap::iommu {

class DmaMaps {
public:
    // `state_word` is the TranslationState in force.
    DmaMaps(const Configuration& configuration, MemoryPort& memory, const std::atomic<std::uint64_t>& state_word)
        : configuration_(configuration), memory_(memory), state_word_(state_word) {}

    // One map for each port.
    void follow(SourceId source, DmaMapPort& port, const DmaMapOptions& options);
    void unfollow(DmaMapPort& port);

    void state_changed();
    // Memory may have changed as well, anywhere.
    void all_changed();
    void stored(PhysicalAddress at, std::uint64_t bytes);

private:
    struct Followed {
        DmaMapPort* port = nullptr;
        std::unique_ptr<DmaMap> map;
    };

    bool nobody() const { return !any_.load(std::memory_order_seq_cst); }
    TranslationState state() const { return {state_word_.load(std::memory_order_seq_cst)}; }
    void forget(DmaMapPort& port);

    const Configuration& configuration_;
    MemoryPort& memory_;
    const std::atomic<std::uint64_t>& state_word_;
    std::atomic<bool> any_{false};
    std::mutex lock_;
    std::vector<Followed> followed_;
};

}  // namespace remap::iommu
