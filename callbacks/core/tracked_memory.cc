// SPDX-License-Identifier: MIT
#include "callbacks/core/tracked_memory.h"

#include "callbacks/core/parts.h"

#include <memory>
#include <new>

namespace remap::callbacks {

namespace {

// The page numbers of an MDL stand behind it.
PFN_NUMBER* numbers_of(MDL& mdl) { return reinterpret_cast<PFN_NUMBER*>(&mdl + 1); }
const PFN_NUMBER* numbers_of(const MDL& mdl) { return reinterpret_cast<const PFN_NUMBER*>(&mdl + 1); }

ObjectSort sort_of(TrackedMemory::Kind kind) {
    switch (kind) {
        case TrackedMemory::Kind::Contiguous: return ObjectSort::OlderContiguous;
        case TrackedMemory::Kind::Pages: return ObjectSort::OlderPages;
        case TrackedMemory::Kind::Mdl: return ObjectSort::DriverMdl;
        default: return ObjectSort::SaveArea;
    }
}

std::uint64_t page_count_of(const MDL& mdl) { return pages_of(std::uint64_t{mdl.ByteOffset} + mdl.ByteCount); }

}  // namespace

bool read_mdl(const MDL& mdl, FrameList& frames) {
    const std::uint64_t count = page_count_of(mdl);
    for (std::uint64_t i = 0; i < count; ++i)
        if (!frames.add({{numbers_of(mdl)[i]}, 1})) return false;
    return true;
}

bool describes(const MDL& mdl, const FrameList& frames) {
    if (page_count_of(mdl) != frames.size()) return false;
    const PFN_NUMBER* number = numbers_of(mdl);
    return frames.for_each_run([&](FrameRun run) {
        for (std::uint64_t i = 0; i < run.pages; ++i)
            if (*number++ != run.first.number + i) return false;
        return true;
    });
}

MDL* make_mdl(const FrameList& frames, std::uint64_t bytes) {
    void* room = ::operator new(sizeof(MDL) + frames.size() * sizeof(PFN_NUMBER), std::nothrow);
    if (room == nullptr) return nullptr;
    auto* mdl = new (room) MDL{};
    // The Size of an MDL wraps for lists of more than about 4,000 pages, on Windows too: nobody reads it then.
    mdl->Size = static_cast<CSHORT>(sizeof(MDL) + frames.size() * sizeof(PFN_NUMBER));
    mdl->MdlFlags = MDL_PAGES_LOCKED;
    mdl->ByteCount = static_cast<ULONG>(bytes);
    PFN_NUMBER* number = numbers_of(*mdl);
    frames.for_each_run([&](FrameRun run) {
        for (std::uint64_t i = 0; i < run.pages; ++i) *number++ = run.first.number + i;
        return true;
    });
    return mdl;
}

void free_mdl(MDL* mdl) { ::operator delete(mdl); }

std::span<const PageRun> TrackedMemory::runs_of_adapter() const {
    return adl != nullptr ? adl->runs() : std::span(runs.begin(), runs.size());
}

WitnessedObject TrackedMemory::witnessed() const { return {subject(), sort_of(kind), pages}; }

// It is an object from now on: before the adapter gets access to it, as a witness has to know whose pages those are.
void Dxgkrnl::Parts::announce(TrackedMemory& tracked, const FrameList& frames, std::uint64_t pages) {
    tracked.number = ++last_number_;
    tracked.pages = pages;
    if (ports.witness != nullptr) ports.witness->object_made(tracked.witnessed(), frames);
}

// To all frames of tracked memory. A refusal leaves no numbers behind to be taken back.
NTSTATUS Dxgkrnl::Parts::give_access(TrackedMemory& tracked) {
    const std::uint64_t pages = tracked.frames.size();
    announce(tracked, tracked.frames, pages);
    DmaView& view = tracked.adapter.view;
    view.do_for(tracked.subject());
    const NTSTATUS status = view.open(tracked.frames, 0, pages, false, tracked.runs);
    if (!NT_SUCCESS(status)) tracked.runs = {};
    return status;
}

Result<TrackedMemory*, NTSTATUS> Dxgkrnl::Parts::track(Adapter& adapter, TrackedMemory::Kind kind) {
    std::unique_ptr<TrackedMemory> tracked(new (std::nothrow) TrackedMemory(adapter, kind));
    if (!tracked) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    tracked->handle = handles.insert(HandleKind::TrackedMemory, tracked.get());
    if (tracked->handle == nullptr) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    adapter.tracked.add(*tracked);
    return tracked.release();
}

// The adapter's access goes first, the frames last. Whatever the allocation did not get to is not there.
void Dxgkrnl::Parts::end_tracked(TrackedMemory& tracked, const Caller& caller) {
    const Subject subject = tracked.subject();
    Adapter& adapter = tracked.adapter;
    if (tracked.kind == TrackedMemory::Kind::SaveArea && adapter.pinned[tracked.area] == &tracked)
        adapter.pinned[tracked.area] = nullptr;
    if (tracked.kind == TrackedMemory::Kind::SaveAreaView && tracked.view != nullptr)
        adapter.save_views.remove(tracked);
    (void)adapter.view.close(tracked.runs, subject, caller);
    if (tracked.adl != nullptr) (void)Adl::end(tracked.adl, subject, caller);
    ports.views.audit.remove(tracked.audited);
    if (tracked.view != nullptr) ports.views.unmap(tracked.view, tracked.view_pages, tracked.view_process);
    if (ports.witness != nullptr && tracked.number != 0) ports.witness->object_ended(tracked.witnessed());
    if (tracked.owns_mdl() && tracked.mdl != nullptr) free_mdl(tracked.mdl);
    if (tracked.owns_frames() && !tracked.frames.empty()) ports.frames.free(tracked.frames);
    handles.remove(tracked.handle);
    adapter.tracked.remove(tracked);
    delete &tracked;
}

}  // namespace remap::callbacks
