// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/dma_probe.h"

#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/owned_memory.h"

namespace remap::guest {

using namespace gpu::spec;
using gpu_driver::Error;

namespace {

constexpr std::uint64_t polls = 1'000'000;
constexpr std::uint64_t data_offset = 0;  // in VRAM
constexpr std::uint64_t fence_offset = 8;

PhysicalPage allocate_ring_page() {
    const auto page = allocate_owned_page();
    REQUIRE(page);
    return *page;
}

}  // namespace

DmaProbe::DmaProbe()
    : function_(gpu_function()),
      registers_(function_),
      device_(registers_),
      ring_(device_, polls),
      ring_page_(allocate_ring_page()),
      vram_(vram_of(function_).address, page_size, CacheType::WriteCombined) {
    REQUIRE(vram_);
    device_.reset();
    REQUIRE_EQ(start(), Error::None);
}

DmaProbe::~DmaProbe() {
    EXPECT_EQ(ring_.stop(), Error::None);
    function_.set_bus_master(false);
    free_owned_page(ring_page_);
}

Error DmaProbe::start() {
    const PhysicalAddress base = ring_page_.address();
    return ring_.start({{reinterpret_cast<Packet*>(base.value), page_size / packet_size}, {base.value}});
}

// An engine that halted is started again: it may not have reached its ring, and then there is nothing to go on with.
Error DmaProbe::run(const Packet& packet) {
    Error error = ring_.submit(packet);
    if (error == Error::None) error = ring_.submit(fence(gpu::spec::vram(fence_offset), ++fences_));
    ring_.ring_doorbell();
    if (error == Error::None) error = ring_.wait_fence(fences_, polls);
    if (error != Error::Halted) {
        REQUIRE_EQ(error, Error::None);
        return error;
    }
    device_.clear_fault();
    REQUIRE_EQ(start(), Error::None);
    return error;
}

std::uint64_t DmaProbe::read(LogicalAddress from) {
    const Error error = run(copy(gpu::spec::vram(data_offset), system_memory(from.value), sizeof(std::uint64_t)));
    return error == Error::None ? vram_.as<volatile std::uint64_t>()[data_offset / 8] : refused;
}

bool DmaProbe::write(LogicalAddress to, std::uint64_t value) {
    vram_.as<volatile std::uint64_t>()[data_offset / 8] = value;
    return run(copy(system_memory(to.value), gpu::spec::vram(data_offset), sizeof value)) == Error::None;
}

bool DmaProbe::works() { return run(nop()) == Error::None; }

}  // namespace remap::guest
