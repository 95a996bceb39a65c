// SPDX-License-Identifier: MIT
// What the IOMMU engine needs from the machine around it.
#pragma once

#include "base/address.h"

#include <cstddef>
#include <cstdint>

namespace remap::iommu {

// System memory as the unit's own accesses see it. Only RAM answers: an access that meets anything else (a hole, a
// device) returns false and has no effect. Called with the engine's lock held: must not call back into the engine.
class MemoryPort {
public:
    virtual bool read(PhysicalAddress from, void* to, std::size_t bytes) = 0;
    virtual bool write(PhysicalAddress to, const void* from, std::size_t bytes) = 0;

protected:
    ~MemoryPort() = default;
};

enum class InterruptSource { FaultEvent, InvalidationCompletion };

// A message signalled interrupt of the unit itself: a 32-bit write of `data` to `address`, which never goes through
// remapping (VT-d section 5.1.6: interrupts the unit generates are not remapped).
struct InterruptMessage {
    PhysicalAddress address;
    std::uint32_t data = 0;
};

// Called without any lock of the engine held, on whatever thread caused the interrupt.
class InterruptPort {
public:
    virtual void send(InterruptSource source, InterruptMessage message) = 0;

protected:
    ~InterruptPort() = default;
};

}  // namespace remap::iommu
