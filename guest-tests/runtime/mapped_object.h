// SPDX-License-Identifier: MIT
// A physical memory object and its views, for suites that look at the CPU's side alone: no ADL, any number of views.
#pragma once

#include "callbacks/driver/allocation.h"
#include "guest-tests/runtime/adapter.h"
#include "guest-tests/runtime/address_space.h"
#include "guest-tests/runtime/test.h"

#include <cstdint>

namespace remap::guest {

inline constexpr DXGK_MEMORY_CACHING_TYPE all_cache_types[] = {
    DXGK_MEMORY_CACHING_TYPE_NON_CACHED, DXGK_MEMORY_CACHING_TYPE_CACHED, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED};

// What the CPU is to use for an object of a cache type.
constexpr MemoryType wanted_type(DXGK_MEMORY_CACHING_TYPE cache) {
    return cache == DXGK_MEMORY_CACHING_TYPE_CACHED           ? MemoryType::WriteBack
           : cache == DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED ? MemoryType::WriteCombining
                                                              : MemoryType::Uncacheable;
}

// The leaf that maps an address now; ends the case when none does.
inline Leaf leaf_of(const volatile void* address) {
    const auto leaf = find_leaf({reinterpret_cast<std::uint64_t>(address)});
    REQUIRE(leaf.has_value());
    return *leaf;
}

// An object for as long as this lives. Ends the case when it cannot be made.
class MappedObject {
public:
    MappedObject(const DXGKRNL_INTERFACE& callbacks, const driver::AllocationRequest& request)
        : callbacks_(callbacks), bytes_(request.bytes) {
        REQUIRE_EQ(driver::create_object(callbacks, request, handle_, opened_), STATUS_SUCCESS);
    }
    ~MappedObject() {
        const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{handle_, opened_};
        callbacks_.DxgkCbDestroyPhysicalMemoryObject(&destroy);
    }
    MappedObject(const MappedObject&) = delete;
    MappedObject& operator=(const MappedObject&) = delete;

    const DXGKRNL_INTERFACE& callbacks() const { return callbacks_; }
    HANDLE handle() const { return handle_; }
    SIZE_T bytes() const { return bytes_; }
    PhysicalPage frame(std::uint64_t index) const { return dxgkrnl().frame(handle_, index); }

private:
    const DXGKRNL_INTERFACE& callbacks_;
    SIZE_T bytes_;
    HANDLE handle_ = nullptr;
    HANDLE opened_ = nullptr;
};

// A view of all of an object, for as long as this lives.
class ObjectView {
public:
    ObjectView(const MappedObject& object, DXGK_ACCESS_MODE mode) : object_(object) {
        map_.hPhysicalMemoryObject = object.handle();
        map_.AccessMode = mode;
        map_.Size = object.bytes();
        REQUIRE_EQ(object.callbacks().DxgkCbMapPhysicalMemory(&map_), STATUS_SUCCESS);
    }
    ~ObjectView() {
        const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{object_.handle(), map_.pMappedAddress, map_.Size};
        object_.callbacks().DxgkCbUnmapPhysicalMemory(&unmap);
    }
    ObjectView(const ObjectView&) = delete;
    ObjectView& operator=(const ObjectView&) = delete;

    volatile std::uint8_t* byte(std::uint64_t offset) const {
        return static_cast<volatile std::uint8_t*>(map_.pMappedAddress) + map_.Offset + offset;
    }
    volatile std::uint8_t* page(std::uint64_t index) const { return byte(index * page_size); }

private:
    const MappedObject& object_;
    DXGKARGCB_MAP_PHYSICAL_MEMORY map_{};
};

}  // namespace remap::guest
