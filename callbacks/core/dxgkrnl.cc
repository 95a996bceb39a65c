// SPDX-License-Identifier: MIT
// The callbacks' order of work: check the arguments, find what the handles name, do it, answer. Rules and errors stand
// at each callback in callbacks/ddk/d3dkmddi.h. Arguments with sizes are copied first: another thread of the driver
// cannot change them between the check and the use.
#include "callbacks/core/dxgkrnl.h"

#include "callbacks/core/parts.h"

#include <new>

namespace remap::callbacks {

namespace {

void report_null_argument(Findings& findings) { findings.add(Check::NullArgument, Text{}.add("the argument is null")); }

}  // namespace

Dxgkrnl::Dxgkrnl(const Ports& ports, const VerifierOptions& options)
    : parts_(new (std::nothrow) Parts(ports, options, failures_)) {}

Dxgkrnl::~Dxgkrnl() { delete parts_; }

// ---- adapters ------------------------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::start_adapter(const AdapterDescription& description, HANDLE* handles) {
    if (handles == nullptr) return STATUS_INVALID_PARAMETER;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    constexpr Caller caller{Callback::StartAdapter, nullptr};
    parts_->tell_begin(caller);
    NTSTATUS status = STATUS_SUCCESS;
    {
        Guard guard(parts_->lock, &parts_->ports.execution);
        status = parts_->start(description, handles);
    }
    parts_->tell_end(caller, status, 0);
    return status;
}

NTSTATUS Dxgkrnl::refuse(Callback callback, const void* caller, NTSTATUS status) const {
    if (parts_ == nullptr) return status;
    parts_->tell_begin({callback, caller});
    parts_->tell_end({callback, caller}, status, 0);
    return status;
}

void Dxgkrnl::stop_adapter(HANDLE handle) {
    if (parts_ == nullptr) return;
    (void)parts_->call(Callback::StopAdapter, nullptr, [&](Findings& findings) {
        Adapter* adapter = parts_->find_adapter(handle);
        if (adapter == nullptr) {
            parts_->report_handle(HandleKind::Adapter, handle, findings, true);
            return NTSTATUS{STATUS_INVALID_HANDLE};
        }
        parts_->stop(*adapter, findings);
        return NTSTATUS{STATUS_SUCCESS};
    });
}

std::optional<DmaMode> Dxgkrnl::mode(HANDLE handle) const {
    if (parts_ == nullptr) return std::nullopt;
    Guard guard(parts_->lock, &parts_->ports.execution);
    const Adapter* adapter = parts_->find_adapter(handle);
    return adapter == nullptr ? std::nullopt : std::optional(adapter->view.mode());
}

// ---- Create and Destroy --------------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args, const void* caller) {
    if (args == nullptr) return refuse(Callback::CreatePhysicalMemoryObject, caller, STATUS_INVALID_PARAMETER);
    args->hPhysicalMemoryObject = nullptr;
    args->hAdapterMemoryObject = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;

    const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT asked = *args;
    const auto request = read_create_request(asked);
    if (!request) return refuse(Callback::CreatePhysicalMemoryObject, caller, request.error());
    return parts_->call(Callback::CreatePhysicalMemoryObject, caller, [&](Findings& findings) -> NTSTATUS {
        Adapter* adapter = parts_->find_adapter(asked.hAdapter);
        if (asked.hAdapter != nullptr && adapter == nullptr) {
            parts_->report_handle(HandleKind::Adapter, asked.hAdapter, findings, false);
            return STATUS_INVALID_HANDLE;
        }
        auto object = parts_->make_object(*request);
        if (!object) return object.error();
        findings.concerns((*object)->subject());
        if (adapter != nullptr) {
            const auto opened = parts_->open(*adapter, **object);
            if (!opened) {
                parts_->end_object(**object);
                return opened.error();
            }
            args->hAdapterMemoryObject = (*opened)->handle;
        }
        args->hPhysicalMemoryObject = (*object)->handle;
        if (request->type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) parts_->warn_of_mixed_cache_types(**object, findings);
        return STATUS_SUCCESS;
    });
}

void Dxgkrnl::destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args, const void* caller) {
    if (parts_ == nullptr) return;
    (void)parts_->call(Callback::DestroyPhysicalMemoryObject, caller, [&](Findings& findings) -> NTSTATUS {
        if (args == nullptr) return report_null_argument(findings), STATUS_INVALID_PARAMETER;
        MemoryObject* object = parts_->find_object(args->hPhysicalMemoryObject, findings, true);
        if (object == nullptr) return STATUS_INVALID_HANDLE;
        const HANDLE named = args->hAdapterMemoryObject;
        AdapterObject* opened = object->opened;
        if (named != nullptr && (opened == nullptr || opened->handle != named)) {
            findings.add(
                Check::ForeignAdapterObject,
                Text{}.add("hAdapterMemoryObject ").add_pointer(named).add(" is not open or not of this object"),
                object->subject());
            return STATUS_INVALID_HANDLE;
        }
        parts_->end_uses(*object, named != nullptr, findings);
        parts_->end_object(*object);
        return STATUS_SUCCESS;
    });
}

