// SPDX-License-Identifier: MIT
// The invalidation queue with descriptors of 256 bits, as scalable mode needs it (VT-d section 6.5.2).
#pragma once

#include "iommu/driver/ports.h"
#include "iommu/driver/unit.h"
#include "iommu/paging/table_port.h"
#include "iommu/spec/invalidation.h"

#include <cstdint>
#include <optional>
#include <span>

namespace remap::vtd_driver {

class WideQueue {
public:
    WideQueue(RegisterPort& registers, paging::TablePort& tables) : registers_(registers), tables_(tables) {}
    ~WideQueue();
    WideQueue(const WideQueue&) = delete;
    WideQueue& operator=(const WideQueue&) = delete;

    Error start();  // switches the queue on
    Error stop();   // switches it off; the pages are freed with the object

    // Has all of it done, in order, and what came before: at most `most_at_once`. DeviceTimeout: a device did not
    // answer, and what it was told counts as not done; so with QueueError all that was asked.
    Error run(std::span<const vtd::WideDescriptor> list);

    // The same in two steps: the unit begins, and one looks how far it is. Not while another list is under way.
    void submit(std::span<const vtd::WideDescriptor> list);
    bool done() const;
    Error wait();

    static constexpr unsigned entries = page_size / vtd::wide_descriptor_bytes;
    static constexpr unsigned most_at_once = entries - 2;  // a wait, and the entry that stays free

    // The device of the last DeviceTimeout.
    std::uint16_t silent_device() const { return silent_device_; }

private:
    void put(const vtd::WideDescriptor& descriptor);
    void write_at(unsigned index, const vtd::WideDescriptor& descriptor);
    Error recover();

    RegisterPort& registers_;
    paging::TablePort& tables_;
    std::optional<PhysicalPage> queue_;
    std::optional<PhysicalPage> status_;  // its first word: the number of the last wait that is done
    unsigned tail_ = 0;                   // index of the next descriptor
    std::uint32_t sequence_ = 0;          // number of the last wait that was written
    std::uint16_t silent_device_ = 0;
    bool running_ = false;  // the unit may read the pages
};

}  // namespace remap::vtd_driver
