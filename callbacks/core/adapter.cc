// SPDX-License-Identifier: MIT
#include "callbacks/core/adapter.h"

#include <memory>
#include <new>

namespace remap::callbacks {

namespace {

bool sensible(std::span<const std::uint64_t> save_bytes, std::size_t adapters) {
    if (!save_bytes.empty() && save_bytes.size() != adapters) return false;
    for (const std::uint64_t bytes : save_bytes)
        if (bytes % page_size != 0) return false;
    return true;
}

}  // namespace

Result<Adapter*, NTSTATUS> Adapter::make(const AdapterDescription& description, FramePort& frames, bool quarantine,
                                         Witness* witness) {
    if (!sensible(description.frame_buffer_save, description.highest_visible.size()))
        return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
    std::unique_ptr<Adapter> adapter(new (std::nothrow) Adapter(description));
    if (!adapter) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    NTSTATUS status = adapter->view.start(description, frames, quarantine, witness);
    if (!NT_SUCCESS(status)) return Failure{status};
    status = adapter->make_save_areas(description.frame_buffer_save, frames);
    if (NT_SUCCESS(status)) return adapter.release();
    (void)end(adapter.release(), frames);
    return Failure{status};
}

// WDK page DXGKCB_PINFRAMEBUFFERFORSAVE: the charge makes sure that there are pages when they are asked for.
NTSTATUS Adapter::make_save_areas(std::span<const std::uint64_t> bytes, FramePort& frames) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const FrameRequest request{
            .pages = bytes[i] >> page_shift, .lowest = {1}, .highest = frames.highest_installed()};
        if (request.pages != 0 && !frames.allocate(request, save_areas_[i])) return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

const AdapterObject* Adapter::owner_of(const DXGK_ADL* adl) const {
    const AdapterObject* opened = objects.first();
    while (opened != nullptr && opened->find_adl(adl) == nullptr) opened = opened->next;
    return opened;
}

bool Adapter::end(Adapter* adapter, FramePort& frames) {
    std::unique_ptr<Adapter> owned(adapter);
    const bool whole = adapter->view.stop();
    adapter->free_save_areas(frames);
    return whole;
}

void Adapter::free_save_areas(FramePort& frames) {
    for (const FrameList& area : save_areas_)
        if (!area.empty()) frames.free(area);
}

}  // namespace remap::callbacks
