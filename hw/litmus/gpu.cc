// SPDX-License-Identifier: MIT
#include "hw/litmus/gpu.h"

#include "hw/spec/gpu_registers.h"

#include <cstring>

namespace remap::litmus {

using namespace gpu::spec;

namespace {

constexpr unsigned most_polls = 1'000'000;

}  // namespace

bool Gpu::start(volatile void* memory, LogicalAddress at) {
    ring_ = static_cast<volatile Packet*>(memory);
    fence_ = reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::uintptr_t>(memory) + page_size);
    fence_at_ = at + page_size;
    *fence_ = told_ = 0;
    tail_ = 0;
    registers_.write32(Control::offset, static_cast<std::uint32_t>(Control::Reset::mask));
    for (unsigned poll = 0; Status::Stopping::get(registers_.read32(Status::offset)); ++poll) {
        if (poll == most_polls) return false;
        registers_.pause();
    }
    registers_.write64(RingBase::offset, at.value);
    registers_.write32(RingSize::offset, log2_entries);
    registers_.write32(Control::offset, static_cast<std::uint32_t>(Control::Enable::mask));
    return (registers_.read32(Control::offset) & Control::Enable::mask) != 0;
}

Packet Gpu::packet_of(const Dma& dma, LogicalAddress at) {
    const Place memory = dma.snoop ? system_memory(at.value) : without_snoop(system_memory(at.value));
    return dma.write ? fill(memory, dma.part.bytes, dma.pattern) : copy(vram(0), memory, dma.part.bytes);
}

void Gpu::put(const Packet& packet) {
    std::memcpy(const_cast<Packet*>(&ring_[tail_]), &packet, sizeof packet);
    tail_ = (tail_ + 1) % entries;
}

// Stores are seen in their order, and the doorbell's is uncached: on this processor that needs no fence, only a
// compiler that keeps the order.
void Gpu::tell(std::span<const Packet> packets) {
    for (const Packet& packet : packets) put(packet);
    put(gpu::spec::fence(system_memory(fence_at_.value), ++told_));
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    registers_.write32(RingTail::offset, tail_);
}

bool Gpu::wait(std::uint64_t polls) {
    for (std::uint64_t poll = 0; __atomic_load_n(fence_, __ATOMIC_ACQUIRE) < told_; ++poll) {
        if (poll == polls) return false;
        registers_.pause();
    }
    return true;
}

}  // namespace remap::litmus
