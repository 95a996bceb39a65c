// SPDX-License-Identifier: MIT
// The machine as the kernel services see it. Each machine (the bare-metal guest, the hosted one) implements it.
#pragma once

#include "base/address.h"
#include "callbacks/core/ports.h"
#include "callbacks/ddk/wdm.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace remap::kernel {

// Why the machine stops.
struct Bugcheck {
    std::uint32_t code = 0;
    std::uint64_t parameters[4] = {};
    const void* caller = nullptr;  // where in the driver the routine was called
    const char* text = "";         // what was called, with what, and what to do; valid during the call only
};

class KernelPort {
public:
    // ---- memory; called with the kernel's lock held

    // Where pool and a driver's own physical memory come from, and how it is mapped.
    virtual callbacks::FramePort& frames() = 0;
    virtual callbacks::CpuViewPort& views() = 0;

    // What is behind an address that the kernel has not mapped itself; nothing when the machine does not know.
    virtual std::optional<PhysicalAddress> behind(const void* address) = 0;

    // ---- processor

    // The IRQL of this processor (of this thread, where threads stand for processors). set_irql is called with a value
    // that the kernel has checked.
    virtual KIRQL irql() = 0;
    virtual void set_irql(KIRQL level) = 0;

    // Tells threads apart; not 0.
    virtual std::uint64_t thread() = 0;

    // In a loop that waits for another processor.
    virtual void relax() = 0;

    // ---- the kernel's lock, and waiting for what is under it

    // Excludes every other call, also from an interrupt handler of this processor. Not recursive.
    virtual void lock() = 0;
    virtual void unlock() = 0;

    // Called with the lock held: gives it up until somebody notifies, or until the clock shows `until`, and takes it
    // again. May return early. False when the time had come.
    virtual bool wait(std::uint64_t until) = 0;
    virtual void notify() = 0;
    static constexpr std::uint64_t for_ever = ~std::uint64_t{0};

    // ---- clock: units of 100 ns since some moment, and a finer counter; neither goes back

    virtual std::uint64_t now() = 0;
    virtual std::uint64_t counter() = 0;
    virtual std::uint64_t counts_per_second() = 0;

    // ---- messages

    // Text of a driver, or of the kernel about it; lines end with a newline where the writer put one.
    virtual void write(std::string_view text) = 0;

    // Called without the lock. A machine of tests may return: then the routine that found the mistake leaves everything
    // as it is and returns null, an error, or what is least harmful.
    virtual void bugcheck(const Bugcheck& bugcheck) = 0;

    // A mistake that hardware and Windows go on with: a check of the callbacks' (Callback::KernelService). Called
    // without the lock.
    virtual void report(const callbacks::Report& report) = 0;

    // After a bugcheck that the driver asked for itself.
    [[noreturn]] virtual void halt() = 0;

protected:
    ~KernelPort() = default;
};

}  // namespace remap::kernel
