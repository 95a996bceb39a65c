// SPDX-License-Identifier: MIT
// Views: frames and device memory mapped side by side at an address of their own, each followed by a page that is not
// mapped. Addresses are used again only after the whole region has been used, so that a stale one faults.
#pragma once

#include "guest-tests/runtime/address_space.h"

#include <cstdint>

namespace remap::guest {

class Views final : public callbacks::CpuViewPort {
public:
    void* map(const callbacks::ViewRequest& request) override;
    void unmap(void* base, std::uint64_t pages, std::uint64_t process) override;
    void hold(void* part, std::uint64_t pages, std::uint64_t process) override;
    void show(void* part, const callbacks::ViewRequest& request, std::uint64_t process) override;
};

// The machine's views.
Views& views();

// Prepares the regions and the processes.
void start_views();

// Maps any physical bytes with a cache type, in the kernel's region; the address of the first byte, or null.
volatile void* map_physical(PhysicalAddress first, std::uint64_t bytes, CacheType cache);
void unmap_physical(volatile void* first, std::uint64_t bytes);

// Registers and memory of a device: uncacheable.
inline volatile void* map_device(PhysicalAddress first, std::uint64_t bytes) {
    return map_physical(first, bytes, CacheType::Uncached);
}

// A view for as long as the object lives. Null when it could not be made.
class PhysicalView {
public:
    PhysicalView(PhysicalAddress first, std::uint64_t bytes, CacheType cache)
        : base_(map_physical(first, bytes, cache)), bytes_(bytes) {}
    ~PhysicalView() {
        if (base_ != nullptr) unmap_physical(base_, bytes_);
    }
    PhysicalView(const PhysicalView&) = delete;
    PhysicalView& operator=(const PhysicalView&) = delete;

    template <typename T>
    T* as() const {
        return reinterpret_cast<T*>(const_cast<void*>(base_));
    }
    explicit operator bool() const { return base_ != nullptr; }

private:
    volatile void* base_;
    std::uint64_t bytes_;
};

}  // namespace remap::guest
