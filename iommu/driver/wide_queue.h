// SPDX-License-Identifier: MIT
// The invalidation queue with descriptors of 256 bits, as scalable mode needs it (VT-d section 6.5.2).
#pragma once

#include "iommu/driver/descriptor_ring.h"

#include <cstdint>
#include <span>

namespace remap::vtd_driver {

class WideQueue {
public:
    WideQueue(RegisterPort& registers, paging::TablePort& tables)
        : registers_(registers), ring_(registers, tables, vtd::wide_descriptor_bytes) {}

    Error start() { return ring_.start(); }  // switches the queue on
    Error stop() { return ring_.stop(); }    // switches it off; the pages are freed with the object

    // Has all of it done, in order, and what came before: at most `most_at_once`. DeviceTimeout: a device did not
    // answer, and what it was told counts as not done; so with QueueError all that was asked.
    Error run(std::span<const vtd::WideDescriptor> list);

    // The same in two steps: the unit begins, and one looks how far it is. Not while another list is under way.
    void submit(std::span<const vtd::WideDescriptor> list);
    bool done() const { return ring_.done(); }
    Error wait();

    static constexpr unsigned entries = page_size / vtd::wide_descriptor_bytes;
    static constexpr unsigned most_at_once = entries - 2;  // a wait, and the entry that stays free

    // The device of the last DeviceTimeout.
    std::uint16_t silent_device() const { return silent_device_; }

private:
    Error recover();

    RegisterPort& registers_;
    DescriptorRing ring_;
    std::uint16_t silent_device_ = 0;
};

}  // namespace remap::vtd_driver
