// SPDX-License-Identifier: MIT
// AllocateAdl and FreeAdl, and what devices reach by the lists.
#include "callbacks/tests/model/actor.h"

#include "callbacks/tests/fakes.h"

namespace remap::callbacks::tests {

namespace {

constexpr auto io_space = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
constexpr std::uint64_t countable_pages = 1 << 16;  // an adapter that sees more has always room

std::uint64_t number(HANDLE handle) { return reinterpret_cast<std::uintptr_t>(handle); }

bool side_by_side(const std::vector<std::uint64_t>& pages, std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = 1; i < count; ++i)
        if (pages[first + i] != pages[first] + i) return false;
    return true;
}

}  // namespace

// ---- AllocateAdl ---------------------------------------------------------------------------------------------------

// Of a request whose arguments are in order.
NTSTATUS Actor::list_status(const Object& object, std::uint64_t first, std::uint64_t pages, UINT32 flags) {
    const Adapter& adapter = *object.adapter;
    if (adapter.mode != DmaMode::Remapping) {
        for (std::uint64_t i = first; i < first + pages; ++i)
            if (object.frames[i] == 0 || object.frames[i] > adapter.highest_page) return STATUS_INVALID_ADDRESS;
        return STATUS_SUCCESS;
    }
    if (adapter.highest_page > countable_pages) return STATUS_SUCCESS;
    const std::uint64_t room = (flags & require_contiguous) != 0 ? adapter.longest_room() : adapter.room();
    return room >= pages ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

bool Actor::allocate_list() {
    constexpr std::size_t most_lists = 6;
    Object* object = any_opened();
    if (object == nullptr) return true;
    if (object->lists.size() >= most_lists) return free_list();
    const bool may_require = object->type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY || object->type == io_space;
    const std::uint64_t first = chance(500) ? 0 : below(object->pages());
    const std::uint64_t pages = chance(500) ? object->pages() - first : 1 + below(object->pages() - first);
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = object->opened;
    args.Offset = first << page_shift;
    args.Size = pages << page_shift;
    args.Flags.Value = static_cast<UINT32>(below(4)) & (may_require ? 3u : prefer_contiguous);
    args.pAdl = reinterpret_cast<DXGK_ADL*>(0x1234);
    NTSTATUS expected = list_status(*object, first, pages, args.Flags.Value);
    Reports reports;
    if (chance(100)) {
        expected = STATUS_INVALID_PARAMETER;
        switch (below(7)) {
            case 0: args.Size = 0; break;
            case 1: args.Size += 1; break;
            case 2: args.Offset += 8; break;
            case 3: args.Size = (object->pages() - first + 1) << page_shift; break;
            case 4: args.Offset = ~SIZE_T{0} << page_shift; break;
            case 5:
                args.Flags.Value |= 1u << (2 + below(30));
                reports = {{Check::ReservedBits, number(object->handle)}};
                break;
            case 6: {
                const BadHandle bad = bad_handle(Kind::Opened);
                args.hAdapterMemoryObject = bad.handle;
                reports = bad.reports;
                expected = STATUS_INVALID_HANDLE;
                break;
            }
        }
    } else if (!may_require && chance(50)) {
        args.Flags.Value |= require_contiguous;
        expected = STATUS_INVALID_PARAMETER;
    }
    begin("AllocateAdl", args.hAdapterMemoryObject, args.Offset | args.Flags.Value, args.Size);
    arm(20);
    const NTSTATUS status = platform_.dxgkrnl().allocate_adl(&args);
    const bool was_refused = refused(status);
    if (!expect((args.pAdl != nullptr) == NT_SUCCESS(status), "AllocateAdl returns a list when it succeeds"))
        return false;
    if (was_refused) return expect(status != STATUS_NO_MEMORY, "STATUS_NO_MEMORY") && expect_reports({});
    if (!end(status, expected, reports) || !NT_SUCCESS(status)) return !failed_;
    AdlOf& list = object->lists.emplace_back();
    list.adl = args.pAdl;
    list.first = first;
    return expect(args.pAdl->PageCount == args.Size / page_size, "PageCount is Size / PAGE_SIZE") &&
           check_list(*object, *args.pAdl, args.Flags.Value, list);
}

// Never: page 0, RequireContiguous answered with an array, pages that an adapter does not see or that mean something
// else.
bool Actor::check_list(Object& object, const DXGK_ADL& adl, UINT32 flags, AdlOf& list) {
    Adapter& adapter = *object.adapter;
    list.pages = pages_in(adl);
    if (options_.moves)  // up to this call
        for (std::uint64_t i = 0; i < object.pages(); ++i)
            object.frames[i] = platform_.dxgkrnl().frame(object.handle, i).number;
    const std::uint64_t count = list.pages.size();
    const bool contiguous = adl.Flags.Contiguous != 0;
    expect((adl.Flags.Value & ~1u) == 0, "reserved flags of a list");
    expect(!contiguous || flags != 0, "with neither flag a list is an array");
    expect(contiguous || (flags & require_contiguous) == 0, "RequireContiguous gives a base page");
    if (flags == prefer_contiguous) {
        const bool together = side_by_side(list.pages, 0, count);
        expect(contiguous == together, "PreferContiguous gives a base page when the pages are side by side");
        if (adapter.mode == DmaMode::Remapping) {
            const bool roomy = adapter.highest_page > countable_pages;
            const bool possible = roomy || (!options_.verifier && adapter.longest_room() >= count);
            expect(together || !possible, "logical pages are side by side where there is room");
        }
    }
    for (std::uint64_t i = 0; i < count && !failed_; ++i) {
        const std::uint64_t page = list.pages[i];
        const std::uint64_t frame = object.frames[list.first + i];
        expect(page != 0 && page <= adapter.highest_page, "pages are in the adapter's sight, and never 0");
        if (adapter.mode == DmaMode::Remapping) {
            expect(adapter.usable(page), "logical pages mean memory");
            expect(adapter.logical.insert(page).second, "a logical page has one owner");
        } else {
            expect(page == frame, "without remapping page numbers are physical");
        }
        if (adapter.mode == DmaMode::Isolation) ++adapter.reasons[page];
    }
    return !failed_;
}

// ---- FreeAdl -------------------------------------------------------------------------------------------------------

void Actor::take_list_away(Object& object, const AdlOf& list) {
    Adapter& adapter = *object.adapter;
    for (const std::uint64_t page : list.pages) {
        adapter.logical.erase(page);
        if (adapter.mode == DmaMode::Isolation && --adapter.reasons[page] == 0) adapter.reasons.erase(page);
    }
}

bool Actor::free_list() {
    Object* object = any_opened();
    DXGKARGCB_FREE_ADL args{};
    if (object == nullptr || chance(30)) {
        const BadHandle bad = bad_handle(Kind::Opened);
        args.hAdapterMemoryObject = bad.handle;
        begin("FreeAdl, bad handle", bad.handle);
        platform_.dxgkrnl().free_adl(&args);
        return expect_reports(strict(bad));
    }
    args.hAdapterMemoryObject = object->opened;
    if (object->lists.empty() || chance(40)) {
        DXGK_ADL mine{};
        args.pAdl = &mine;
        Check check = Check::UnknownAdl;
        for (const Object& other : objects_) {
            if (&other == object || other.adapter != object->adapter || other.lists.empty()) continue;
            args.pAdl = other.lists.front().adl;
            check = Check::ForeignAdl;
        }
        begin("FreeAdl, not its list", object->opened, reinterpret_cast<std::uintptr_t>(args.pAdl));
        platform_.dxgkrnl().free_adl(&args);
        return expect_reports({{check, number(object->handle)}});
    }
    auto list = std::next(object->lists.begin(), static_cast<std::ptrdiff_t>(below(object->lists.size())));
    args.pAdl = list->adl;
    begin("FreeAdl", object->opened, list->first, list->pages.size());
    platform_.dxgkrnl().free_adl(&args);
    Reports reports;
    if (list->changed) reports.push_back({Check::ChangedAdl, number(object->handle)});
    take_list_away(*object, *list);
    const std::uint64_t page = list->pages[below(list->pages.size())];
    object->lists.erase(list);
    if (!expect_reports(reports)) return false;

    Adapter& adapter = *object->adapter;
    if (adapter.shared || !adapter.has_domain()) return true;
    if (chance(100)) {
        begin("FreeAdl, again", object->opened);
        platform_.dxgkrnl().free_adl(&args);
        if (!expect_reports({{Check::UnknownAdl, number(object->handle)}})) return false;
    }
    // What a device does with pages it has lost is refused and told to the one to blame.
    if (!chance(300) || adapter.reaches(page)) return true;
    const bool write = chance(500);
    begin("GPU access to a freed page", object->handle, page, write);
    const bool reached =
        write ? platform_.dma_write(adapter.slot, page, 1) : bool(platform_.dma_read(adapter.slot, page));
    if (!expect(!reached, "a freed page is refused")) return false;
    return look_for_faults(*object, {{Check::UsedFreedPages, number(object->handle)}});
}

// FreeAdl, Close and Destroy look at what the IOMMU has refused before they do their work.
bool Actor::look_for_faults(Object& object, Reports reports) {
    Dxgkrnl& dxgkrnl = platform_.dxgkrnl();
    const std::uint64_t choice = below(4);
    if (choice == 1) {
        DXGK_ADL mine{};
        const DXGKARGCB_FREE_ADL args{object.opened, &mine};
        begin("FreeAdl, finds faults", object.opened);
        reports.push_back({Check::UnknownAdl, number(object.handle)});
        dxgkrnl.free_adl(&args);
    } else if (choice == 2 && object.lists.empty()) {
        const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{object.opened};
        begin("Close, finds faults", object.opened);
        dxgkrnl.close(&args);
        forget_opened(object);
    } else if (choice == 3 && object.lists.empty() && object.views.empty() && object.mdls == 0) {
        const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{object.handle, object.opened};
        begin("Destroy, finds faults", object.handle);
        dxgkrnl.destroy(&args);
        forget(object);
    } else {
        begin("check_dma");
        dxgkrnl.check_dma(any_handle(*object.adapter));
    }
    if (options_.verifier) return expect_reports(reports);
    (void)platform_.take_reports();  // who freed a page is not remembered
    return true;
}

bool Actor::change_list() {
    Object* object = any_opened();
    if (object == nullptr || object->lists.empty()) return true;
    AdlOf& list = object->lists.front();
    if (list.changed) return true;
    list.changed = true;
    switch (below(3)) {
        case 0: list.adl->PageCount ^= 0x10; break;
        case 1: list.adl->Flags.Value ^= 2; break;
        case 2: list.adl->BasePageNumber += 8; break;
    }
    return true;
}

// ---- devices -------------------------------------------------------------------------------------------------------

// The GPU is given addresses of other kinds.
bool Actor::probe() {
    Adapter* adapter = any_adapter(true);
    Object* object = any_object();
    if (adapter == nullptr || !adapter->has_domain() || object == nullptr) return true;
    constexpr std::uint64_t nowhere = std::uint64_t{1} << 33;  // a page number
    std::uint64_t page = nowhere;
    Reports reports = {{Check::UnmappedAccess, 0}};
    if (!object->views.empty()) {
        const View& view = object->views.front();
        page = (reinterpret_cast<std::uintptr_t>(view.base) >> page_shift) + below(view.pages);
        reports = {{Check::CpuAddressGivenToGpu, number(object->handle)}};
    }
    begin("GPU access to a CPU address", adapter->handles[0], page);
    if (!expect(!platform_.dma_read(adapter->slot, page), "what is not mapped is refused")) return false;
    platform_.dxgkrnl().check_dma(any_handle(*adapter));
    return expect_reports(reports);
}

// Everything that shows a page shows the same word.
bool Actor::check_page(Object& object, std::uint64_t page) {
    if (object.type == io_space && !options_.has_io) return true;
    std::uint64_t& content = word(object, page);
    const auto at = [&](const View& view) {
        return static_cast<std::byte*>(view.base) + ((page - view.first) << page_shift);
    };
    const auto shows = [&](const View& view) { return page >= view.first && page - view.first < view.pages; };
    const std::uint64_t fresh = (std::uint64_t{options_.index + 1} << 48) + next_word_++;
    for (const View& view : object.views) {
        if (!shows(view) || !object.writable || !chance(500)) continue;
        platform_.cpu_write(at(view), content = fresh);
        break;
    }
    const bool has_gpu = object.adapter != nullptr && object.adapter->iommu;
    for (const AdlOf& list : object.lists) {
        if (!has_gpu || page < list.first || page - list.first >= list.pages.size() || !chance(300)) continue;
        content = fresh + (std::uint64_t{1} << 40);
        if (!expect(platform_.dma_write(object.adapter->slot, list.pages[page - list.first], content),
                    "the GPU writes to a page of a list"))
            return false;
        break;
    }
    for (const View& view : object.views)
        if (shows(view)) expect(platform_.cpu_read(at(view)) == content, "a view shows what is in a page");
    for (const AdlOf& list : object.lists)
        if (has_gpu && page >= list.first && page - list.first < list.pages.size())
            expect(platform_.dma_read(object.adapter->slot, list.pages[page - list.first]) == content,
                   "the GPU reads what is in a page");
    return !failed_;
}

bool Actor::audit() {
    Object* object = any_object();
    if (object == nullptr) return true;
    for (const AdlOf& list : object->lists) {
        if (list.changed) continue;
        if (!expect(pages_in(*list.adl) == list.pages, "a list stays as it was handed out")) return false;
        const std::uint64_t i = below(list.pages.size());
        if (object->adapter->shared || list.pages.empty()) continue;
        // A page that several objects show (device memory, without remapping) is behind one of them.
        const auto behind = platform_.dxgkrnl().frame_behind(object->adapter->handles[0], list.pages[i]);
        expect(behind.ok() && behind->number == platform_.dxgkrnl().frame(object->handle, list.first + i).number,
               "the frame behind a page of a list");
    }
    for (std::uint64_t page = 0; page < object->pages() && !failed_; ++page) check_page(*object, page);
    return !failed_;
}

}  // namespace remap::callbacks::tests
