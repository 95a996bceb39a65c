// SPDX-License-Identifier: MIT
// Primary fault logging (VT-d section 7.2.1), the fault status register and the fault event (7.3).
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/event.h"
#include "iommu/engine/injector.h"
#include "iommu/engine/observer.h"
#include "iommu/engine/request.h"
#include "iommu/spec/fault.h"

#include <array>
#include <cstdint>

namespace remap::iommu {

class FaultLog {
public:
    // The injector may be null.
    FaultLog(const Configuration& configuration, Injector* injector)
        : event(InterruptSource::FaultEvent), configuration_(configuration), injector_(injector) {}

    // A refused request. One that is already in the log, and not yet cleared, is not put there again.
    FaultFate record(const Request& request, vtd::FaultReason reason, Outbox& outbox);
    // A refused interrupt request.
    FaultFate record_interrupt(SourceId source, std::uint16_t index, vtd::FaultReason reason, Outbox& outbox);
    // A page request that the tables do not allow.
    FaultFate record_page_request(const PageRequest& request, vtd::FaultReason reason, Outbox& outbox);

    // FSTS_REG.IQE, ITE and ICE: the queue cannot go on, a device did not answer in time, one answered unasked.
    void set_queue_error(Outbox& outbox) { set(queue_error_, outbox); }
    void set_timeout_error(Outbox& outbox) { set(timeout_error_, outbox); }
    void set_completion_error(Outbox& outbox) { set(completion_error_, outbox); }
    bool queue_error() const { return queue_error_; }
    bool timeout_error() const { return timeout_error_; }
    bool completion_error() const { return completion_error_; }

    // The next fault goes to record 0: neither addresses nor interrupts are translated (section 7.2.1).
    void rewind() { next_ = 0; }

    std::uint32_t status() const;
    void write_status(std::uint32_t value);

    // A record's words, and a write to its high word, which clears the fault bit.
    std::uint64_t low(unsigned index) const { return records_[index].low; }
    std::uint64_t high(unsigned index) const { return records_[index].high; }
    void write_high(unsigned index, std::uint64_t value);

    template <typename Archive>
    void state(Archive& archive) {
        archive("FRCD", records_);
        archive("next record", next_, fault_records - 1);
        archive("FRI", first_, fault_records - 1);
        archive("PFO", overflow_);
        archive("IQE", queue_error_);
        archive("ITE", timeout_error_);
        archive("ICE", completion_error_);
        archive.check(configuration_.device_tlb || !(timeout_error_ || completion_error_), "ITE or ICE",
                      "is set in a unit that knows no device TLBs");
        archive("fault event", event);
    }

    Event event;

private:
    struct Record {
        std::uint64_t low = 0;
        std::uint64_t high = 0;

        template <typename Archive>
        void state(Archive& archive) {
            archive("low", low);
            archive("high", high);
        }

        friend bool operator==(const Record&, const Record&) = default;
    };

    Record record_of(const Request& request, vtd::FaultReason reason) const;
    template <typename IsFull>
    FaultFate put(const Record& made, Outbox& outbox, IsFull&& is_taken_for_full);
    bool pending() const;
    bool any_condition() const { return overflow_ || queue_error_ || timeout_error_ || completion_error_ || pending(); }
    void set(bool& condition, Outbox& outbox);

    const Configuration& configuration_;
    Injector* injector_;
    std::array<Record, fault_records> records_{};
    unsigned next_ = 0;   // record for the next fault
    unsigned first_ = 0;  // record that made the log pending
    bool overflow_ = false;
    bool queue_error_ = false;
    bool timeout_error_ = false;
    bool completion_error_ = false;
};

}  // namespace remap::iommu
