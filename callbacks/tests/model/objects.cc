// SPDX-License-Identifier: MIT
// Create, Destroy, Open and Close.
#include "callbacks/tests/model/actor.h"

namespace remap::callbacks::tests {

namespace {

constexpr auto io_space = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;

std::uint64_t number(HANDLE handle) { return reinterpret_cast<std::uintptr_t>(handle); }

}  // namespace

std::uint64_t& Actor::word(Object& object, std::uint64_t page) {
    return object.type == io_space ? io_words_[object.frames[page]] : object.words[page];
}

// ---- Create --------------------------------------------------------------------------------------------------------

Actor::Reports Actor::mixed_cache_types(const CreateArgs& args) const {
    const std::uint64_t first = static_cast<std::uint64_t>(args.IOSpace.BaseAddress.QuadPart) >> page_shift;
    for (const Object& other : objects_) {
        if (args.Type != io_space || other.type != io_space || other.cache == args.CacheType) continue;
        const std::uint64_t end = first + pages_of(args.Size);
        if (other.frames[0] < end && first < other.frames[0] + other.pages())
            return {{Check::MixedCacheTypes, number(args.hPhysicalMemoryObject)}};
    }
    return {};
}

bool Actor::create() {
    constexpr std::size_t most_objects = 60;
    if (objects_.size() >= most_objects) return destroy();
    Window window;
    NTSTATUS expected = STATUS_SUCCESS;
    CreateArgs args = legal_request(window, expected);
    Adapter* adapter = chance(600) ? any_adapter() : nullptr;
    Reports reports;
    if (adapter != nullptr) args.hAdapter = any_handle(*adapter);
    if (chance(10)) {
        const BadHandle bad = bad_handle(Kind::Adapter);
        args.hAdapter = bad.handle;
        reports = bad.reports;
        expected = STATUS_INVALID_HANDLE;
    }
    begin("Create", args.hAdapter, args.Type, args.Size);
    arm(20);
    const NTSTATUS status = platform_.dxgkrnl().create(&args);
    if (refused(status)) {
        const bool no_memory = status == STATUS_NO_MEMORY && args.Type != DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
        expect(!no_memory, "STATUS_NO_MEMORY is for contiguous memory");
        expect(args.hPhysicalMemoryObject == nullptr && args.hAdapterMemoryObject == nullptr, "handles of a failure");
        return expect_reports({});
    }
    if (expected == STATUS_SUCCESS) reports = mixed_cache_types(args);
    if (!end(status, expected, reports)) return false;
    if (NT_SUCCESS(expected)) return check_created(args, pages_of(args.Size), window, adapter);
    return expect(args.hPhysicalMemoryObject == nullptr && args.hAdapterMemoryObject == nullptr,
                  "handles of a failure");
}

bool Actor::check_created(const CreateArgs& args, std::uint64_t pages, const Window& window, Adapter* adapter) {
    if (!expect(args.hPhysicalMemoryObject != nullptr, "Create returns no object")) return false;
    if (!expect((args.hAdapterMemoryObject != nullptr) == (adapter != nullptr), "Create opens what it was told to"))
        return false;
    Object& object = objects_.emplace_back();
    object.handle = args.hPhysicalMemoryObject;
    object.opened = args.hAdapterMemoryObject;
    object.adapter = adapter;
    object.type = args.Type;
    object.cache = args.CacheType;
    object.context = args.Context;
    object.writable = args.Type != DXGK_PHYSICAL_MEMORY_TYPE_SECTION || args.Section.PageProtection == PAGE_READWRITE;
    object.words.resize(pages);
    if (!expect(platform_.dxgkrnl().page_count(object.handle) == pages,
                "an object has as many pages as were asked for"))
        return false;
    for (std::uint64_t i = 0; i < pages; ++i)
        object.frames.push_back(platform_.dxgkrnl().frame(object.handle, i).number);

    for (std::uint64_t i = 0; i < pages; ++i) {
        const std::uint64_t frame = object.frames[i];
        const bool in_first = frame >= window.first && frame <= window.last;
        // The third window and so on come into play when a request for pages of the others was made to fail.
        const bool in_second = window.skip != 0 && frame >= window.first &&
                               (frame - window.first) % window.skip <= window.last - window.first;
        expect(frame != 0 && (in_first || in_second || args.Type == io_space), "frames lie in the window");
        const bool follows = i == 0 || frame == object.frames[i - 1] + 1;
        if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY) {
            const std::uint64_t boundary =
                static_cast<std::uint64_t>(args.ContiguousMemory.BoundaryAddressMultiple.QuadPart) >> page_shift;
            expect(follows && (i == 0 || boundary == 0 || frame % boundary != 0), "contiguous, within its boundary");
        }
        if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_MDL && args.Mdl.Flags == MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) {
            const std::uint64_t chunk = static_cast<std::uint64_t>(args.Mdl.SkipBytes.QuadPart) >> page_shift;
            expect(i % chunk == 0 ? frame % chunk == 0 : follows, "chunks are contiguous and aligned");
        }
        if (args.Type == io_space)
            expect(frame == (static_cast<std::uint64_t>(args.IOSpace.BaseAddress.QuadPart) >> page_shift) + i,
                   "an IO range is what it was");
        else if (in_zone(frame))
            expect(zone_used_.insert(frame).second, "a frame has one owner");
    }
    return !failed_;
}

