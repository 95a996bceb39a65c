// SPDX-License-Identifier: MIT
// Map and Unmap, and sections whose pages move under their views.
#include "callbacks/tests/model/actor.h"

namespace remap::callbacks::tests {

namespace {

constexpr auto io_space = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;

std::uint64_t number(HANDLE handle) { return reinterpret_cast<std::uintptr_t>(handle); }

}  // namespace

// Memory has one object, and so one cache type; only ranges of a device can be shown with several.
Actor::Reports Actor::conflicting_views(const Object& object, std::uint64_t first, std::uint64_t pages) const {
    if (object.type != io_space) return {};
    for (const Object& other : objects_) {
        if (other.type != io_space || other.cache == object.cache) continue;
        for (const View& view : other.views)
            if (other.frames[view.first] < object.frames[first] + pages &&
                object.frames[first] < other.frames[view.first] + view.pages)
                return {{Check::ConflictingViews, number(object.handle)}};
    }
    return {};
}

bool Actor::map_view() {
    constexpr std::size_t most_views = 4;
    Object* object = any_object();
    if (object == nullptr || (object->type == io_space && !options_.has_io)) return true;
    if (object->views.size() >= most_views) return unmap_view();
    const std::uint64_t bytes = object->pages() << page_shift;
    const bool user = object->type != io_space && chance(300);
    DXGKARGCB_MAP_PHYSICAL_MEMORY args{};
    args.hPhysicalMemoryObject = object->handle;
    args.AccessMode = user ? DXGK_ACCESS_MODE_USER_MODE : DXGK_ACCESS_MODE_KERNEL_MODE;
    args.Offset = chance(300) ? 0 : below(bytes);
    args.Size = chance(300) ? bytes - args.Offset : 1 + below(bytes - args.Offset);
    args.pMappedAddress = reinterpret_cast<void*>(0x1234);
    NTSTATUS expected = STATUS_SUCCESS;
    Reports reports;
    if (chance(80)) {
        expected = STATUS_INVALID_PARAMETER;
        switch (below(5)) {
            case 0: args.Size = 0; break;
            case 1: args.Size = bytes - args.Offset + 1; break;
            case 2: args.Offset = ~SIZE_T{0} - 4095; break;
            case 3:
                args.AccessMode =
                    object->type == io_space ? DXGK_ACCESS_MODE_USER_MODE : static_cast<DXGK_ACCESS_MODE>(2);
                break;
            case 4: {
                const BadHandle bad = bad_handle(Kind::Object);
                args.hPhysicalMemoryObject = bad.handle;
                reports = bad.reports;
                expected = STATUS_INVALID_HANDLE;
                break;
            }
        }
    }
    const DXGKARGCB_MAP_PHYSICAL_MEMORY asked = args;
    if (expected == STATUS_SUCCESS) {
        const std::uint64_t first = asked.Offset >> page_shift;
        reports = conflicting_views(*object, first, pages_of(asked.Offset + asked.Size) - first);
    }
    const std::uint64_t process = 1 + options_.index * 4 + below(2);
    platform_.set_process(process);
    begin("Map", asked.hPhysicalMemoryObject, asked.Offset, asked.Size);
    arm(20);
    const NTSTATUS status = platform_.dxgkrnl().map(&args);
    const bool was_refused = refused(status);
    if (!NT_SUCCESS(status))
        expect(args.pMappedAddress == nullptr && args.Offset == asked.Offset && args.Size == asked.Size,
               "a Map that fails changes nothing");
    if (was_refused) return expect(status != STATUS_NO_MEMORY, "STATUS_NO_MEMORY") && expect_reports({});
    if (!end(status, expected, reports) || !NT_SUCCESS(status)) return !failed_;

    expect(args.pMappedAddress != nullptr && number(args.pMappedAddress) % page_size == 0, "views begin with a page");
    // Never: less than was asked for behind Offset.
    expect(args.Offset <= args.Size && args.Size - args.Offset >= asked.Size, "Size (out) - Offset (out) >= Size (in)");
    expect(args.Offset % page_size == asked.Offset % page_size && args.Size % page_size == 0, "views are whole pages");
    const std::uint64_t first = (asked.Offset - args.Offset) >> page_shift;
    expect(asked.Offset >= args.Offset && first + (args.Size >> page_shift) <= object->pages(), "a view of the object");
    object->views.push_back({args.pMappedAddress, first, args.Size >> page_shift, user, process});
    return !failed_;
}

bool Actor::unmap_view() {
    Object* object = any_object();
    DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{};
    args.Size = page_size;
    if (object == nullptr || chance(30)) {
        const BadHandle bad = bad_handle(Kind::Object);
        args.hPhysicalMemoryObject = bad.handle;
        begin("Unmap, bad handle", bad.handle);
        platform_.dxgkrnl().unmap(&args);
        return expect_reports(strict(bad));
    }
    args.hPhysicalMemoryObject = object->handle;
    if (object->views.empty() || chance(30)) {
        args.pBaseAddress = reinterpret_cast<void*>(0x1000);
        if (const Object* other = any_object(); other != object && !other->views.empty())
            args.pBaseAddress = other->views.front().base;
        begin("Unmap, not its view", object->handle, number(args.pBaseAddress));
        platform_.dxgkrnl().unmap(&args);
        return expect_reports({{Check::UnknownView, number(object->handle)}});
    }
    auto view = std::next(object->views.begin(), static_cast<std::ptrdiff_t>(below(object->views.size())));
    args.pBaseAddress = view->base;
    args.Size = view->pages << page_shift;
    std::uint64_t process = view->user || chance(500) ? view->process : view->process + 100;
    Reports reports;
    if (chance(40)) {
        args.Size += chance(500) ? page_size : -page_size;
        reports = {{Check::WrongViewSize, number(object->handle)}};
    } else if (view->user && chance(60)) {
        process += 100;
        reports = {{Check::WrongProcess, number(object->handle)}};
    }
    platform_.set_process(process);
    begin("Unmap", object->handle, number(args.pBaseAddress), args.Size);
    platform_.dxgkrnl().unmap(&args);
    platform_.set_process(1 + options_.index * 4);
    if (reports.empty()) object->views.erase(view);
    return expect_reports(reports);
}

bool Actor::move_pages() {
    Object* object = any_object();
    if (object == nullptr) return true;
    if (chance(100)) {
        begin("move, bad handle");
        return end(platform_.dxgkrnl().move_pages(bad_handle(Kind::Object).handle), STATUS_INVALID_HANDLE);
    }
    const bool section = object->type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
    begin("move", object->handle);
    arm(100);
    const NTSTATUS status = platform_.dxgkrnl().move_pages(object->handle);
    const bool was_refused = refused(status);
    if (!was_refused && !end(status, section ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED)) return false;
    for (std::uint64_t page = 0; page < object->pages(); ++page) {
        const std::uint64_t frame = platform_.dxgkrnl().frame(object->handle, page).number;
        const bool moves = section && !was_refused && !object->is_locked(page);
        // With verifier options that move sections all the time it is not known where a page was.
        if (!options_.moves || !section || object->is_locked(page))
            expect((frame != object->frames[page]) == moves, "pages move, but those that a list locks");
        object->frames[page] = frame;
    }
    for (std::uint64_t page = 0; page < object->pages() && !failed_; ++page) check_page(*object, page);
    return !failed_;
}

}  // namespace remap::callbacks::tests
