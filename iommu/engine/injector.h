// SPDX-License-Identifier: MIT
// Where somebody outside may interfere with a unit: the laboratory's way in. A unit that has no injector, or one that
// is not armed, behaves as the specification says.
#pragma once

#include "iommu/engine/observer.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/request.h"
#include "iommu/spec/fault_reasons.h"

#include <atomic>
#include <cstdint>

namespace remap::iommu {

// What becomes of a translation in place of what the tables say.
struct Tampering {
    enum class What : std::uint8_t {
        None,
        Fault,   // refused for `reason`, and recorded
        Refuse,  // refused, and not recorded
        Move,    // allowed as the tables say, but `pages` further
    };
    What what = What::None;
    vtd::FaultReason reason = vtd::FaultReason::None;
    std::int64_t pages = 0;
};

// What becomes of an interrupt request.
struct InterruptTampering {
    enum class What : std::uint8_t { None, Fault, Drop };
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

    // Before a translation is looked up. Any thread, no lock held. May wait, for a bounded time.
    virtual Tampering translating(const Request& request) = 0;
    virtual InterruptTampering interrupting(SourceId source, const InterruptMessage& message) = 0;

    // From now on tables are read on behalf of this request; null: no more. With the engine's lock held.
    virtual void reading_tables_for(const Request* request) = 0;

    // With the engine's lock held, before it is done. A command that was held is not asked about again.
    virtual CommandFate invalidating(const Invalidation& command) = 0;
    virtual CommandFate completing(const WaitDone& wait) = 0;

    // With the engine's lock held: whether the log is to be taken for full.
    virtual bool log_is_full(const Request& request, vtd::FaultReason reason) = 0;

protected:
    ~Injector() = default;
    std::atomic<bool> armed_{false};
};

}  // namespace remap::iommu
