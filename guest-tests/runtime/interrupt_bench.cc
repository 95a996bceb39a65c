// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/interrupt_bench.h"

#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/iommu_tables.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"

namespace remap::guest {

namespace {

using vtd_driver::Error;
using vtd_driver::InterruptSender;

constexpr std::uint64_t longest_wait = 1000;  // milliseconds
constexpr std::uint32_t all_causes = 0xf;

vtd_driver::Unit& remapping_unit(vtd_driver::Interrupts mode) {
    REQUIRE(iommu() != nullptr);
    restart_iommu(mode);
    REQUIRE(iommu()->interrupts() != nullptr);
    return *iommu();
}

}  // namespace

CountedVector::CountedVector() {
    const auto vector = register_interrupt(
        [](void* context) {
            auto* taken = static_cast<volatile unsigned*>(context);
            *taken = *taken + 1;
        },
        const_cast<unsigned*>(&taken_));
    REQUIRE(vector);
    number_ = *vector;
}

CountedVector::~CountedVector() { unregister_interrupt(number_); }

bool CountedVector::comes(unsigned total) const {
    return wait_until(longest_wait, [&] { return taken_ >= total; }) && taken_ == total;
}

vtd_driver::InterruptTarget target_of(const CountedVector& vector) {
    return {.destination = local_apic_id(), .vector = vector.number()};
}

GpuSender::GpuSender(vtd_driver::InterruptTable& table)
    : function_(gpu_function()), registers_(function_), device_(registers_), messages_(function_) {
    device_.reset();
    device_.enable_interrupts(all_causes);
    REQUIRE_EQ(messages_.entries(), vectors + 1);
    const auto index = table.allocate();
    REQUIRE(index);
    REQUIRE_EQ(table.set(*index, target_of(settled_), InterruptSender::function(source())), Error::None);
    program(vectors, table.request(*index));
}

GpuSender::~GpuSender() {
    for (unsigned vector = 0; vector < messages_.entries(); ++vector) messages_.mask(vector);
    device_.reset();
    function_.set_bus_master(false);
}

void GpuSender::program(unsigned vector, InterruptMessage message) { REQUIRE(messages_.enable(vector, message)); }

// A cause that is pending already sends nothing.
void GpuSender::raise(unsigned vector) {
    device_.take_interrupts();
    device_.raise_interrupts(1u << vector);
}

void GpuSender::settle() {
    raise(vectors);
    REQUIRE(settled_.comes(++settles_));
}

InterruptBench::InterruptBench(vtd_driver::Interrupts mode)
    : unit(remapping_unit(mode)), registers(iommu_registers()), table(*unit.interrupts()), gpu(table) {}

InterruptBench::~InterruptBench() {
    EXPECT_EQ(drop_faults(), 0);
    EXPECT_EQ(unexpected_interrupts(), 0);
    restart_iommu();
}

std::uint16_t InterruptBench::route(const CountedVector& to) {
    const auto index = table.allocate();
    REQUIRE(index);
    route(*index, to);
    return *index;
}

void InterruptBench::route(std::uint16_t index, const CountedVector& to) {
    REQUIRE_EQ(table.set(index, target_of(to), InterruptSender::function(gpu.source())), Error::None);
}

void InterruptBench::write_entry(std::uint16_t index, std::uint64_t low, std::uint64_t high) const {
    volatile std::uint64_t* words = table.words(index);
    store_entry(words + 1, high);
    store_entry(words, low);
}

void InterruptBench::expect_fault(vtd::FaultReason reason, std::uint16_t index, std::uint16_t source) const {
    const auto fault = wait_for_fault(longest_wait);
    REQUIRE(fault);
    EXPECT_EQ(fault->reason, static_cast<std::uint8_t>(reason));
    EXPECT_EQ(fault->source, source);
    REQUIRE(fault->interrupt);
    EXPECT_EQ(*fault->interrupt, index);
    EXPECT_EQ(drop_faults(), 0);
}

}  // namespace remap::guest
