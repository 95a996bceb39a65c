// SPDX-License-Identifier: MIT
#include "callbacks/rules/gpu.h"

#include "callbacks/rules/expect.h"

namespace remap::rules {

using gpu_driver::Error;
using namespace gpu::spec;

Gpu::Gpu(gpu_driver::GpuRegisters& registers, volatile std::uint8_t* vram, const DXGKRNL_INTERFACE& callbacks)
    : device_(registers), vram_(vram), channel_(device_) {
    device_.reset();
    REQUIRE(channel_.start(callbacks).ok());
}

bool Gpu::run(const Packet& packet) {
    const Error error = channel_.run(packet);
    if (error == Error::Halted) REQUIRE_EQ(channel_.recover(), Error::None);
    REQUIRE(error == Error::None || error == Error::Halted);
    return error == Error::None;
}

bool Gpu::write(LogicalAddress to, std::uint8_t value, std::uint64_t bytes) {
    return run(fill(system_memory(to.value), bytes, pattern_of(value)));
}

std::optional<std::uint8_t> Gpu::read(LogicalAddress from) {
    if (!run(copy(remap::gpu::spec::vram(0), system_memory(from.value), 1))) return std::nullopt;
    return vram_[0];
}

void Gpu::keep_busy(LogicalAddress on, std::uint64_t bytes) {
    constexpr unsigned packets = 50;
    constexpr unsigned most_polls = 100'000;
    const std::uint64_t before = device_.counters().packets;
    for (unsigned i = 0; i < packets; ++i)
        REQUIRE_EQ(channel_.submit(fill(system_memory(on.value), bytes, i)), Error::None);
    channel_.ring().ring_doorbell();
    for (unsigned polls = 0; device_.counters().packets == before && polls < most_polls; ++polls)
        device_.registers().pause();
}

void Gpu::stop() {
    channel_.stop();
    device_.reset();
}

}  // namespace remap::rules
