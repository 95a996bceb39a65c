// SPDX-License-Identifier: MIT
// A machine that a model test drives: beside the callbacks, the accesses of CPUs and devices, and what the calling
// thread was told.
#pragma once

#include "callbacks/core/dxgkrnl.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace remap::callbacks::tests {

// A report, made on the calling thread.
struct Seen {
    Check check{};
    std::uint64_t object = 0;
    std::uint64_t context = 0;
    std::string message;
};

struct Leftovers {
    std::uint64_t frames = 0;
    std::uint64_t views = 0;
    std::uint64_t mapped = 0;  // logical pages
};

// Any thread may call, except where it says so.
class Platform {
public:
    virtual ~Platform() = default;

    virtual Dxgkrnl& dxgkrnl() = 0;

    // The IOMMU in front of the adapters of a slot, 0 to slots() - 1.
    virtual unsigned slots() const = 0;
    virtual DmaPort* dma(unsigned slot) = 0;

    // A word of a page, as a CPU sees it through a view.
    virtual std::uint64_t cpu_read(const void* page) = 0;
    virtual void cpu_write(void* page, std::uint64_t value) = 0;

    // The same word, as a device of a slot sees it. Nothing, and false: the IOMMU refuses, and remembers that it did.
    virtual std::optional<std::uint64_t> dma_read(unsigned slot, std::uint64_t page) = 0;
    virtual bool dma_write(unsigned slot, std::uint64_t page, std::uint64_t value) = 0;

    // Forgets what the IOMMU refused a slot.
    virtual void forget_faults(unsigned slot) = 0;

    // Of the calling thread.
    virtual void set_irql(KIRQL irql) = 0;
    virtual void set_process(std::uint64_t number) = 0;
    virtual std::vector<Seen> take_reports() = 0;

    // The n-th request to a port from here on fails, counted from 0, as long as the calling thread does not stop it;
    // stop says whether it did. A machine that cannot do that never fails one.
    virtual void fail_port_call(unsigned) {}
    virtual bool stop_failing() { return false; }

    // Memory near address 0 for windows: only requests for these pages get them.
    virtual PhysicalPage zone() const = 0;
    virtual PhysicalPage highest_installed() const = 0;
    // Device memory.
    virtual PhysicalPage io() const = 0;

    // One thread, all others done: ends the machine, and what is left then.
    virtual Leftovers end() = 0;
};

}  // namespace remap::callbacks::tests
