// SPDX-License-Identifier: MIT
// Where somebody outside may interfere with a unit: the laboratory's way in. A unit that has no injector, or one that
// never interferes, behaves as the specification says.
#pragma once

#include "iommu/engine/observer.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/request.h"
#include "iommu/spec/fault_reasons.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace remap::iommu {

// What becomes of a translation in place of what the tables say.
struct Tampering {
    enum class What : std::uint8_t {
        None,
        Fault,   // refused for `reason`, as if the tables had said so; recorded, whatever a fault disable bit says
        Refuse,  // refused, and not recorded
        Move,    // allowed as the tables say, but `pages` further; wraps where the host's addresses end
    };
    What what = What::None;
    vtd::FaultReason reason = vtd::FaultReason::None;
    std::int64_t pages = 0;
    std::array<std::uint64_t, 2> mark = {};  // the injector's own: it gets it back in `moved`
};

// What becomes of a message of a device: an interrupt request, a page request.
struct MessageTampering {
    enum class What : std::uint8_t {
        None,
        Fault,  // refused for `reason`, and recorded
        Drop,   // as if the device had never sent it
    };
    What what = What::None;
    vtd::FaultReason reason = vtd::FaultReason::None;
};

// What becomes of a command: an invalidation, or a wait.
enum class CommandFate : std::uint8_t {
    Execute,
    Drop,  // it counts as done and has no effect
    Hold,  // it, and all behind it, waits for Iommu::release_commands; then it is executed
};

class Injector {
public:
    // Whether translations or interrupts may be interfered with: asked at each, without a lock.
    bool armed() const { return armed_.load(std::memory_order_relaxed); }

    // While armed and while the unit translates: before a memory request is looked up. Any thread, no lock held. May
    // wait, for a bounded time. A Move is carried out only if the tables allow the access: `moved` says so, with the
    // answer that the device gets.
    virtual Tampering translating(const Request& request) = 0;
    virtual void moved(const Request& request, const Tampering& how, const Translation& answer) = 0;

    // While armed, also while interrupts are not remapped: before an entry is looked up. Any thread, no lock held.
    virtual MessageTampering interrupting(SourceId source, const InterruptMessage& message) = 0;

    // Before a page request is judged. Any thread, no lock held.
    virtual MessageTampering requesting_page(const PageRequest& request) = 0;

    // From now on, on this thread, tables are read on behalf of this request; null: no more. With the engine's lock
    // held. Of an interrupt request the address is that of its message. Not told of looks that are no use of an entry:
    // probes, and comparisons of the stale-use detector.
    virtual void reading_tables_for(const Request* request) = 0;

    // With the engine's lock held, before it is done. A command that was held is not asked about again, unless the
    // queue was disabled meanwhile, or the unit reset.
    virtual CommandFate invalidating(const Invalidation& command) = 0;
    virtual CommandFate completing(const WaitDone& wait) = 0;

    // With the engine's lock held, when the fault of a memory request is about to be written to the log: whether that
    // is to be taken for full.
    virtual bool log_is_full(const Request& request, vtd::FaultReason reason) = 0;

protected:
    ~Injector() = default;
    std::atomic<bool> armed_{false};
};

}  // namespace remap::iommu
