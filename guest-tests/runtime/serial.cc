// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/serial.h"

#include "guest-tests/runtime/cpu.h"

namespace remap::guest::serial {

namespace {

// Registers of a 16550 at COM1.
constexpr std::uint16_t base = 0x3f8;
constexpr std::uint16_t data = base + 0;              // divisor's low byte while divisor_access is set
constexpr std::uint16_t interrupt_enable = base + 1;  // divisor's high byte while divisor_access is set
constexpr std::uint16_t fifo_control = base + 2;
constexpr std::uint16_t line_control = base + 3;
constexpr std::uint16_t line_status = base + 5;

constexpr std::uint8_t eight_data_bits = 0x03;
constexpr std::uint8_t divisor_access = 0x80;
constexpr std::uint8_t fifo_enable_and_clear = 0x07;
constexpr std::uint8_t data_ready = 0x01;
constexpr std::uint8_t transmitter_empty = 0x20;

// A port that is not there reads all ones and is ready at once; one that is stuck must not stop a suite.
constexpr unsigned longest_wait = 1'000'000;  // reads of the line status

}  // namespace

void start() {
    cpu::out8(interrupt_enable, 0);
    cpu::out8(line_control, divisor_access);
    cpu::out8(data, 1);  // 115200 baud
    cpu::out8(interrupt_enable, 0);
    cpu::out8(line_control, eight_data_bits);
    cpu::out8(fifo_control, fifo_enable_and_clear);
}

void write(char character) {
    for (unsigned i = 0; i < longest_wait && (cpu::in8(line_status) & transmitter_empty) == 0; ++i) cpu::pause();
    cpu::out8(data, static_cast<std::uint8_t>(character));
}

std::optional<char> read() {
    if ((cpu::in8(line_status) & data_ready) == 0) return std::nullopt;
    return static_cast<char>(cpu::in8(data));
}

}  // namespace remap::guest::serial
