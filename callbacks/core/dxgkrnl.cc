// SPDX-License-Identifier: MIT
// The callbacks' order of work: check the arguments, find what the handles name, do it, answer. Rules and errors stand
// at each callback in callbacks/ddk/d3dkmddi.h. Arguments with sizes are copied first: another thread of the driver
// cannot change them between the check and the use.
#include "callbacks/core/dxgkrnl.h"

#include "callbacks/core/parts.h"

#include <new>

namespace remap::callbacks {

namespace {

Text bad_handle(const char* callback, HANDLE handle) {
    return Text{}
        .add(callback)
        .add(": handle ")
        .add_hex(reinterpret_cast<std::uintptr_t>(handle))
        .add(" is stale or was never handed out for this");
}

void warn_of_null_argument(Findings& findings, const char* callback) {
    findings.warn(Check::NullArgument, Text{}.add(callback).add(": the argument is null"));
}

}  // namespace

Dxgkrnl::Dxgkrnl(const Ports& ports) : parts_(new (std::nothrow) Parts(ports)) {}

Dxgkrnl::~Dxgkrnl() { delete parts_; }

NTSTATUS Dxgkrnl::start_adapter(const AdapterDescription& description, HANDLE* handles) {
    if (handles == nullptr) return STATUS_INVALID_PARAMETER;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    Guard guard(parts_->lock);
    return parts_->start(description, handles);
}

void Dxgkrnl::stop_adapter(HANDLE handle) {
    if (parts_ == nullptr) return;
    Guard guard(parts_->lock);
    Adapter* adapter = parts_->find_adapter(handle);
    if (adapter == nullptr) return parts_->findings.warn(Check::BadHandle, bad_handle("stop_adapter", handle));
    parts_->stop(*adapter);
}

bool Dxgkrnl::remaps(HANDLE handle) const {
    if (parts_ == nullptr) return false;
    Guard guard(parts_->lock);
    const Adapter* adapter = parts_->find_adapter(handle);
    return adapter != nullptr && adapter->remaps();
}

// ---- Create and Destroy --------------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args) {
    if (args == nullptr) return STATUS_INVALID_PARAMETER;
    args->hPhysicalMemoryObject = nullptr;
    args->hAdapterMemoryObject = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;

    const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT asked = *args;
    const auto request = read_create_request(asked);
    if (!request) return request.error();
    Guard guard(parts_->lock);
    Adapter* adapter = parts_->find_adapter(asked.hAdapter);
    if (asked.hAdapter != nullptr && adapter == nullptr) return STATUS_INVALID_HANDLE;

    auto object = parts_->make_object(*request);
    if (!object) return object.error();
    if (adapter != nullptr) {
        const auto opened = parts_->open(*adapter, **object);
        if (!opened) {
            parts_->end_object(**object);
            return opened.error();
        }
        args->hAdapterMemoryObject = (*opened)->handle;
    }
    args->hPhysicalMemoryObject = (*object)->handle;
    parts_->warn_of_mixed_cache_types(**object);
    return STATUS_SUCCESS;
}

void Dxgkrnl::destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args) {
    if (parts_ == nullptr) return;
    Guard guard(parts_->lock);
    Findings& findings = parts_->findings;
    if (args == nullptr) return warn_of_null_argument(findings, "DxgkCbDestroyPhysicalMemoryObject");

    MemoryObject* object = parts_->find_object(args->hPhysicalMemoryObject);
    if (object == nullptr)
        return findings.warn(Check::BadHandle,
                             bad_handle("DxgkCbDestroyPhysicalMemoryObject", args->hPhysicalMemoryObject));
    AdapterObject* opened = object->opened;
    if (args->hAdapterMemoryObject != nullptr && (opened == nullptr || opened->handle != args->hAdapterMemoryObject))
        return findings.warn(Check::ForeignAdapterObject,
                             about(*object).add("hAdapterMemoryObject is not open or not of this object"));

    if (opened != nullptr) {
        if (!opened->adls.empty())
            findings.fatal(Fatal::UnlockedUnderAdls, about(*object).add("destroyed while ADLs of it exist"));
        if (args->hAdapterMemoryObject == nullptr)
            findings.fatal(Fatal::AdapterObjectsLeaked, about(*object).add("destroyed while it is open"));
        parts_->end_adls(*opened);
        parts_->close(*opened);
    }
    if (!object->mappings.empty())
        findings.warn(Check::ViewsLeft, about(*object).add("destroyed while CPU views of it exist"));
    parts_->end_mappings(*object);
    parts_->end_object(*object);
}

