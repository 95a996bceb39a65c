// SPDX-License-Identifier: MIT
#include "guest-tests/bench/copier.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/interrupts.h"
#include "guest-tests/runtime/msi.h"
#include "guest-tests/runtime/time.h"
#include "hw/spec/gpu_registers.h"

namespace remap::bench {

using namespace guest;
using namespace gpu::spec;
using gpu_driver::Error;

namespace {

constexpr std::uint64_t entries = std::uint64_t{1} << max_log2_entries;
static_assert(Copier::most_copies == entries - 2);

constexpr std::uint64_t longest_pass = 20'000;  // milliseconds

volatile std::uint64_t interrupts_taken;
void count_interrupt(void*) { interrupts_taken = interrupts_taken + 1; }

}  // namespace

Copier::Copier(const pci::Function& function, WorkingSet& set)
    : registers_(function), device_(registers_), ring_(device_) {
    const SharedMemory memory = set.share(entries * packet_size);
    memory_ = {{static_cast<Packet*>(memory.cpu), entries}, memory.gpu};
    const auto vector = register_interrupt(count_interrupt, nullptr);
    MsixTable table(function);
    if (!vector || !table.enable(0, message_for(*vector)) || !table.enable(1, message_for(*vector)))
        panic("no interrupt for the GPU");
    device_.reset();
    device_.enable_interrupts(InterruptStatus::Fence::mask | InterruptStatus::Fault::mask);
}

void Copier::add(const Packet& packet) {
    if (copies_ == most_copies) panic("more copies than a ring holds");
    memory_.entries[copies_++] = packet;
}

std::uint64_t Copier::run() {
    memory_.entries[copies_] = fence(vram(0), ++fences_, true);
    if (const Error error = ring_.start(memory_); error != Error::None) panic("the ring: %s", name_of(error));
    device_.take_interrupts();
    const std::uint64_t interrupts_before = interrupts_taken;
    cpu::fence();
    const std::uint64_t begin = nanoseconds();
    registers_.write32(RingTail::offset, static_cast<std::uint32_t>(copies_ + 1));
    wait_for_fence(interrupts_before);
    return nanoseconds() - begin;
}

void Copier::wait_for_fence(std::uint64_t interrupts_before) {
    const Deadline deadline(longest_pass);
    while (interrupts_taken == interrupts_before && !deadline.passed()) {
        cpu::disable_interrupts();
        if (interrupts_taken == interrupts_before) cpu::wait_for_interrupt();
        cpu::enable_interrupts();
    }
    if (device_.completed_fence() == fences_) return;
    const auto fault = device_.read_fault();
    if (!fault) panic("the GPU did not finish within %lu ms", longest_pass);
    panic("the GPU halted: cause %u at %lx", static_cast<unsigned>(fault->cause), fault->address);
}

}  // namespace remap::bench
