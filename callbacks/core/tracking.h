// SPDX-License-Identifier: MIT
// What the older callbacks have in common: memory is tracked from the start, so that what fails half way is taken back
// like any other.
#pragma once

#include "callbacks/core/parts.h"

namespace remap::callbacks {

// Tracks memory, and lets `fill(tracked)` do the rest; what that leaves half done is taken back.
template <typename Fill>
Result<TrackedMemory*, NTSTATUS> Dxgkrnl::Parts::track_filled(Adapter& adapter, TrackedMemory::Kind kind,
                                                              Findings& findings, Fill fill) {
    const auto tracked = track(adapter, kind);
    if (!tracked) return tracked;
    const NTSTATUS status = fill(**tracked);
    findings.concerns((*tracked)->subject());
    if (NT_SUCCESS(status)) return tracked;
    end_tracked(**tracked, findings.caller());
    return Failure{status};
}

// False when there is no address space, or no memory for tables and book-keeping.
inline bool make_view(const Ports& ports, const ViewRequest& request, TrackedMemory& tracked, const Caller& caller) {
    tracked.view = ports.views.map(request);
    tracked.view_pages = request.pages;
    tracked.view_process = ports.execution.process();
    const ViewOrigin origin{name_of(caller.callback), caller.address, tracked.subject()};
    if (tracked.view == nullptr) return false;
    const LiveView live{.base = tracked.view, .process = tracked.view_process, .origin = origin};
    if (ports.views.audit.add(tracked.audited, request, live)) return true;
    ports.views.unmap(tracked.view, tracked.view_pages, tracked.view_process);
    tracked.view = nullptr;
    return false;
}

}  // namespace remap::callbacks