// ---- Map and Unmap -------------------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args) {
    if (args == nullptr) return STATUS_INVALID_PARAMETER;
    args->pMappedAddress = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const DXGKARGCB_MAP_PHYSICAL_MEMORY asked = *args;
    Guard guard(parts_->lock);
    MemoryObject* object = parts_->find_object(asked.hPhysicalMemoryObject);
    if (object == nullptr) return STATUS_INVALID_HANDLE;
    const auto request = object->read_map(asked);
    if (!request) return request.error();
    const auto mapping = make_mapping(parts_->ports.views, object->frames(), *request);
    if (!mapping) return mapping.error();
    object->mappings.add(**mapping);
    args->pMappedAddress = (*mapping)->base;
    args->Offset = asked.Offset & (page_size - 1);
    args->Size = (*mapping)->pages << page_shift;
    return STATUS_SUCCESS;
}

void Dxgkrnl::unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args) {
    if (parts_ == nullptr) return;
    Guard guard(parts_->lock);
    Findings& findings = parts_->findings;
    if (args == nullptr) return warn_of_null_argument(findings, "DxgkCbUnmapPhysicalMemory");

    MemoryObject* object = parts_->find_object(args->hPhysicalMemoryObject);
    if (object == nullptr)
        return findings.warn(Check::BadHandle, bad_handle("DxgkCbUnmapPhysicalMemory", args->hPhysicalMemoryObject));
    const std::uint64_t process = parts_->ports.views.current_process();
    CpuMapping* mapping = object->find_mapping(args->pBaseAddress, process);
    if (mapping == nullptr)
        return findings.warn(Check::UnknownView, about(*object)
                                                     .add("no view of it begins at ")
                                                     .add_hex(reinterpret_cast<std::uintptr_t>(args->pBaseAddress)));
    if (args->Size != mapping->pages << page_shift)
        return findings.warn(Check::WrongViewSize, about(*object)
                                                       .add("unmapped with size ")
                                                       .add_hex(args->Size)
                                                       .add(", but Map returned ")
                                                       .add_hex(mapping->pages << page_shift));
    if (!mapping->belongs_to(process))
        return findings.warn(Check::WrongProcess, about(*object).add("a user view is unmapped by another process"));
    object->mappings.remove(*mapping);
    end_mapping(parts_->ports.views, mapping);
}

// ---- AllocateAdl and FreeAdl ---------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::allocate_adl(DXGKARGCB_ALLOCATE_ADL* args) {
    if (args == nullptr) return STATUS_INVALID_PARAMETER;
    args->pAdl = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const DXGKARGCB_ALLOCATE_ADL asked = *args;
    Guard guard(parts_->lock);
    AdapterObject* opened = parts_->find_adapter_object(asked.hAdapterMemoryObject);
    if (opened == nullptr) return STATUS_INVALID_HANDLE;
    const auto request = opened->object.read_adl(asked);
    if (!request) return request.error();
    const auto adl = Adl::make(opened->adapter.view, opened->object.frames(), *request);
    if (!adl) return adl.error();
    opened->adls.add(**adl);
    args->pAdl = (*adl)->handed_out();
    return STATUS_SUCCESS;
}

