// SPDX-License-Identifier: MIT
// Pages of a section are the memory manager's: while no ADL locks them they may lie elsewhere at any time. Here they
// are moved on demand, under every view of them.
#include "callbacks/core/parts.h"

#include <algorithm>
#include <utility>

namespace remap::callbacks {

namespace {

struct Stretch {
    std::uint64_t first = 0;  // page of the object
    std::uint64_t pages = 0;
    bool locked = false;
};

// The pages from `first` on that are all locked by one ADL, or all by none.
Stretch stretch_at(const MemoryObject& object, std::uint64_t first) {
    std::uint64_t end = object.frames().size();
    const Adl* adl = object.opened == nullptr ? nullptr : object.opened->adls.first();
    for (; adl != nullptr; adl = adl->next) {
        if (adl->first_page() <= first && first < adl->end_page()) return {first, adl->end_page() - first, true};
        if (adl->first_page() > first) end = std::min(end, adl->first_page());
    }
    return {first, end - first, false};
}

template <typename Visit>
bool for_each_stretch(const MemoryObject& object, Visit visit) {
    for (std::uint64_t page = 0; page < object.frames().size();) {
        const Stretch stretch = stretch_at(object, page);
        if (!visit(stretch)) return false;
        page += stretch.pages;
    }
    return true;
}

// Calls `visit(mapping, first page of the object, pages)` for what each view shows of the pages that move.
template <typename Visit>
void for_each_moving_part(const MemoryObject& object, Visit visit) {
    for (CpuMapping* mapping = object.mappings.first(); mapping != nullptr; mapping = mapping->next)
        for_each_stretch(object, [&](const Stretch& stretch) {
            const std::uint64_t first = std::max(stretch.first, mapping->first_page);
            const std::uint64_t end = std::min(stretch.first + stretch.pages, mapping->first_page + mapping->pages);
            if (!stretch.locked && first < end) visit(*mapping, first, end - first);
            return true;
        });
}

void* address_of(const CpuMapping& mapping, std::uint64_t page) {
    return static_cast<std::byte*>(mapping.base) + ((page - mapping.first_page) << page_shift);
}

// The frames that leave, those that come for them, and the object's frames after that.
struct Move {
    FrameList leaving;
    FrameList coming;
    FrameList after;

    bool list_leaving(const MemoryObject& object) {
        return for_each_stretch(object, [&](const Stretch& stretch) {
            return stretch.locked || leaving.add(object.frames(), stretch.first, stretch.pages);
        });
    }
    bool list_after(const MemoryObject& object) {
        std::uint64_t taken = 0;
        return for_each_stretch(object, [&](const Stretch& stretch) {
            if (stretch.locked) return after.add(object.frames(), stretch.first, stretch.pages);
            return after.add(coming, std::exchange(taken, taken + stretch.pages), stretch.pages);
        });
    }
};

}  // namespace

NTSTATUS Dxgkrnl::Parts::move_pages(MemoryObject& object) {
    Move move;
    if (!move.list_leaving(object)) return STATUS_INSUFFICIENT_RESOURCES;
    if (move.leaving.empty()) return STATUS_SUCCESS;
    const FrameRequest request{
        .pages = move.leaving.size(), .lowest = object.request().lowest, .highest = object.request().highest};
    if (!ports.frames.allocate(request, move.coming)) return STATUS_NO_MEMORY;
    if (!move.list_after(object)) {
        ports.frames.free(move.coming);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for_each_moving_part(object, [&](const CpuMapping& mapping, std::uint64_t first, std::uint64_t pages) {
        ports.views.hold(address_of(mapping, first), pages, mapping.process);
    });
    const bool copied = ports.frames.copy(move.leaving, move.coming);
    const FrameList& shown = copied ? move.after : object.frames();
    for_each_moving_part(object, [&](const CpuMapping& mapping, std::uint64_t first, std::uint64_t pages) {
        const ViewRequest request{shown, first, pages, object.cache(), mapping.mode, mapping.writable};
        ports.views.show(address_of(mapping, first), request, mapping.process);
    });
    if (copied) {
        (void)object.exchange_frames(std::move(move.after));
        if (ports.witness != nullptr) ports.witness->object_moved(object.witnessed(), move.leaving, object.frames());
    }
    for (CpuMapping* mapping = object.mappings.first(); mapping != nullptr; mapping = mapping->next)
        ports.views.audit.change_frames(mapping->audited, object.frames(), mapping->first_page);
    ports.frames.free(copied ? move.leaving : move.coming);
    return copied ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

void Dxgkrnl::Parts::move_sections() {
    for (MemoryObject* object = objects.first(); object != nullptr; object = object->next)
        if (object->type() == DXGK_PHYSICAL_MEMORY_TYPE_SECTION) (void)move_pages(*object);
}

}  // namespace remap::callbacks