// ---- Map and Unmap -------------------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args, const void* caller) {
    if (args == nullptr) return refuse(Callback::MapPhysicalMemory, caller, STATUS_INVALID_PARAMETER);
    args->pMappedAddress = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const DXGKARGCB_MAP_PHYSICAL_MEMORY asked = *args;
    return parts_->call(Callback::MapPhysicalMemory, caller, [&](Findings& findings) -> NTSTATUS {
        MemoryObject* object = parts_->find_object(asked.hPhysicalMemoryObject, findings, false);
        if (object == nullptr) return STATUS_INVALID_HANDLE;
        const auto request = object->read_map(asked);
        if (!request) return request.error();
        const ViewOrigin origin{name_of(Callback::MapPhysicalMemory), caller, object->subject()};
        const auto mapping =
            make_mapping(parts_->ports.views, object->frames(), parts_->ports.execution.process(), *request, origin);
        if (!mapping) return mapping.error();
        object->add(**mapping);
        args->pMappedAddress = (*mapping)->base;
        args->Offset = asked.Offset & (page_size - 1);
        args->Size = (*mapping)->pages << page_shift;
        if (object->is_slow_to_read(**mapping))
            findings.add(Check::LargeUncachedView, Text{}.add_number(args->Size >> 20).add(" MiB are mapped uncached"),
                         object->subject());
        parts_->warn_of_conflicting_views((*mapping)->audited, findings);
        return STATUS_SUCCESS;
    });
}

void Dxgkrnl::unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args, const void* caller) {
    if (parts_ == nullptr) return;
    (void)parts_->call(Callback::UnmapPhysicalMemory, caller, [&](Findings& findings) -> NTSTATUS {
        if (args == nullptr) return report_null_argument(findings), STATUS_INVALID_PARAMETER;
        MemoryObject* object = parts_->find_object(args->hPhysicalMemoryObject, findings, true);
        if (object == nullptr) return STATUS_INVALID_HANDLE;
        const std::uint64_t process = parts_->ports.execution.process();
        CpuMapping* mapping = object->find_mapping(args->pBaseAddress, process);
        const auto refuse = [&](Check check, const Text& text) -> NTSTATUS {
            findings.add(check, text, object->subject());
            return STATUS_INVALID_PARAMETER;
        };
        if (mapping == nullptr)
            return refuse(Check::UnknownView, Text{}.add("no view of it begins at ").add_pointer(args->pBaseAddress));
        const std::uint64_t size = mapping->pages << page_shift;
        if (args->Size != size)
            return refuse(
                Check::WrongViewSize,
                Text{}.add("unmapped with size ").add_hex(args->Size).add(", but Map returned ").add_hex(size));
        if (!mapping->belongs_to(process))
            return refuse(Check::WrongProcess, Text{}.add("the view was mapped in another process"));
        object->remove(*mapping);
        end_mapping(parts_->ports.views, mapping);
        return STATUS_SUCCESS;
    });
}

// ---- AllocateAdl and FreeAdl ---------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::allocate_adl(DXGKARGCB_ALLOCATE_ADL* args, const void* caller) {
    if (args == nullptr) return refuse(Callback::AllocateAdl, caller, STATUS_INVALID_PARAMETER);
    args->pAdl = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const DXGKARGCB_ALLOCATE_ADL asked = *args;
    return parts_->call(Callback::AllocateAdl, caller, [&](Findings& findings) -> NTSTATUS {
        AdapterObject* opened = parts_->find_adapter_object(asked.hAdapterMemoryObject, findings, false);
        if (opened == nullptr) return STATUS_INVALID_HANDLE;
        if (asked.Flags.Reserved != 0)
            findings.add(Check::ReservedBits, Text{}.add("Flags.Value is ").add_hex(asked.Flags.Value),
                         opened->object.subject());
        const auto request = opened->object.read_adl(asked);
        if (!request) return request.error();
        const auto adl = Adl::make(opened->adapter.view, opened->object.frames(), *request, opened->object.subject());
        if (!adl) return adl.error();
        opened->add(**adl);
        args->pAdl = (*adl)->handed_out();
        return STATUS_SUCCESS;
    });
}

void Dxgkrnl::free_adl(const DXGKARGCB_FREE_ADL* args, const void* caller) {
    if (parts_ == nullptr) return;
    (void)parts_->call(Callback::FreeAdl, caller, [&](Findings& findings) -> NTSTATUS {
        if (args == nullptr) return report_null_argument(findings), STATUS_INVALID_PARAMETER;
        AdapterObject* opened = parts_->find_adapter_object(args->hAdapterMemoryObject, findings, true);
        if (opened == nullptr) return STATUS_INVALID_HANDLE;
        parts_->check_dma(opened->adapter, findings);
        const Subject subject = opened->object.subject();
        Adl* adl = opened->find_adl(args->pAdl);
        if (adl == nullptr) {
            const AdapterObject* owner = opened->adapter.owner_of(args->pAdl);
            findings.add(owner != nullptr ? Check::ForeignAdl : Check::UnknownAdl,
                         Text{}
                             .add("pAdl ")
                             .add_pointer(args->pAdl)
                             .add(owner != nullptr ? " is of another object" : " is no live ADL of it"),
                         subject);
            return STATUS_INVALID_PARAMETER;
        }
        if (adl->changed_by_driver())
            findings.add(Check::ChangedAdl, Text{}.add("the driver wrote to the ADL"), subject);
        parts_->end_adl(*opened, *adl, findings.caller());
        return STATUS_SUCCESS;
    });
}

