// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/edu.h"

#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"

namespace remap::guest {

namespace {

constexpr std::uint16_t vendor = 0x1234;
constexpr std::uint16_t device = 0x11e8;

constexpr unsigned interrupt_status = 0x24;
constexpr unsigned interrupt_raise = 0x60;
constexpr unsigned interrupt_acknowledge = 0x64;
constexpr unsigned dma_source = 0x80;
constexpr unsigned dma_destination = 0x88;
constexpr unsigned dma_bytes = 0x90;
constexpr unsigned dma_command = 0x98;
constexpr std::uint64_t command_start = 1;
constexpr std::uint64_t command_to_memory = 2;
constexpr std::uint64_t command_interrupt = 4;
constexpr std::uint64_t buffer = 0x40000;     // in the device's own address space
constexpr std::uint64_t longest_wait = 5000;  // milliseconds

}  // namespace

const pci::Function& edu_function(EduPlace place) {
    const pci::Function* edu = pci::find(vendor, device);
    for (unsigned n = 1; edu != nullptr && (edu->bus() == 0) != (place == EduPlace::RootBus); ++n)
        edu = pci::find(vendor, device, n);
    REQUIRE(edu != nullptr);
    return *edu;
}

Edu::Edu(EduPlace place)
    : function_(edu_function(place)), registers_(static_cast<volatile std::uint8_t*>(function_.map_bar(0))) {
    REQUIRE(registers_ != nullptr);
}

void Edu::start_read(LogicalAddress from, std::uint64_t buffer_offset, std::uint64_t bytes) {
    start(from.value, buffer + buffer_offset, bytes, command_start);
}

void Edu::start_write(std::uint64_t buffer_offset, LogicalAddress to, std::uint64_t bytes, Interrupt interrupt) {
    start(buffer + buffer_offset, to.value, bytes,
          command_start | command_to_memory | (interrupt == Interrupt::AtEnd ? command_interrupt : 0));
}

void Edu::start(std::uint64_t source, std::uint64_t destination, std::uint64_t bytes, std::uint64_t command) {
    *at<std::uint64_t>(dma_source) = source;
    *at<std::uint64_t>(dma_destination) = destination;
    *at<std::uint64_t>(dma_bytes) = bytes;
    *at<std::uint64_t>(dma_command) = command;
}

void Edu::finish() {
    REQUIRE(wait_until(longest_wait, [&] { return (*at<std::uint64_t>(dma_command) & command_start) == 0; }));
}

void Edu::raise(std::uint32_t cause) { *at<std::uint32_t>(interrupt_raise) = cause; }

std::uint32_t Edu::acknowledge() {
    const std::uint32_t status = *at<std::uint32_t>(interrupt_status);
    *at<std::uint32_t>(interrupt_acknowledge) = status;
    return status;
}

}  // namespace remap::guest
