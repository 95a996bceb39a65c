// SPDX-License-Identifier: MIT
#include "hw/gpu/fetcher.h"

#include "hw/gpu/packet_check.h"

#include <algorithm>
#include <span>
#include <utility>

namespace remap::gpu {

using namespace spec;

Fault Fetcher::fetch(const Order& order, Packet& packet) {
    if (!has(order)) {
        if (const Fault fault = read(order)) return fault;
    }
    packet = packets_[next_++];
    return {};
}

// Entries behind the order's that software has handed over too, up to the end of the page: no access crosses that.
Fault Fetcher::read(const Order& order) {
    forget();
    const std::uint64_t in_page = (page_size - order.address.value % page_size) / packet_size;
    const auto count = static_cast<unsigned>(
        std::clamp<std::uint64_t>(std::min<std::uint64_t>(in_page, order.following + 1), 1, most_ahead));
    if (const Fault fault = memory_.read(system_memory(order.address.value), packets_.data(), count * packet_size))
        return fault;
    generation_ = order.generation;
    first_ = order.entry;
    end_ = count;
    announce();
    return {};
}

void Fetcher::announce() {
    std::array<LogicalAddress, 2 * most_ahead> addresses;
    std::size_t count = 0;
    for (const Packet& packet : std::span(packets_).first(end_)) {
        for (const Place place : {source_of(packet), destination_of(packet)})
            if (place.space == Space::System && is_new(place.address)) addresses[count++] = {place.address};
    }
    if (count != 0) memory_.expect(std::span(addresses).first(count));
}

bool Fetcher::is_new(std::uint64_t address) {
    const std::uint64_t page = address / page_size;
    return std::exchange(told_[page % told_.size()], page) != page;
}

}  // namespace remap::gpu
