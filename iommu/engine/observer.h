// SPDX-License-Identifier: MIT
// What goes on inside a unit, event by event, for whoever watches it: a tracer, a test. The unit does the same whether
// it is watched or not. Translations that the caches know are no events: who asks for them sees their answers.
#pragma once

#include "iommu/engine/device_port.h"
#include "iommu/engine/request.h"
#include "iommu/spec/fault_reasons.h"
#include "iommu/spec/registers.h"

#include <cstdint>

namespace remap::iommu {

struct StaleUse;

// What was taken out of the caches, by a register or by a descriptor. What the scope does not name is 0.
struct Invalidation {
    enum class What : std::uint8_t { Contexts, PasidEntries, Translations, PasidTranslations, InterruptEntries };
    enum class Scope : std::uint8_t { All, Domain, Device, Pasid, Pages, Entries };

    What what = What::Contexts;
    Scope scope = Scope::All;
    std::uint16_t domain = 0;
    SourceId source = {};
    Pasid pasid = {};
    std::uint64_t first = 0;  // of Pages an address, of Entries an index
    std::uint64_t count = 0;
    bool leaves_only = false;  // tables on the way are kept
};

// A wait descriptor that was executed: everything before it is done.
struct WaitDone {
    bool writes = false;  // `data` to `address`
    bool interrupts = false;
    PhysicalAddress address = {};
    std::uint32_t data = 0;
};

// What became of a fault (section 7.2.1).
enum class FaultFate : std::uint8_t {
    Recorded,
    Collapsed,  // the same is in the log already
    Lost,       // the log is full, or has been and software has not acknowledged it
    Silenced,   // by a fault processing disable bit
};

// Called on the thread on which it happens, most with the engine's lock held: must not call into the unit, and must not
// block.
class Observer {
public:
    // Tables were walked, to the entry that decided.
    virtual void walked(const Request&, PhysicalAddress /*entry_at*/, std::uint64_t /*entry*/) {}

    virtual void faulted(const Request&, vtd::FaultReason, FaultFate) {}
    virtual void interrupt_faulted(SourceId, std::uint16_t /*index*/, vtd::FaultReason, FaultFate) {}
    virtual void page_request_faulted(const PageRequest&, vtd::FaultReason, FaultFate) {}
    virtual void invalidated(const Invalidation&) {}
    virtual void wait_done(const WaitDone&) {}

    // The invalidation queue met an error, with its head at this many bytes.
    virtual void queue_stopped(vtd::queue_error::Info, std::uint64_t /*head*/) {}

    // A use that was decided to be stale.
    virtual void stale_use(const StaleUse&) {}

    // Messages of devices, as they reach the unit: an invalidation is obeyed, a page is wanted. What the unit tells
    // devices and processors its ports see.
    virtual void device_answered(SourceId, InvalidationTag) {}
    virtual void page_requested(const PageRequest&) {}

protected:
    ~Observer() = default;
};

}  // namespace remap::iommu
