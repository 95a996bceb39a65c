// SPDX-License-Identifier: MIT
// What a driver does for one allocation, in the order every known driver uses: Create, AllocateAdl, Map; and back:
// Unmap with the returned size, FreeAdl, Destroy with both handles. Freestanding; knows the WDK's headers and nothing
// behind them. Used by guest programs and host tests alike.
#pragma once

#include "base/address.h"
#include "callbacks/ddk/dispmprt.h"

#include <cstddef>
#include <cstdint>

namespace remap::driver {

struct AllocationRequest {
    SIZE_T bytes = 0;
    DXGK_PHYSICAL_MEMORY_TYPE type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
    DXGK_MEMORY_CACHING_TYPE cache = DXGK_MEMORY_CACHING_TYPE_CACHED;
    PhysicalAddress lowest{0};                   // MDL and contiguous memory
    PhysicalAddress highest{~std::uint64_t{0}};  // MDL and contiguous memory
    PhysicalAddress io_base{0};                  // IO space: the range itself
    ULONG protection = PAGE_READWRITE;           // section
    DXGK_ACCESS_MODE mode = DXGK_ACCESS_MODE_KERNEL_MODE;
    bool require_contiguous = false;  // of the ADL; else a base page is preferred
    ULONG_PTR context = 0;
};

// Creates the object alone, opened on the callbacks' adapter. The callback's own status; on failure the handles are
// left.
NTSTATUS create_object(const DXGKRNL_INTERFACE& callbacks, const AllocationRequest& request, HANDLE& object,
                       HANDLE& adapter_object);

class Allocation {
public:
    Allocation() = default;
    ~Allocation() { release(); }
    Allocation(const Allocation&) = delete;
    Allocation& operator=(const Allocation&) = delete;

    // The callbacks' own status; on failure nothing is left allocated. Once an object.
    NTSTATUS make(const DXGKRNL_INTERFACE& callbacks, const AllocationRequest& request);

    // Each undoes its part, if it is there; release undoes all.
    void unmap();
    void free_adl();
    void release();

    // The memory as the CPU sees it; null when it is not mapped.
    std::byte* data() const { return data_; }
    volatile std::uint8_t& operator[](std::uint64_t index) const {
        return reinterpret_cast<volatile std::uint8_t*>(data_)[index];
    }

    // The memory as the adapter sees it: the page of an index, the address of an offset in bytes. Only with an ADL.
    LogicalPage page(std::uint64_t index) const;
    LogicalAddress address(std::uint64_t offset = 0) const;
    bool contiguous() const { return adl_->Flags.Contiguous; }

    std::uint64_t pages() const { return pages_of(bytes_); }
    SIZE_T bytes() const { return bytes_; }
    HANDLE object() const { return object_; }
    HANDLE adapter_object() const { return adapter_object_; }
    const DXGK_ADL* adl() const { return adl_; }

private:
    NTSTATUS list(const AllocationRequest& request);
    NTSTATUS map(const AllocationRequest& request);

    const DXGKRNL_INTERFACE* callbacks_ = nullptr;
    SIZE_T bytes_ = 0;
    HANDLE object_ = nullptr;
    HANDLE adapter_object_ = nullptr;
    DXGK_ADL* adl_ = nullptr;
    void* mapped_base_ = nullptr;
    SIZE_T mapped_bytes_ = 0;
    std::byte* data_ = nullptr;
};

}  // namespace remap::driver
