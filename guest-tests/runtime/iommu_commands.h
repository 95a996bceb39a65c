// SPDX-License-Identifier: MIT
// The unit's commands as a suite gives them itself: past the driver, one at a time, each when the suite says so.
//
// Whoever uses this starts the unit anew (restart_iommu) before the driver gives it a command again: the driver does
// not know of a queue that took the place of its own.
#pragma once

#include "base/address.h"
#include "iommu/spec/invalidation.h"
#include "iommu/spec/registers.h"

#include <cstdint>
#include <optional>

namespace remap::guest {

// Sets the root table pointer again, as it stands in RTADDR_REG: nothing is invalidated.
void set_root_table_again();

// Sets the interrupt table pointer again, as it stands in IRTA_REG: nothing is invalidated.
void set_interrupt_table_again();

// CFI: whether messages of the compatibility format go through while interrupts are remapped.
void let_compatibility_interrupts_pass(bool pass);

void switch_translation(bool on);
void switch_queue(bool on);

// An invalidation queue of one page, in place of the driver's. Off again when the object dies.
class RawQueue {
public:
    enum class Width : unsigned { Narrow = vtd::descriptor_bytes, Wide = vtd::wide_descriptor_bytes };

    explicit RawQueue(Width width = Width::Narrow);
    ~RawQueue();
    RawQueue(const RawQueue&) = delete;
    RawQueue& operator=(const RawQueue&) = delete;

    unsigned entries() const { return page_size / bytes_; }

    // Writes the next descriptor; the unit learns of it by `submit`. The index says where it stands. Where descriptors are
    // narrow, the lower half.
    unsigned put(const vtd::WideDescriptor& descriptor);
    unsigned put(const vtd::Descriptor& descriptor) { return put(vtd::descriptor::wide(descriptor)); }
    void replace(unsigned index, const vtd::WideDescriptor& descriptor);
    void replace(unsigned index, const vtd::Descriptor& descriptor) {
        replace(index, vtd::descriptor::wide(descriptor));
    }
    void submit();

    // Adds a wait, submits, and waits for what it writes: false when it does not come.
    bool finish();

    unsigned head() const;                                        // index of the next descriptor that the unit executes
    PhysicalAddress status() const { return status_.address(); }  // a word for waits; `finish` uses the one behind it
    std::uint32_t status_value() const;

private:
    unsigned bytes_;  // of a descriptor
    PhysicalPage descriptors_;
    PhysicalPage status_;
    unsigned tail_ = 0;
    std::uint32_t finished_ = 0;
};

// Makes the unit forget: by registers when its driver uses registers, else by a queue. A case fails when the unit does
// not acknowledge what was asked for.
class Invalidations {
public:
    void contexts(vtd::ContextGranularity granularity, std::uint16_t domain = 0, std::uint16_t source = 0);
    void translations(vtd::IotlbGranularity granularity, std::uint16_t domain = 0, LogicalAddress first = {},
                      unsigned address_mask = 0);
    void leaves(std::uint16_t domain, LogicalAddress page);  // of one page, with the hint that no table was changed
    void everything();

    // Before the unit is started anew.
    void end() { queue_.reset(); }

private:
    bool by_queue();
    void queue(const vtd::Descriptor& descriptor);
    void by_register(vtd::IotlbGranularity granularity, std::uint16_t domain, std::uint64_t range);

    std::optional<RawQueue> queue_;
};

}  // namespace remap::guest
