// SPDX-License-Identifier: MIT
#include "iommu/engine/dma_maps.h"

#include <algorithm>

namespace remap::iommu {

void DmaMaps::forget(DmaMapPort& port) {
    const auto found = std::ranges::find(followed_, &port, &Followed::port);
    if (found == followed_.end()) return;
    found->map->clear();
    followed_.erase(found);
}

// Who changes the state publishes it before it looks whether there is anybody; here it is the other way round.
void DmaMaps::follow(SourceId source, DmaMapPort& port, const DmaMapOptions& options) {
    const std::lock_guard guard(lock_);
    forget(port);
    any_.store(true, std::memory_order_seq_cst);
    followed_.push_back({&port, std::make_unique<DmaMap>(configuration_, memory_, source, port, options)});
    followed_.back().map->configure(state());
}

void DmaMaps::unfollow(DmaMapPort& port) {
    const std::lock_guard guard(lock_);
    forget(port);
    any_.store(!followed_.empty(), std::memory_order_seq_cst);
}

void DmaMaps::state_changed() {
    if (nobody()) return;
    const std::lock_guard guard(lock_);
    for (const Followed& followed : followed_) followed.map->configure(state());
}

void DmaMaps::all_changed() {
    if (nobody()) return;
    const std::lock_guard guard(lock_);
    for (const Followed& followed : followed_) {
        followed.map->clear();
        followed.map->configure(state());
    }
}

void DmaMaps::stored(PhysicalAddress at, std::uint64_t bytes) {
    if (nobody()) return;
    const std::lock_guard guard(lock_);
    for (const Followed& followed : followed_) followed.map->stored(at, bytes);
}

}  // namespace remap::iommu
