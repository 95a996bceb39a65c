// SPDX-License-Identifier: MIT
// The invalidation queue in memory, whichever size its descriptors have: a page of them that the unit works through,
// and a word that it writes when it has come to a wait (VT-d section 6.5.2).
#pragma once

#include "base/address.h"
#include "iommu/driver/ports.h"
#include "iommu/driver/unit.h"
#include "iommu/paging/table_port.h"
#include "iommu/spec/invalidation.h"

#include <cstdint>
#include <optional>

namespace remap::vtd_driver {

class DescriptorRing {
public:
    // What one descriptor takes: descriptor_bytes, or wide_descriptor_bytes in scalable mode.
    DescriptorRing(RegisterPort& registers, paging::TablePort& tables, unsigned bytes_of_one)
        : registers_(registers), tables_(tables), bytes_of_one_(bytes_of_one) {}
    ~DescriptorRing();
    DescriptorRing(const DescriptorRing&) = delete;
    DescriptorRing& operator=(const DescriptorRing&) = delete;

    Error start();  // switches the queue on
    Error stop();   // switches it off; the pages are freed with the object

    unsigned entries() const { return page_size / bytes_of_one_; }

    // Writes a descriptor, of which a queue of small ones takes the lower half: behind the last one, or over another.
    // The unit does not see what is behind the last one before it is announced. One entry has to stay free.
    void put(const vtd::WideDescriptor& descriptor);
    void replace(unsigned index, const vtd::WideDescriptor& descriptor);
    void announce();

    // A new wait, for which `done` tells whether the unit has come to it; the same once more; and one that only fills
    // the place of another descriptor.
    vtd::WideDescriptor next_wait();
    vtd::WideDescriptor last_wait() const;
    vtd::WideDescriptor idle_wait() const;
    bool done() const;

    // Returns when the last wait is done: None. QueueError: the unit reported one of `errors` first.
    Error wait() const;

    // For what is to be done about that (section 6.5.2.11).
    std::uint32_t errors() const;            // FSTS_REG: those of IQE, ICE and ITE that are set
    void clear_errors(std::uint32_t which);  // the unit goes on
    unsigned head() const;                   // index of the descriptor the unit is at
    unsigned tail() const { return tail_; }  // index of the next descriptor that is put

private:
    RegisterPort& registers_;
    paging::TablePort& tables_;
    const unsigned bytes_of_one_;
    std::optional<PhysicalPage> queue_;
    std::optional<PhysicalPage> status_;  // its first word: the number of the last wait that is done
    unsigned tail_ = 0;
    std::uint32_t sequence_ = 0;  // number of the last wait that was written
    bool running_ = false;        // the unit may read the pages
};

}  // namespace remap::vtd_driver
