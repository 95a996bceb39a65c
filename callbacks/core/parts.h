// SPDX-License-Identifier: MIT
// What a Dxgkrnl consists of. Its functions run under the machine's lock; they take checked arguments.
#pragma once

#include "callbacks/core/adapter.h"
#include "callbacks/core/dxgkrnl.h"
#include "callbacks/core/failures.h"
#include "callbacks/core/findings.h"
#include "callbacks/core/handle_table.h"
#include "callbacks/core/interval_tree.h"
#include "callbacks/core/list.h"
#include "callbacks/core/lock.h"
#include "callbacks/core/memory_object.h"
#include "callbacks/core/witness.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace remap::callbacks {

struct Dxgkrnl::Parts {
    Parts(const Ports& given, const VerifierOptions& chosen, Failures& asked);
    ~Parts();
    Parts(const Parts&) = delete;
    Parts& operator=(const Parts&) = delete;

    // Does a driver's call: `work(findings)` under the lock, after what is checked for each; then reports what it
    // found.
    template <typename Work>
    NTSTATUS call(Callback callback, const void* caller, Work work);

    // Tells the witness, if there is one, of a call. A look at what the IOMMU has refused is none.
    void tell_begin(const Caller& caller) const {
        if (ports.witness != nullptr && caller.callback != Callback::DmaFault) ports.witness->call_began(caller);
    }
    void tell_end(const Caller& caller, NTSTATUS status, std::uint64_t object) const {
        if (ports.witness != nullptr && caller.callback != Callback::DmaFault)
            ports.witness->call_ended(caller, status, object);
    }

    // Null for a handle that is not live, or of something else. With findings, a use after its end or of the wrong kind
    // is one; `strict`: any other number too.
    Adapter* find_adapter(HANDLE handle) const;
    MemoryObject* find_object(HANDLE handle) const;
    MemoryObject* find_object(HANDLE handle, Findings& findings, bool strict) const;
    AdapterObject* find_adapter_object(HANDLE handle, Findings& findings, bool strict) const;
    TrackedMemory* find_tracked(HANDLE handle, Findings& findings) const;
    void report_handle(HandleKind kind, HANDLE handle, Findings& findings, bool strict) const;

    NTSTATUS start(const AdapterDescription& description, HANDLE* given_handles);
    void stop(Adapter& adapter, Findings& findings);

    Result<MemoryObject*, NTSTATUS> make_object(const CreateRequest& request);
    void end_object(MemoryObject& object);
    void end_uses(MemoryObject& object, bool closes, Findings& findings);
    void warn_of_mixed_cache_types(const MemoryObject& object, Findings& findings);
    void warn_of_conflicting_views(const AuditedView& view, Findings& findings);

    Result<AdapterObject*, NTSTATUS> open(Adapter& adapter, MemoryObject& object);
    void close(AdapterObject& opened);

    void end_adl(AdapterObject& opened, Adl& adl, const Caller& caller);
    std::uint64_t end_adls(AdapterObject& opened, const Caller& caller);
    std::uint64_t end_mappings(MemoryObject& object);

    // What the IOMMU refused (dma_check.cc).
    void check_dma(Adapter& adapter, Findings& findings);

    // Between Begin and EndExclusiveAccess (domain_switch.cc).
    NTSTATUS switch_silent_adapter(Adapter& adapter, Findings& findings);
    NTSTATUS attach_domain(Adapter& adapter, Findings& findings);
    void listen(Adapter& adapter, unsigned rounds, std::optional<DmaFault>& first);

    // Sections (section_moves.cc).
    NTSTATUS move_pages(MemoryObject& object);
    void move_sections();

    // The older callbacks (tracking.h, tracked_memory.cc, older_callbacks.cc, frame_buffer.cc).
    Result<TrackedMemory*, NTSTATUS> track(Adapter& adapter, TrackedMemory::Kind kind);
    template <typename Fill>
    Result<TrackedMemory*, NTSTATUS> track_filled(Adapter& adapter, TrackedMemory::Kind kind, Findings& findings,
                                                  Fill fill);
    NTSTATUS take_tracked_frames(const CreateRequest& request, TrackedMemory& tracked);
    void announce(TrackedMemory& tracked, const FrameList& frames, std::uint64_t pages);
    NTSTATUS give_access(TrackedMemory& tracked);
    void end_tracked(TrackedMemory& tracked, const Caller& caller);
    Adapter* find_lead(HANDLE handle, Findings& findings, NTSTATUS& status) const;
    Adapter* find_for_older(HANDLE handle, bool lead, Findings& findings, NTSTATUS& status) const;
    NTSTATUS free_tracked(HANDLE adapter, HANDLE handle, TrackedMemory::Kind kind, Findings& findings);

    mutable Lock lock;
    const Ports ports;
    const VerifierOptions options;
    Failures& failures;
    HandleTable handles;
    List<Adapter> adapters;
    List<MemoryObject> objects;                           // of memory
    List<MemoryObject> io_objects;                        // of device ranges
    std::array<IntervalTree<MemoryObject>, 3> io_ranges;  // the same by page, for each cache type

private:
    std::uint64_t last_number_ = 0;  // of objects
    List<MemoryObject>& list_of(const MemoryObject& object);
    IntervalTree<MemoryObject>& io_ranges_of(const MemoryObject& object) {
        return io_ranges[static_cast<std::size_t>(object.cache())];
    }
    bool give_handles(Adapter& adapter);
    bool end_adapter(Adapter& adapter);
};

template <typename Work>
NTSTATUS Dxgkrnl::Parts::call(Callback callback, const void* caller, Work work) {
    Findings findings({callback, caller});
    tell_begin(findings.caller());
    NTSTATUS status = STATUS_INVALID_DEVICE_STATE;
    // A call that fails for a mistake of the driver's is none that was made to fail.
    if (const KIRQL irql = ports.execution.irql(); irql > APC_LEVEL)
        findings.add(Check::WrongIrql, Text{}.add("called at IRQL ").add_number(irql));
    else
        status = failures.next(callback);
    if (NT_SUCCESS(status)) {
        Guard guard(lock, &ports.execution);
        if (options.move_sections) move_sections();
        status = work(findings);
    }
    tell_end(findings.caller(), status, findings.object());
    findings.deliver(ports.reports, options.enabled);
    return status;
}

}  // namespace remap::callbacks
