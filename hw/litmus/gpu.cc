// SPDX-License-Identifier: MIT
#include "hw/litmus/gpu.h"

namespace remap::litmus {

using namespace gpu::spec;

bool Gpu::start(const gpu_driver::RingMemory& ring, volatile std::uint64_t* fence, LogicalAddress fence_at) {
    fence_ = fence;
    fence_at_ = fence_at;
    *fence_ = told_ = 0;
    device_.reset();
    return ring_.start(ring) == gpu_driver::Error::None;
}

Packet Gpu::packet_of(const Dma& dma, LogicalAddress at) {
    const Place memory = dma.snoop ? system_memory(at.value) : without_snoop(system_memory(at.value));
    return dma.write ? fill(memory, dma.part.bytes, dma.pattern) : copy(vram(0), memory, dma.part.bytes);
}

bool Gpu::tell(std::span<const Packet> packets) {
    for (const Packet& packet : packets) {
        if (ring_.submit(packet) != gpu_driver::Error::None) return false;
    }
    if (ring_.submit(gpu::spec::fence(system_memory(fence_at_.value), ++told_)) != gpu_driver::Error::None)
        return false;
    ring_.ring_doorbell();
    return true;
}

bool Gpu::wait(std::uint64_t polls) {
    for (std::uint64_t poll = 0; *fence_ < told_; ++poll) {
        if (poll == polls) return false;
        device_.registers().pause();
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
}

}  // namespace remap::litmus
