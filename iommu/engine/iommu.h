// SPDX-License-Identifier: MIT
// One emulated VT-d remapping unit: registers on one side, translation of device accesses on the other.
#pragma once

#include "base/archive.h"
#include "iommu/engine/device_port.h"
#include "iommu/engine/dma_map_port.h"
#include "iommu/engine/explanation.h"
#include "iommu/engine/injector.h"
#include "iommu/engine/observer.h"
#include "iommu/engine/options.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/queue_places.h"
#include "iommu/engine/reach.h"
#include "iommu/engine/request.h"
#include "iommu/engine/stale_uses.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace remap::iommu {

// What the unit needs around it. Ports must outlive the unit; those that are pointers may be null.
struct Machine {
    MemoryPort& memory;
    InterruptPort& interrupts;
    WorkPort* work = nullptr;       // null: invalidations are done before the write that asks for them ends
    ClockPort* clock = nullptr;     // null: no times in reports
    DevicePort* devices = nullptr;  // null: no device TLBs
    Observer* observer = nullptr;
    Injector* injector = nullptr;  // null: nobody interferes
};

// What has happened since power-on.
struct Statistics {
    std::uint64_t translations = 0;           // answers given to devices
    std::uint64_t walks = 0;                  // of those, the ones that the IOTLB did not know
    std::uint64_t interrupts = 0;             // answers given to interrupt requests
    std::uint64_t interrupt_fetches = 0;      // of those, the ones whose entry was not in the cache
    std::uint64_t unverified_interrupts = 0;  // of those, the ones that passed for want of a source check
    std::uint64_t stale_uses = 0;             // see StaleUses, as the next two
    std::uint64_t late_invalidations = 0;
    std::uint64_t undecided_uses = 0;
};

// What becomes of an interrupt request.
struct InterruptOutcome {
    bool allowed = false;
    InterruptMessage message;       // for the processors, when allowed
    std::uint8_t fault_reason = 0;  // when not; 0 when an injector has dropped it
    bool tampered = false;          // an injector had part in it
};

// Thread safe: everything but construction and destruction may be called from any thread. A translation that the caches
// know takes no lock, nor does an interrupt.
class Iommu {
public:
    // Size in bytes of the register window.
    static constexpr std::uint64_t window_size = 4096;

    Iommu(const Options& options, const Machine& machine);
    ~Iommu();
    Iommu(const Iommu&) = delete;
    Iommu& operator=(const Iommu&) = delete;

    // Register access of `bytes` (4 or 8) at an offset into the window. Any other size or a misaligned offset reads as
    // zero and writes nothing, as do offsets that hold no register.
    std::uint64_t read(std::uint64_t offset, unsigned bytes);
    void write(std::uint64_t offset, std::uint64_t value, unsigned bytes);

    QueuePlaces queue_places();

    // Where a read would go that the caches know and allow, for a machine that wants to have the memory at hand. It is
    // no access: nothing is counted or recorded, and the answer may be out of date when it comes. Any thread. A
    // question that is prepared some time before need not wait for the caches' own memory.
    void prepare(const Request& request) const;
    std::optional<PhysicalAddress> expect(const Request& request);

    // Translates one access of a device and records the fault (and sends its interrupt) when it is refused. The access
    // lies within one page. A translated request gives a translated address back, and a translation request what the
    // device may keep until it is told to forget it. Writes to the interrupt range 0xfee00000-0xfeefffff pass
    // untranslated: they are interrupt requests, which the machine hands to remap_interrupt.
    Translation translate(const Request& request);
    Translation translate(SourceId source, LogicalAddress address, Access access,
                          RequestType type = RequestType::Untranslated) {
        return translate({.source = source, .address = address, .access = access, .type = type});
    }

    // A write of 32 bits to the interrupt range: what goes to the processors in its place. Records the fault (and sends
    // its interrupt) when the request is refused. The unit's own interrupts are not remapped (section 5.1.6).
    InterruptOutcome remap_interrupt(SourceId source, const InterruptMessage& message,
                                     SourceCheck check = SourceCheck::ByEntry);

    // A device that keeps translations has done what DevicePort::invalidate told it. From a device that was never told
    // so, or too late, it is an error that software learns of. Not in the middle of an access.
    void device_invalidated(SourceId source, InvalidationTag tag);

    // The time that DevicePort::start_timer asked for has passed.
    void timer_expired();

    // A device wants a page: software is told, and answers through DevicePort::answer; or the unit does, at once. A
    // stop marker, and all but the last request of a group, get no answer.
    void request_page(const PageRequest& request);

    // An access that is announced is waited for: an invalidation that takes its translation back is not complete before
    // the access has ended. Announce it before its translation is asked for, and end it when its data has moved, on
    // the same thread. In between, do nothing that waits for an invalidation: no register access, no work().
    struct Ticket {
        std::uint8_t slot = 0;
        std::uint8_t phase = 0;
    };
    Ticket begin_access();
    void end_access(Ticket ticket);

    // With a work port: does a bounded piece of the work that registers have set off, and tells whether there is more.
    // On one thread at a time.
    bool work();

    // For whoever interferes (Injector). A command that is held, and those behind it, go on; nothing if there is none.
    // Not in the middle of an access.
    void release_commands();
    // An event that nobody has asked for, with the message that software has set up: sent, or pending while it is
    // masked. Nothing of the page request event in a unit without page requests.
    void raise_event(InterruptSource source);

    // As translate, but leaves no trace: no fault record, nothing cached. For debuggers and monitors.
    Translation probe(const Request& request);
    Translation probe(SourceId source, LogicalAddress address, Access access) {
        return probe({.source = source, .address = address, .access = access});
    }

    InterruptOutcome probe_interrupt(SourceId source, const InterruptMessage& message,
                                     SourceCheck check = SourceCheck::ByEntry);

    // The way of a request through the tables, as they are in memory, and what the caches would answer: for people who
    // want to know why. As probe, it leaves no trace.
    Explanation explain(const Request& request);
    InterruptExplanation explain_interrupt(SourceId source, const InterruptMessage& message,
                                           SourceCheck check = SourceCheck::ByEntry);

    // What a device can reach, by the tables as they are in memory (reach.h). They may change meanwhile: each table is
    // read in one go, and the engine's lock held only for that.
    Reach reach(const ReachQuestion& question);

    // Tells the port which memory the device can reach by requests without PASID, from now on and as tables and
    // registers change. The machine tells in its turn what is stored to the pages that are to be watched, by whomever.
    // One map for each port: to follow again is to begin anew. Unfollow takes back all that the port was told.
    void follow(SourceId source, DmaMapPort& port, const DmaMapOptions& options = {});
    void unfollow(DmaMapPort& port);
    void stored(PhysicalAddress at, std::uint64_t bytes);

    Statistics statistics();

    // The latest stale uses, oldest first, at most StaleUses::most_cases.
    std::vector<StaleUse> stale_uses();

    // The whole state, caches and invalidations in progress included. Save: no translations meanwhile; the bytes it
    // takes, which are written if `to` has room for all of them. Load: into a unit with the same capabilities, while no
    // device works; a state that no such unit can be in is refused, and nothing is changed.
    std::size_t save(std::span<std::byte> to);
    ArchiveError load(std::span<const std::byte> from);

    // Power-on state: registers at their reset values, all caches empty, counters at zero.
    void reset();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace remap::iommu
