// SPDX-License-Identifier: MIT
#include "guest-tests/linux/packet_socket.h"

#include "guest-tests/linux/files.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace remap::linux_guest {

namespace {

constexpr std::uint16_t frame_type = 0x88b5;  // as in FrameHeader
constexpr int receive_buffer_bytes = 16 << 20;
constexpr timeval receive_time{.tv_sec = 0, .tv_usec = 100'000};

std::string failed(const std::string& what) { return what + ": " + std::strerror(errno); }

}  // namespace

PacketSocket::PacketSocket(const std::string& interface)
    : socket_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(frame_type))), problem_(open(interface)) {}

std::string PacketSocket::open(const std::string& interface) {
    if (!socket_) return failed("a packet socket");
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    if (ioctl(socket_.get(), SIOCGIFHWADDR, &request) != 0) return failed(interface + "'s address");
    std::copy_n(request.ifr_hwaddr.sa_data, address_.size(), address_.begin());
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(socket_.get(), SIOCSIFFLAGS, &request) != 0) return failed("setting " + interface + " up");
    if (!wait_until([&] { return read_file("/sys/class/net/" + interface + "/carrier") == "1"; }))
        return interface + " has no link";

    sockaddr_ll place{};
    place.sll_family = AF_PACKET;
    place.sll_protocol = htons(frame_type);
    place.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0)
        return failed("binding to " + interface);
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &receive_time, sizeof receive_time);
    return {};
}

bool PacketSocket::send(std::span<const std::byte> frame) const {
    return ::send(socket_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
}

std::size_t PacketSocket::receive(std::span<std::byte> frame) const {
    const ssize_t length = recv(socket_.get(), frame.data(), frame.size(), 0);
    return length > 0 ? static_cast<std::size_t>(length) : 0;
}

}  // namespace remap::linux_guest