void Dxgkrnl::free_adl(const DXGKARGCB_FREE_ADL* args) {
    if (parts_ == nullptr) return;
    Guard guard(parts_->lock);
    Findings& findings = parts_->findings;
    if (args == nullptr) return warn_of_null_argument(findings, "DxgkCbFreeAdl");

    AdapterObject* opened = parts_->find_adapter_object(args->hAdapterMemoryObject);
    if (opened == nullptr)
        return findings.warn(Check::BadHandle, bad_handle("DxgkCbFreeAdl", args->hAdapterMemoryObject));
    // Only the address is compared: what the driver passes is not read.
    Adl* adl = opened->adls.first();
    while (adl != nullptr && adl->handed_out() != args->pAdl) adl = adl->next;
    if (adl == nullptr)
        return findings.warn(Check::UnknownAdl,
                             about(opened->object).add("pAdl is not a list of this adapter memory object"));
    if (adl->changed_by_driver())
        findings.warn(Check::ChangedAdl, about(opened->object).add("the driver wrote to an ADL"));
    parts_->end_adl(*opened, *adl);
}

// ---- Open and Close ------------------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::open(DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* args) {
    if (args == nullptr) return STATUS_INVALID_PARAMETER;
    args->hAdapterMemoryObject = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    Guard guard(parts_->lock);
    MemoryObject* object = parts_->find_object(args->hPhysicalMemoryObject);
    Adapter* adapter = parts_->find_adapter(args->hAdapter);
    if (object == nullptr || adapter == nullptr) return STATUS_INVALID_HANDLE;
    if (object->opened != nullptr)
        return &object->opened->adapter == adapter ? STATUS_INVALID_DEVICE_STATE : STATUS_NOT_SUPPORTED;
    const auto opened = parts_->open(*adapter, *object);
    if (!opened) return opened.error();
    args->hAdapterMemoryObject = (*opened)->handle;
    return STATUS_SUCCESS;
}

void Dxgkrnl::close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* args) {
    if (parts_ == nullptr) return;
    Guard guard(parts_->lock);
    Findings& findings = parts_->findings;
    if (args == nullptr) return warn_of_null_argument(findings, "DxgkCbClosePhysicalMemoryObject");

    AdapterObject* opened = parts_->find_adapter_object(args->hAdapterMemoryObject);
    if (opened == nullptr)
        return findings.warn(Check::BadHandle,
                             bad_handle("DxgkCbClosePhysicalMemoryObject", args->hAdapterMemoryObject));
    if (!opened->adls.empty())
        findings.fatal(Fatal::AdlsLeaked, about(opened->object).add("closed while ADLs of it exist"));
    parts_->end_adls(*opened);
    parts_->close(*opened);
}

// ---- for tests and monitors ----------------------------------------------------------------------------------------

std::uint64_t Dxgkrnl::page_count(HANDLE handle) const {
    if (parts_ == nullptr) return 0;
    Guard guard(parts_->lock);
    const MemoryObject* object = parts_->find_object(handle);
    return object == nullptr ? 0 : object->frames().size();
}

PhysicalPage Dxgkrnl::frame(HANDLE handle, std::uint64_t index) const {
    if (parts_ == nullptr) return {};
    Guard guard(parts_->lock);
    const MemoryObject* object = parts_->find_object(handle);
    return object == nullptr || index >= object->frames().size() ? PhysicalPage{} : object->frames()[index];
}

Result<PhysicalPage, NTSTATUS> Dxgkrnl::frame_behind(HANDLE handle, std::uint64_t adl_page) const {
    if (parts_ == nullptr) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    Guard guard(parts_->lock);
    const Adapter* adapter = parts_->find_adapter(handle);
    if (adapter == nullptr) return Failure{NTSTATUS{STATUS_INVALID_HANDLE}};
    for (const AdapterObject* opened = adapter->objects.first(); opened != nullptr; opened = opened->next)
        for (const Adl* adl = opened->adls.first(); adl != nullptr; adl = adl->next)
            if (const auto frame = adl->frame_behind(adl_page)) return *frame;
    return Failure{NTSTATUS{STATUS_INVALID_ADDRESS}};
}

}  // namespace remap::callbacks
