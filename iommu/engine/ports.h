// SPDX-License-Identifier: MIT
// What the IOMMU engine needs from the machine around it.
#pragma once

#include "base/address.h"
#include "iommu/spec/interrupts.h"

#include <cstddef>
#include <cstdint>

namespace remap::iommu {

// Changed: the word was not what was expected, and stays as it is. Unanswered: there is no RAM that can be written.
enum class Exchange : std::uint8_t { Done, Changed, Unanswered };

// System memory as the unit's own accesses see it. Only RAM answers: an access that meets anything else (a hole, a
// device) returns false and has no effect. Called with the engine's lock held: must not call back into the engine.
class MemoryPort {
public:
    virtual bool read(PhysicalAddress from, void* to, std::size_t bytes) = 0;
    virtual bool write(PhysicalAddress to, const void* from, std::size_t bytes) = 0;

    // An aligned 8-byte word: takes it from `expected` to `desired` in one step, as processors see it.
    virtual Exchange exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) = 0;

protected:
    ~MemoryPort() = default;
};

enum class InterruptSource { FaultEvent, InvalidationCompletion, PageRequest };

using vtd::InterruptMessage;

// Takes the interrupts of the unit itself: a 32-bit write of `data` to `address`, which never goes through remapping
// (VT-d section 5.1.6). Called without any lock of the engine held, on whatever thread caused the interrupt.
class InterruptPort {
public:
    virtual void send(InterruptSource source, InterruptMessage message) = 0;

    // Who keeps what remap_interrupt or probe_interrupt said, as an accelerator does, has to ask again: the table was
    // set, remapping was switched, or entries were invalidated. That invalidation is not complete before this returns.
    virtual void remapping_changed() {}

protected:
    ~InterruptPort() = default;
};

// Work that registers have set off and that somebody else does: Iommu::work. Without such a port the unit does all of
// it before the register write ends, however long that takes.
class WorkPort {
public:
    // Asked in a register write: whether that may do a few pieces of the work itself, as far as nothing has to be
    // waited for. Only if no access that is not announced is in progress as long as the write lasts.
    virtual bool may_work_here() = 0;

    // There is work. Called without any lock of the engine held, on any thread; must not block.
    virtual void work_available() = 0;

    // Returns once all accesses have ended that devices began before and did not announce (Iommu::begin_access), as far
    // as the machine can know. Called on the thread that works, without any lock that an access needs.
    virtual void drain_unannounced() = 0;

protected:
    ~WorkPort() = default;
};

// The machine's time, for what is reported to people and for grace periods.
class ClockPort {
public:
    virtual std::uint64_t nanoseconds() = 0;

protected:
    ~ClockPort() = default;
};

}  // namespace remap::iommu
