// SPDX-License-Identifier: MIT
#include "callbacks/tests/model/contended.h"

#include "callbacks/tests/fakes.h"

#include <algorithm>

namespace remap::callbacks::tests {

namespace {

constexpr std::uint64_t bytes = 4 * page_size;

bool may_return(NTSTATUS status) {
    constexpr NTSTATUS allowed[] = {STATUS_SUCCESS, STATUS_INVALID_HANDLE, STATUS_INVALID_DEVICE_STATE,
                                    STATUS_NOT_SUPPORTED};
    return std::ranges::find(allowed, status) != std::end(allowed);
}

// What becomes of a thread that uses what another has destroyed, or destroys what another uses.
bool may_report(Check check) {
    constexpr Check allowed[] = {Check::UseAfterClose,        Check::UnlockedUnderAdls, Check::AdapterObjectsLeaked,
                                 Check::AdlsLeaked,           Check::ViewsLeft,         Check::UnknownAdl,
                                 Check::ForeignAdl,           Check::UnknownView,       Check::WrongViewSize,
                                 Check::ForeignAdapterObject, Check::UnknownHandle};
    return std::ranges::find(allowed, check) != std::end(allowed);
}

}  // namespace

// Writes what it got to `now`.
NTSTATUS Contended::make_call(std::uint64_t choice, const Entry& seen, Entry& now, HANDLE adapter) {
    Dxgkrnl& dxgkrnl = platform_.dxgkrnl();
    switch (choice) {
        case 0: {
            // Without the adapter memory object: a stale one would keep the object alive, in nobody's hands.
            const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{seen.object, nullptr};
            dxgkrnl.destroy(&args);
            auto create = section_of(bytes);
            const NTSTATUS status = dxgkrnl.create(&create);
            now = {.object = create.hPhysicalMemoryObject};
            return status;
        }
        case 1: {
            DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{seen.object, adapter, nullptr};
            const NTSTATUS status = dxgkrnl.open(&args);
            if (NT_SUCCESS(status)) now.opened = args.hAdapterMemoryObject;
            return status;
        }
        case 2: {
            const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{seen.opened};
            dxgkrnl.close(&args);
            return STATUS_SUCCESS;
        }
        case 3: {
            DXGKARGCB_ALLOCATE_ADL args{};
            args.hAdapterMemoryObject = seen.opened;
            args.Size = bytes;
            const NTSTATUS status = dxgkrnl.allocate_adl(&args);
            if (NT_SUCCESS(status)) now.adl = args.pAdl;  // is not read: another thread may have freed it
            return status;
        }
        case 4: {
            const DXGKARGCB_FREE_ADL args{seen.opened, seen.adl};
            dxgkrnl.free_adl(&args);
            return STATUS_SUCCESS;
        }
        case 5: {
            DXGKARGCB_MAP_PHYSICAL_MEMORY args{seen.object, DXGK_ACCESS_MODE_KERNEL_MODE, 0, bytes, nullptr};
            const NTSTATUS status = dxgkrnl.map(&args);
            if (NT_SUCCESS(status)) now.view = args.pMappedAddress;
            return status;
        }
        case 6: {
            const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{seen.object, seen.view, bytes};
            dxgkrnl.unmap(&args);
            return STATUS_SUCCESS;
        }
        default: return dxgkrnl.move_pages(seen.object);
    }
}

std::string Contended::call(std::mt19937_64& random, HANDLE adapter, NTSTATUS injected_status, bool& injected) {
    const std::size_t index = random() % entries_.size();
    const std::uint64_t choice = random() % 8;
    Entry seen;
    {
        const std::lock_guard guard(lock_);
        seen = entries_[index];
    }
    Entry now = seen;
    const NTSTATUS status = make_call(choice, seen, now, adapter);
    {
        const std::lock_guard guard(lock_);
        if (choice == 0) std::swap(entries_[index], now);
        if (choice == 1) entries_[index].opened = now.opened;
        if (choice == 3) entries_[index].adl = now.adl;
        if (choice == 5) entries_[index].view = now.view;
    }
    // Two threads that replaced an object at once: one of the new ones is in nobody's hands.
    if (choice == 0 && now.object != seen.object && now.object != nullptr) {
        const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{now.object, nullptr};
        platform_.dxgkrnl().destroy(&args);
    }
    injected = status == injected_status;
    for (const Seen& report : platform_.take_reports())
        if (!may_report(report.check)) return std::string("reported: ") + text_of(report.check).name + report.message;
    return injected || may_return(status) ? "" : "a status that no race explains";
}

void Contended::end() {
    for (const Entry& entry : entries_) {
        const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{entry.object, nullptr};
        platform_.dxgkrnl().destroy(&args);
    }
    (void)platform_.take_reports();
}

}  // namespace remap::callbacks::tests
