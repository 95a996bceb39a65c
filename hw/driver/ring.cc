// SPDX-License-Identifier: MIT
#include "hw/driver/ring.h"

#include "base/bits.h"

#include <bit>

namespace remap::gpu_driver {

using namespace gpu::spec;

namespace {

bool acceptable(const RingMemory& memory, const Identity& part) {
    const std::uint64_t entries = memory.entries.size();
    if (!is_power_of_two(entries) || memory.entries.data() == nullptr) return false;
    const auto log2_entries = static_cast<unsigned>(std::countr_zero(entries));
    return log2_entries >= min_log2_entries && log2_entries <= part.max_log2_entries &&
           memory.base.value % packet_size == 0;
}

}  // namespace

Error Ring::start(const RingMemory& memory) {
    forget();
    const auto part = device_.identify();
    if (!part) return Error::NoDevice;
    if (const Error error = stop(); error != Error::None) return error;
    if (!acceptable(memory, *part)) return Error::BadRing;

    GpuRegisters& registers = device_.registers();
    registers.write64(RingBase::offset, memory.base.value);
    registers.write32(RingSize::offset, static_cast<std::uint32_t>(std::countr_zero(memory.entries.size())));
    registers.write32(Control::offset, static_cast<std::uint32_t>(Control::Enable::mask));
    if (device_.state() == Status::State::Disabled) return Error::BadRing;
    memory_ = memory;
    return Error::None;
}

Error Ring::stop() {
    forget();
    device_.registers().write32(Control::offset, 0);
    for (std::uint64_t poll = 0; device_.stopping(); ++poll) {
        if (poll == polls_) return Error::Timeout;
        device_.registers().pause();
    }
    return Error::None;
}

void Ring::forget() {
    memory_ = {};
    tail_ = 0;
    known_head_ = 0;
}

// The head only ever moves towards the tail, so an old value errs on the side of waiting.
bool Ring::full() {
    const std::uint32_t mask = entries() - 1;
    if (((tail_ + 1) & mask) != known_head_) return false;
    known_head_ = device_.registers().read32(RingHead::offset) & mask;
    return ((tail_ + 1) & mask) == known_head_;
}

Error Ring::wait_for_room() {
    if (!full()) return Error::None;
    ring_doorbell();
    const Error error = wait_until([this] { return !full(); }, polls_);
    return error == Error::Timeout ? Error::RingFull : error;
}

Error Ring::submit(const Packet& packet) {
    if (memory_.entries.empty()) return Error::NotStarted;
    if (const Error error = wait_for_room(); error != Error::None) return error;
    memory_.entries[tail_] = packet;
    tail_ = (tail_ + 1) & (entries() - 1);
    return Error::None;
}

void Ring::ring_doorbell() {
    if (memory_.entries.empty()) return;
    // Packets, and the data they work on, must be visible before the part learns of them.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    device_.registers().write32(RingTail::offset, tail_);
}

Error Ring::wait_fence(std::uint64_t value, std::uint64_t polls) {
    return wait_until([&] { return device_.completed_fence() >= value; }, polls);
}

Error Ring::wait_fence_in_memory(const volatile std::uint64_t* fence, std::uint64_t value, std::uint64_t polls) {
    return wait_until([&] { return *fence >= value; }, polls);
}

template <typename Reached>
Error Ring::wait_until(Reached reached, std::uint64_t polls) {
    for (std::uint64_t poll = 0;; ++poll) {
        // The state is read first: an engine that halts has done everything before, so a miss afterwards is final.
        const bool halted = device_.state() == Status::State::Halted;
        if (reached()) break;
        if (halted) return Error::Halted;
        if (poll == polls) return Error::Timeout;
        device_.registers().pause();
    }
    // What the GPU wrote before the fence may be read only now.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return Error::None;
}

}  // namespace remap::gpu_driver
