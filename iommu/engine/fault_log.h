// SPDX-License-Identifier: MIT
// Primary fault logging (VT-d section 7.2.1), the fault status register and the fault event (7.3).
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/event.h"
#include "iommu/spec/fault.h"

#include <array>
#include <cstdint>

namespace remap::iommu {

struct FaultDetails {
    SourceId source;
    LogicalAddress address;
    Access access = Access::Read;
    RequestType type = RequestType::Untranslated;
    vtd::FaultReason reason = vtd::FaultReason::None;
};

class FaultLog {
public:
    FaultLog() : event(InterruptSource::FaultEvent) {}

    void record(const FaultDetails& fault, Outbox& outbox);
    void set_queue_error(Outbox& outbox);
    bool queue_error() const { return queue_error_; }

    // The next fault goes to record 0: translation has been switched off (section 7.2.1).
    void rewind() { next_ = 0; }

    std::uint32_t status() const;
    void write_status(std::uint32_t value);

    // A record's words, and a write to its high word, which clears the fault bit.
    std::uint64_t low(unsigned index) const { return records_[index].low; }
    std::uint64_t high(unsigned index) const { return records_[index].high; }
    void write_high(unsigned index, std::uint64_t value);

    Event event;

private:
    struct Record {
        std::uint64_t low = 0;
        std::uint64_t high = 0;
    };

    bool pending() const;
    bool any_condition() const { return overflow_ || queue_error_ || pending(); }

    std::array<Record, fault_records> records_{};
    unsigned next_ = 0;   // record for the next fault
    unsigned first_ = 0;  // record that made the log pending
    bool overflow_ = false;
    bool queue_error_ = false;
};

}  // namespace remap::iommu
