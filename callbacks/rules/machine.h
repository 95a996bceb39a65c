// SPDX-License-Identifier: MIT
// What the rules need of the machine they run on: its graphics kernel, its GPUs, its processor.
#pragma once

#include "callbacks/core/dxgkrnl.h"
#include "callbacks/ddk/dispmprt.h"
#include "hw/driver/ports.h"

#include <cstdint>
#include <optional>
#include <span>

namespace remap::rules {

inline constexpr unsigned gpus = 3;  // of each machine
inline constexpr unsigned longest_chain = 2;

// What a driver reports about its adapter, and what the system would have.
struct AdapterWish {
    callbacks::DmaMode preferred = callbacks::DmaMode::Remapping;
    DXGK_IOMMU_CAPS caps{};
    bool map_aperture2 = true;
    // Of each GPU of the chain; the last one counts for those that have none.
    std::span<const PhysicalAddress> highest_visible{};
    unsigned chain = 1;
    ULONG version = DXGKDDI_INTERFACE_VERSION_WDDM3_0;
    std::span<const callbacks::ReservedRange> reserved{};
    std::span<const std::uint64_t> frame_buffer_save{};
    callbacks::DriverPort* driver = nullptr;
};

using callbacks::Bugcheck;

// How the CPU sees a page.
struct PageView {
    callbacks::CacheType cache{};
    bool user = false;
    bool writable = false;
};

class Machine {
public:
    virtual callbacks::Dxgkrnl& dxgkrnl() = 0;
    virtual callbacks::Ports ports() = 0;
    virtual std::uint64_t free_frames() = 0;

    // Starts `wish.chain` GPUs from the given one on as an adapter; stops it.
    virtual NTSTATUS start(unsigned first_gpu, const AdapterWish& wish, HANDLE* handles,
                           DXGKRNL_INTERFACE* interfaces) = 0;
    virtual void stop(unsigned first_gpu) = 0;

    virtual gpu_driver::GpuRegisters& registers(unsigned gpu) = 0;
    virtual volatile std::uint8_t* vram(unsigned gpu) = 0;

    // 16 pages that are no memory of the system.
    virtual PhysicalAddress device_memory() = 0;

    // A page of memory as it is, whoever owns it.
    virtual std::uint8_t peek(PhysicalPage page) = 0;

    // Nothing where no page is.
    virtual std::optional<PageView> view_at(const volatile void* address) = 0;

    virtual void set_irql(KIRQL irql) = 0;
    virtual void set_process(std::uint64_t number) = 0;  // 1000 or 1001; 0: the one that a case begins in

    // No memory is there for book-keeping any more, or there is again. Only on the hosted machine.
    virtual void fail_allocations(bool on) = 0;

    // Runs code until it ends or the machine stops.
    virtual std::optional<Bugcheck> catch_bugcheck(void (*call)(void*), void* context) = 0;

    // The newest warning since it was cleared.
    virtual std::optional<callbacks::Check> warning() = 0;
    virtual void clear_warnings() = 0;

protected:
    ~Machine() = default;
};

}  // namespace remap::rules
