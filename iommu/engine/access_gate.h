// SPDX-License-Identifier: MIT
// Lets an invalidation wait for the accesses that may still use what it has removed, without making them wait.
//
// A device's access is announced before its translation and ended after its data has moved. drain() returns once every
// access that was announced before has ended (the draining of VT-d section 6.5.4); accesses that begin meanwhile do not
// hold it up, so it ends whatever the devices do.
#pragma once

#include "iommu/engine/thread_slot.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

namespace remap::iommu {

class AccessGate {
public:
    // What begin() returned belongs to end(), on the same thread.
    struct Ticket {
        std::uint8_t slot = 0;
        std::uint8_t phase = 0;
    };

    Ticket begin() {
        const Ticket ticket{static_cast<std::uint8_t>(thread_slot()),
                            static_cast<std::uint8_t>(phase_.load(std::memory_order_relaxed) & 1)};
        // Sequentially consistent, as what removes cache entries and what looks them up: either a drain sees this
        // access, or this access sees what was removed before the drain.
        slots_[ticket.slot].begun[ticket.phase].fetch_add(1, std::memory_order_seq_cst);
        return ticket;
    }

    void end(Ticket ticket) { add_in_slot(slots_[ticket.slot].ended[ticket.phase], ticket.slot, 1); }

    // Whether no announced access is in progress: then there is nothing to wait for. Does not wait itself.
    bool try_drain() const { return is_idle(0) && is_idle(1); }

    // Not from within an access, nor with a lock held that an access needs to come to its end.
    void drain() {
        const std::lock_guard one_at_a_time(draining_);
        const unsigned phase = phase_.load(std::memory_order_relaxed) & 1;
        // An access may have read the phase just before an earlier drain changed it, and have counted itself in the one
        // that comes back now. Nothing else is in that one.
        wait_until_idle(phase ^ 1);
        phase_.fetch_add(1, std::memory_order_seq_cst);
        wait_until_idle(phase);
    }

private:
    struct alignas(64) Slot {
        std::array<std::atomic<std::uint64_t>, 2> begun{};
        std::array<std::atomic<std::uint64_t>, 2> ended{};
    };

    void wait_until_idle(unsigned phase) const {
        while (!is_idle(phase)) std::this_thread::yield();
    }

    // Ends are counted before beginnings, so that an access is never seen to have ended only.
    bool is_idle(unsigned phase) const {
        std::uint64_t ended = 0;
        std::uint64_t begun = 0;
        for (const Slot& slot : slots_) ended += slot.ended[phase].load(std::memory_order_acquire);
        for (const Slot& slot : slots_) begun += slot.begun[phase].load(std::memory_order_seq_cst);
        return ended == begun;
    }

    std::mutex draining_;
    std::atomic<unsigned> phase_{0};
    std::array<Slot, thread_slots> slots_;
};

}  // namespace remap::iommu
