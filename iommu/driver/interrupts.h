// SPDX-License-Identifier: MIT
// Interrupt remapping as software drives it: the table, its entries, and what devices are programmed with (VT-d chapter
// 5). Part of a unit (unit.h), which switches it on and off.
#pragma once

#include "base/address.h"
#include "iommu/driver/invalidator.h"
#include "iommu/driver/unit.h"
#include "iommu/paging/table_port.h"
#include "iommu/spec/interrupts.h"

#include <cstdint>
#include <optional>

namespace remap::vtd_driver {

// What the processors get.
struct InterruptTarget {
    std::uint32_t destination = 0;  // APIC id, or a set of processors with `logical`
    std::uint8_t vector = 0;
    vtd::DeliveryMode delivery = vtd::DeliveryMode::Fixed;
    bool level = false;
    bool logical = false;
    bool redirection_hint = false;
};

// Who may use an entry: its SVT, SQ and SID.
class InterruptSender {
public:
    static InterruptSender anybody() { return InterruptSender(0); }
    // The function with this source id; or any whose id differs in what the qualifier leaves out (SQ, section 9.9).
    static InterruptSender function(std::uint16_t source, unsigned qualifier = 0);
    static InterruptSender buses(std::uint8_t first, std::uint8_t last);

    std::uint64_t word() const { return word_; }

private:
    explicit InterruptSender(std::uint64_t word) : word_(word) {}
    std::uint64_t word_;
};

class InterruptTable {
public:
    static constexpr unsigned entries = page_size / vtd::interrupt_entry::bytes;

    InterruptTable(RegisterPort& registers, paging::TablePort& tables, const Capabilities& capabilities)
        : registers_(registers), tables_(tables), capabilities_(capabilities) {}
    ~InterruptTable();
    InterruptTable(const InterruptTable&) = delete;
    InterruptTable& operator=(const InterruptTable&) = delete;

    // Sets an empty table and switches remapping on; requests of the compatibility format are blocked. `invalidator` is
    // of the queue, which is running, and outlives the table.
    Error start(Invalidator& invalidator, bool extended);
    Error stop();

    // `count` entries side by side, a power of two, for the messages of one MSI capability: the first one's index.
    std::optional<std::uint16_t> allocate(unsigned count = 1);
    // Takes them out of use; their requests are refused from then on.
    Error free(std::uint16_t first, unsigned count = 1);

    // Writes an entry. When this returns, the unit uses it.
    Error set(std::uint16_t index, const InterruptTarget& target, const InterruptSender& sender);

    // What a device is programmed with: for one entry, and for `count` of them, by an MSI capability with that many
    // messages, which adds the number of the message to the data.
    vtd::InterruptMessage request(std::uint16_t index) const { return vtd::remappable::make_request(index, false, 0); }
    vtd::InterruptMessage request_of_block(std::uint16_t first) const {
        return vtd::remappable::make_request(first, true, 0);
    }

    // Makes the unit forget what it cached of 2^index_mask entries, or of all. The other calls do it where it is due.
    Error forget(std::uint16_t index, unsigned index_mask = 0);
    Error forget_all();

    // The entry as it lies in memory, two words: for those who want to break it.
    volatile std::uint64_t* words(std::uint16_t index);

private:
    void write(std::uint16_t index, unsigned word, std::uint64_t value);
    Error take_away(std::uint16_t index);
    std::uint64_t low_word(const InterruptTarget& target) const;

    RegisterPort& registers_;
    paging::TablePort& tables_;
    const Capabilities& capabilities_;
    Invalidator* invalidator_ = nullptr;  // while started
    std::optional<PhysicalPage> table_;
    bool extended_ = false;
    bool running_ = false;  // the unit may read the table
    std::uint64_t used_[entries / 64] = {};
};

}  // namespace remap::vtd_driver
