// SPDX-License-Identifier: MIT
// One network interface, below all protocols.
#pragma once

#include "guest-tests/linux/descriptor.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace remap::linux_guest {

using HardwareAddress = std::array<std::uint8_t, 6>;

// The Ethernet header that PacketSocket sends and receives: addresses, and a type that no protocol has (IEEE 802:
// local experimental 1). Two bytes more make what follows aligned.
struct FrameHeader {
    HardwareAddress to{};
    HardwareAddress from{};
    std::uint8_t type[2] = {0x88, 0xb5};
    std::uint8_t padding[2] = {};
};
static_assert(sizeof(FrameHeader) == 16);

class PacketSocket {
public:
    // Sets the interface up and waits for its link.
    explicit PacketSocket(const std::string& interface);

    // What is wrong with it; empty when nothing is.
    const std::string& problem() const { return problem_; }
    const HardwareAddress& address() const { return address_; }

    // Whole frames with their header. False when the kernel has no room for more at the moment, or on an error.
    bool send(std::span<const std::byte> frame) const;

    // The bytes of the next frame; 0 when none came within a tenth of a second.
    std::size_t receive(std::span<std::byte> frame) const;

private:
    std::string open(const std::string& interface);

    Descriptor socket_;
    HardwareAddress address_{};
    std::string problem_;
};

}  // namespace remap::linux_guest
