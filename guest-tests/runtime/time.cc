// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/time.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"

namespace remap::guest {

namespace {

// Channel 2 of the 8254, whose gate and output are wired to port 0x61.
constexpr std::uint16_t channel2 = 0x42;
constexpr std::uint16_t command = 0x43;
constexpr std::uint16_t gate = 0x61;
constexpr std::uint8_t gate_on = 0x01;
constexpr std::uint8_t speaker_on = 0x02;
constexpr std::uint8_t output_high = 0x20;
constexpr std::uint8_t channel2_one_shot = 0xb0;  // channel 2, low byte then high byte, mode 0

constexpr std::uint64_t pit_hertz = 1'193'182;
constexpr std::uint64_t pit_ticks = pit_hertz / 250;  // 4 ms
constexpr unsigned longest_wait = 10'000'000;         // reads of the gate's port

std::uint64_t measured;

std::uint64_t measure() {
    const std::uint8_t rest = static_cast<std::uint8_t>(cpu::in8(gate) & ~(gate_on | speaker_on));
    cpu::out8(gate, rest | gate_on);
    cpu::out8(command, channel2_one_shot);
    cpu::out8(channel2, static_cast<std::uint8_t>(pit_ticks));
    cpu::out8(channel2, static_cast<std::uint8_t>(pit_ticks >> 8));
    const std::uint64_t begin = cpu::time_stamp();
    for (unsigned i = 0; (cpu::in8(gate) & output_high) == 0; ++i)
        if (i == longest_wait) panic("the PIT's channel 2 does not count");
    const std::uint64_t ticks = cpu::time_stamp() - begin;
    cpu::out8(gate, rest);
    return ticks * pit_hertz / (pit_ticks * 1000) + 1;
}

}  // namespace

std::uint64_t ticks_per_millisecond() {
    if (measured == 0) measured = measure();
    return measured;
}

std::uint64_t nanoseconds() {
    const std::uint64_t ticks = cpu::time_stamp();
    const std::uint64_t each = ticks_per_millisecond();
    return ticks / each * 1'000'000 + ticks % each * 1'000'000 / each;
}

Deadline::Deadline(std::uint64_t milliseconds) : end_(cpu::time_stamp() + milliseconds * ticks_per_millisecond()) {}

bool Deadline::passed() const { return static_cast<std::int64_t>(cpu::time_stamp() - end_) >= 0; }

void pause_cpu() { cpu::pause(); }

}  // namespace remap::guest
