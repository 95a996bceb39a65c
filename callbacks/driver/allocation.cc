// SPDX-License-Identifier: MIT
#include "callbacks/driver/allocation.h"

namespace remap::driver {

namespace {

PHYSICAL_ADDRESS to_ddk(PhysicalAddress address) {
    PHYSICAL_ADDRESS result;
    result.QuadPart = static_cast<LONGLONG>(address.value);
    return result;
}

}  // namespace

NTSTATUS create_object(const DXGKRNL_INTERFACE& callbacks, const AllocationRequest& request, HANDLE& object,
                       HANDLE& adapter_object) {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
    args.hAdapter = callbacks.DeviceHandle;
    args.Size = request.bytes;
    args.Context = request.context;
    args.Type = request.type;
    args.CacheType = request.cache;
    switch (request.type) {
        case DXGK_PHYSICAL_MEMORY_TYPE_MDL:
            args.Mdl.LowAddress = to_ddk(request.lowest);
            args.Mdl.HighAddress = to_ddk(request.highest);
            break;
        case DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY:
            args.ContiguousMemory.LowestAcceptableAddress = to_ddk(request.lowest);
            args.ContiguousMemory.HighestAcceptableAddress = to_ddk(request.highest);
            break;
        case DXGK_PHYSICAL_MEMORY_TYPE_SECTION:
            args.Section.PageProtection = request.protection;
            args.Section.AllocationAttributes = SEC_COMMIT;
            break;
        case DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE: args.IOSpace.BaseAddress = to_ddk(request.io_base); break;
    }
    const NTSTATUS status = callbacks.DxgkCbCreatePhysicalMemoryObject(&args);
    if (NT_SUCCESS(status)) {
        object = args.hPhysicalMemoryObject;
        adapter_object = args.hAdapterMemoryObject;
    }
    return status;
}

NTSTATUS Allocation::make(const DXGKRNL_INTERFACE& callbacks, const AllocationRequest& request) {
    callbacks_ = &callbacks;
    bytes_ = request.bytes;
    NTSTATUS status = create_object(callbacks, request, object_, adapter_object_);
    if (NT_SUCCESS(status)) status = list(request);
    if (NT_SUCCESS(status)) status = map(request);
    if (!NT_SUCCESS(status)) release();
    return status;
}

NTSTATUS Allocation::list(const AllocationRequest& request) {
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = adapter_object_;
    args.Size = pages() * page_size;
    args.Flags.RequireContiguous = request.require_contiguous;
    args.Flags.PreferContiguous = !request.require_contiguous;
    const NTSTATUS status = callbacks_->DxgkCbAllocateAdl(&args);
    if (NT_SUCCESS(status)) adl_ = args.pAdl;
    return status;
}

NTSTATUS Allocation::map(const AllocationRequest& request) {
    DXGKARGCB_MAP_PHYSICAL_MEMORY args{};
    args.hPhysicalMemoryObject = object_;
    args.AccessMode = request.mode;
    args.Size = request.bytes;
    const NTSTATUS status = callbacks_->DxgkCbMapPhysicalMemory(&args);
    if (NT_SUCCESS(status)) {
        mapped_base_ = args.pMappedAddress;
        mapped_bytes_ = args.Size;
        data_ = static_cast<std::byte*>(args.pMappedAddress) + args.Offset;
    }
    return status;
}

void Allocation::unmap() {
    if (mapped_base_ == nullptr) return;
    DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{};
    args.hPhysicalMemoryObject = object_;
    args.pBaseAddress = mapped_base_;
    args.Size = mapped_bytes_;
    callbacks_->DxgkCbUnmapPhysicalMemory(&args);
    mapped_base_ = nullptr;
    data_ = nullptr;
}

void Allocation::free_adl() {
    if (adl_ == nullptr) return;
    DXGKARGCB_FREE_ADL args{};
    args.hAdapterMemoryObject = adapter_object_;
    args.pAdl = adl_;
    callbacks_->DxgkCbFreeAdl(&args);
    adl_ = nullptr;
}

void Allocation::release() {
    unmap();
    free_adl();
    if (object_ == nullptr) return;
    DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{};
    args.hPhysicalMemoryObject = object_;
    args.hAdapterMemoryObject = adapter_object_;
    callbacks_->DxgkCbDestroyPhysicalMemoryObject(&args);
    object_ = nullptr;
    adapter_object_ = nullptr;
}

LogicalPage Allocation::page(std::uint64_t index) const {
    return {contiguous() ? adl_->BasePageNumber + index : adl_->Pages[index]};
}

LogicalAddress Allocation::address(std::uint64_t offset) const {
    return page(offset >> page_shift).address() + (offset & (page_size - 1));
}

}  // namespace remap::driver