// ---- Destroy -------------------------------------------------------------------------------------------------------

// The object's uses are over; what is reported of them when nobody ended them.
Actor::Reports Actor::end_uses(Object& object, bool closes) {
    Reports reports;
    if (!object.lists.empty()) reports.push_back({Check::UnlockedUnderAdls, number(object.handle)});
    if (object.opened != nullptr && !closes) reports.push_back({Check::AdapterObjectsLeaked, number(object.handle)});
    if (!object.views.empty()) reports.push_back({Check::ViewsLeft, number(object.handle)});
    return reports;
}

void Actor::forget_opened(Object& object) {
    for (const AdlOf& list : object.lists) take_list_away(object, list);
    object.lists.clear();
    if (object.opened != nullptr) bury(Kind::Opened, object.opened);
    object.opened = nullptr;
    object.adapter = nullptr;
}

void Actor::forget(Object& object) {
    forget_opened(object);
    bury(Kind::Object, object.handle);
    if (object.type != io_space)
        for (const std::uint64_t frame : object.frames) zone_used_.erase(frame);
    objects_.remove_if([&](const Object& other) { return &other == &object; });
}

bool Actor::destroy() {
    Object* object = any_object();
    DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{};
    if (object == nullptr || chance(40)) {
        const BadHandle bad = bad_handle(Kind::Object);
        args.hPhysicalMemoryObject = bad.handle;
        begin("Destroy, bad handle", bad.handle);
        platform_.dxgkrnl().destroy(&args);
        return expect_reports(strict(bad));
    }
    if (object->mdls != 0) return true;  // the driver still has MDLs of its pages in use
    if (!object->lists.empty() && !chance(100)) return free_list();
    args.hPhysicalMemoryObject = object->handle;
    args.hAdapterMemoryObject = chance(20) ? nullptr : object->opened;
    if (chance(30)) {
        const Object* other = any_opened();
        args.hAdapterMemoryObject = other != nullptr && other != object ? other->opened : reinterpret_cast<HANDLE>(12);
        begin("Destroy, foreign adapter object", object->handle, number(args.hAdapterMemoryObject));
        platform_.dxgkrnl().destroy(&args);
        return expect_reports({{Check::ForeignAdapterObject, number(object->handle)}});
    }
    begin("Destroy", object->handle, number(args.hAdapterMemoryObject));
    platform_.dxgkrnl().destroy(&args);
    const Reports reports = end_uses(*object, args.hAdapterMemoryObject != nullptr);
    forget(*object);
    return expect_reports(reports);
}

// ---- Open and Close ------------------------------------------------------------------------------------------------

bool Actor::open() {
    Object* object = any_object();
    Adapter* adapter = any_adapter();
    if (object == nullptr || adapter == nullptr) return true;
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{object->handle, any_handle(*adapter), reinterpret_cast<HANDLE>(0x1234)};
    NTSTATUS expected = object->opened == nullptr    ? STATUS_SUCCESS
                        : object->adapter == adapter ? STATUS_INVALID_DEVICE_STATE
                                                     : STATUS_NOT_SUPPORTED;
    Reports reports;
    if (chance(60)) {
        const bool of_object = chance(500);
        const BadHandle bad = bad_handle(of_object ? Kind::Object : Kind::Adapter);
        (of_object ? args.hPhysicalMemoryObject : args.hAdapter) = bad.handle;
        reports = bad.reports;
        expected = STATUS_INVALID_HANDLE;
    }
    begin("Open", args.hPhysicalMemoryObject, number(args.hAdapter));
    const NTSTATUS status = platform_.dxgkrnl().open(&args);
    const bool injected = refused(status);
    expect((args.hAdapterMemoryObject != nullptr) == NT_SUCCESS(status), "Open returns a handle when it succeeds");
    if (injected) return expect_reports({});
    if (NT_SUCCESS(expected) && NT_SUCCESS(status)) {
        object->opened = args.hAdapterMemoryObject;
        object->adapter = adapter;
    }
    return end(status, expected, reports);
}

