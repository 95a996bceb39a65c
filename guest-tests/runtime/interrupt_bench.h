// SPDX-License-Identifier: MIT
// A unit that remaps interrupts, and devices that send them, as a suite about interrupt remapping needs them.
//
// A bench begins with a unit started anew and leaves one behind that remaps no interrupts.
#pragma once

#include "guest-tests/runtime/edu.h"
#include "guest-tests/runtime/gpu.h"
#include "guest-tests/runtime/interrupts.h"
#include "guest-tests/runtime/ioapic.h"
#include "guest-tests/runtime/iommu_unit.h"
#include "guest-tests/runtime/msi.h"
#include "hw/driver/device.h"
#include "iommu/driver/interrupts.h"
#include "iommu/spec/fault_reasons.h"

#include <cstdint>

namespace remap::guest {

// A vector of this processor that counts.
class CountedVector {
public:
    CountedVector();
    ~CountedVector();
    CountedVector(const CountedVector&) = delete;
    CountedVector& operator=(const CountedVector&) = delete;

    std::uint8_t number() const { return number_; }
    unsigned taken() const { return taken_; }
    bool comes(unsigned total) const;  // waits until as many have been taken

private:
    volatile unsigned taken_ = 0;
    std::uint8_t number_ = 0;
};

// A GPU as a sender: each of its MSI-X vectors raised by a register write.
class GpuSender {
public:
    static constexpr unsigned vectors = 3;  // the fourth is the sender's own

    explicit GpuSender(vtd_driver::InterruptTable& table);
    ~GpuSender();
    GpuSender(const GpuSender&) = delete;
    GpuSender& operator=(const GpuSender&) = delete;

    std::uint16_t source() const { return function_.source(); }
    void program(unsigned vector, InterruptMessage message);

    // Raises a vector. `settle` returns once the processor has taken, or the unit has refused, all that was raised
    // before: the part sends in the order of its vectors, and the last message of a batch is one that goes through.
    void raise(unsigned vector);
    void settle();
    void send(unsigned vector) {
        raise(vector);
        settle();
    }

private:
    const pci::Function& function_;
    GpuMmio registers_;
    gpu_driver::Device device_;
    MsixTable messages_;
    CountedVector settled_;
    unsigned settles_ = 0;
};

struct InterruptBench {
    explicit InterruptBench(vtd_driver::Interrupts mode = vtd_driver::Interrupts::Remapped);
    ~InterruptBench();
    InterruptBench(const InterruptBench&) = delete;
    InterruptBench& operator=(const InterruptBench&) = delete;

    // An entry for the GPU that leads to the vector.
    std::uint16_t route(const CountedVector& to);
    void route(std::uint16_t index, const CountedVector& to);

    // The words of an entry, changed and nothing else; `low` last.
    void write_entry(std::uint16_t index, std::uint64_t low, std::uint64_t high) const;

    // The one fault that is recorded has to be this one, of the GPU.
    void expect_fault(vtd::FaultReason reason, std::uint16_t index, std::uint16_t source) const;
    void expect_fault(vtd::FaultReason reason, std::uint16_t index) const { expect_fault(reason, index, gpu.source()); }

    vtd_driver::Unit& unit;
    vtd_driver::RegisterPort& registers;
    vtd_driver::InterruptTable& table;
    GpuSender gpu;
};

// What leads to this processor.
vtd_driver::InterruptTarget target_of(const CountedVector& vector);

}  // namespace remap::guest
