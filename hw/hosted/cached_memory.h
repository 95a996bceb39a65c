// SPDX-License-Identifier: MIT
// The hosted machine's memory behind the processors' caches: the model of them, what it finds, and memory as devices
// reach it.
//
// The model knows the pages that a Processor maps, from the first mapping on until the machine ends. Only there is
// anything to find: what a process does through a view of the memory is coherent, and past the model. So pages are not
// tracked because a device reaches them, and what only views and devices use costs as much as without a model.
#pragma once

#include "base/address.h"
#include "hw/cache/coherency.h"
#include "hw/hosted/memory.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace remap::hosted {

class CachedMemory final : cache::MemoryPort, cache::FindingPort {
public:
    CachedMemory(Memory& memory, const cache::Options& options) : memory_(memory), model_(*this, *this, options) {}

    cache::Coherency& model() { return model_; }

    // What was found so far, oldest first, each with how often.
    std::vector<cache::Finding> findings() const;

    // Called with each new one when it is found, on the thread whose access it was: it must not call the model. Set
    // before anything is accessed.
    std::function<void(const cache::Finding&)> on_finding;

    // A device's access, within one page. False, and nothing transferred, when it is not installed memory.
    bool read(PhysicalAddress from, void* to, const cache::DmaOrigin& origin);
    bool write(PhysicalAddress to, const void* from, const cache::DmaOrigin& origin);

    // As Memory's, by a device that snoops.
    std::optional<bool> exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired);

    // Held through a processor's locked instruction.
    std::mutex& bus_lock() { return bus_lock_; }

private:
    bool read(PhysicalAddress from, void* to, std::size_t bytes) override { return memory_.read(from, to, bytes); }
    bool write(PhysicalAddress to, const void* from, std::size_t bytes) override {
        return memory_.write(to, from, bytes);
    }
    void found(const cache::Finding& finding) override {
        if (on_finding) on_finding(finding);
    }

    Memory& memory_;
    std::mutex bus_lock_;
    cache::Coherency model_;  // last: it calls the ports
};

}  // namespace remap::hosted