// ---- Open and Close ------------------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::open(DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* args, const void* caller) {
    if (args == nullptr) return refuse(Callback::OpenPhysicalMemoryObject, caller, STATUS_INVALID_PARAMETER);
    args->hAdapterMemoryObject = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    return parts_->call(Callback::OpenPhysicalMemoryObject, caller, [&](Findings& findings) -> NTSTATUS {
        MemoryObject* object = parts_->find_object(args->hPhysicalMemoryObject, findings, false);
        Adapter* adapter = parts_->find_adapter(args->hAdapter);
        if (adapter == nullptr) parts_->report_handle(HandleKind::Adapter, args->hAdapter, findings, false);
        if (object == nullptr || adapter == nullptr) return STATUS_INVALID_HANDLE;
        if (object->opened != nullptr)
            return &object->opened->adapter == adapter ? STATUS_INVALID_DEVICE_STATE : STATUS_NOT_SUPPORTED;
        const auto opened = parts_->open(*adapter, *object);
        if (!opened) return opened.error();
        args->hAdapterMemoryObject = (*opened)->handle;
        return STATUS_SUCCESS;
    });
}

void Dxgkrnl::close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* args, const void* caller) {
    if (parts_ == nullptr) return;
    (void)parts_->call(Callback::ClosePhysicalMemoryObject, caller, [&](Findings& findings) -> NTSTATUS {
        if (args == nullptr) return report_null_argument(findings), STATUS_INVALID_PARAMETER;
        AdapterObject* opened = parts_->find_adapter_object(args->hAdapterMemoryObject, findings, true);
        if (opened == nullptr) return STATUS_INVALID_HANDLE;
        parts_->check_dma(opened->adapter, findings);
        if (const std::uint64_t left = parts_->end_adls(*opened, findings.caller()); left != 0)
            findings.add(Check::AdlsLeaked, Text{}.add("closed while ").add_number(left).add(" ADLs of it exist"),
                         opened->object.subject());
        parts_->close(*opened);
        return STATUS_SUCCESS;
    });
}

// ---- for tests and monitors ----------------------------------------------------------------------------------------

void Dxgkrnl::check_dma(HANDLE handle) {
    if (parts_ == nullptr) return;
    (void)parts_->call(Callback::DmaFault, nullptr, [&](Findings& findings) -> NTSTATUS {
        Adapter* adapter = parts_->find_adapter(handle);
        if (adapter == nullptr) return STATUS_INVALID_HANDLE;
        parts_->check_dma(*adapter, findings);
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::move_pages(HANDLE handle) {
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    Guard guard(parts_->lock, &parts_->ports.execution);
    MemoryObject* object = parts_->find_object(handle);
    if (object == nullptr) return STATUS_INVALID_HANDLE;
    if (object->type() != DXGK_PHYSICAL_MEMORY_TYPE_SECTION) return STATUS_NOT_SUPPORTED;
    return parts_->move_pages(*object);
}

std::uint64_t Dxgkrnl::page_count(HANDLE handle) const {
    if (parts_ == nullptr) return 0;
    Guard guard(parts_->lock, &parts_->ports.execution);
    const MemoryObject* object = parts_->find_object(handle);
    return object == nullptr ? 0 : object->frames().size();
}

PhysicalPage Dxgkrnl::frame(HANDLE handle, std::uint64_t index) const {
    if (parts_ == nullptr) return {};
    Guard guard(parts_->lock, &parts_->ports.execution);
    const MemoryObject* object = parts_->find_object(handle);
    return object == nullptr || index >= object->frames().size() ? PhysicalPage{} : object->frames()[index];
}

Result<PhysicalPage, NTSTATUS> Dxgkrnl::frame_behind(HANDLE handle, std::uint64_t adl_page) const {
    if (parts_ == nullptr) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    Guard guard(parts_->lock, &parts_->ports.execution);
    const Adapter* adapter = parts_->find_adapter(handle);
    if (adapter == nullptr) return Failure{NTSTATUS{STATUS_INVALID_HANDLE}};
    for (const AdapterObject* opened = adapter->objects.first(); opened != nullptr; opened = opened->next)
        for (const Adl* adl = opened->adls.first(); adl != nullptr; adl = adl->next)
            if (const auto frame = adl->frame_behind(adl_page)) return *frame;
    return Failure{NTSTATUS{STATUS_INVALID_ADDRESS}};
}

}  // namespace remap::callbacks