bool Actor::close() {
    Object* object = any_opened();
    DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{};
    if (object == nullptr || chance(60)) {
        const BadHandle bad = bad_handle(Kind::Opened);
        args.hAdapterMemoryObject = bad.handle;
        begin("Close, bad handle", bad.handle);
        platform_.dxgkrnl().close(&args);
        return expect_reports(strict(bad));
    }
    if (!object->lists.empty() && !chance(150)) return free_list();
    args.hAdapterMemoryObject = object->opened;
    begin("Close", object->opened, object->lists.size());
    platform_.dxgkrnl().close(&args);
    const Reports reports = object->lists.empty() ? Reports{} : Reports{{Check::AdlsLeaked, number(object->handle)}};
    forget_opened(*object);
    return expect_reports(reports);
}

// ---- mistakes that every callback can meet -------------------------------------------------------------------------

bool Actor::at_wrong_irql() {
    Object* object = any_opened();
    if (object == nullptr) return true;
    Dxgkrnl& dxgkrnl = platform_.dxgkrnl();
    NTSTATUS status = STATUS_INVALID_DEVICE_STATE;
    platform_.set_irql(DISPATCH_LEVEL);
    const std::uint64_t choice = below(8);
    begin("at DISPATCH_LEVEL", object->handle, choice);
    if (choice == 0) {
        Window window;
        NTSTATUS expected{};
        CreateArgs args = legal_request(window, expected);
        status = dxgkrnl.create(&args);
        expect(args.hPhysicalMemoryObject == nullptr && args.hAdapterMemoryObject == nullptr, "handles of a failure");
    } else if (choice == 1) {
        const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{object->handle, object->opened};
        dxgkrnl.destroy(&args);
    } else if (choice == 2) {
        DXGKARGCB_MAP_PHYSICAL_MEMORY args{object->handle, DXGK_ACCESS_MODE_KERNEL_MODE, 0, 4096, nullptr};
        status = dxgkrnl.map(&args);
    } else if (choice == 3) {
        const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{object->handle, nullptr, 4096};
        dxgkrnl.unmap(&args);
    } else if (choice == 4) {
        DXGKARGCB_ALLOCATE_ADL args{};
        args.hAdapterMemoryObject = object->opened;
        args.Size = page_size;
        status = dxgkrnl.allocate_adl(&args);
    } else if (choice == 5) {
        const DXGKARGCB_FREE_ADL args{object->opened, nullptr};
        dxgkrnl.free_adl(&args);
    } else if (choice == 6) {
        DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{object->handle, object->adapter->handles[0], nullptr};
        status = dxgkrnl.open(&args);
    } else {
        const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{object->opened};
        dxgkrnl.close(&args);
    }
    platform_.set_irql(PASSIVE_LEVEL);
    return end(status, STATUS_INVALID_DEVICE_STATE, {{Check::WrongIrql, 0}});
}

bool Actor::contend() {
    begin("contended object");
    bool injected = false;
    const std::string wrong =
        contended_.call(random_, shared_[below(shared_.size())].handles[0], injected_status, injected);
    injected_ += injected;
    return wrong.empty() || fail(wrong.c_str());
}

bool Actor::null_arguments() {
    Dxgkrnl& dxgkrnl = platform_.dxgkrnl();
    const Adapter* adapter = any_adapter();
    const HANDLE handle = adapter == nullptr ? nullptr : adapter->handles[0];
    begin("null arguments");
    for (const NTSTATUS status :
         {dxgkrnl.create(nullptr), dxgkrnl.map(nullptr), dxgkrnl.allocate_adl(nullptr), dxgkrnl.open(nullptr),
          dxgkrnl.allocate_contiguous(handle, nullptr), dxgkrnl.allocate_pages(handle, nullptr),
          dxgkrnl.map_mdl(handle, nullptr),
          dxgkrnl.pin_frame_buffer(handle, static_cast<DXGKARGCB_PINFRAMEBUFFERFORSAVE*>(nullptr)),
          dxgkrnl.map_frame_buffer(handle, nullptr)})
        if (!end(status, STATUS_INVALID_PARAMETER)) return false;
    dxgkrnl.destroy(nullptr);
    dxgkrnl.unmap(nullptr);
    dxgkrnl.free_adl(nullptr);
    dxgkrnl.close(nullptr);
    return expect_reports({4, {Check::NullArgument, 0}});
}

}  // namespace remap::callbacks::tests
