// SPDX-License-Identifier: MIT
#include "iommu/engine/fault_log.h"

#include <algorithm>

namespace remap::iommu {

namespace record = vtd::fault_record;
namespace fsts = vtd::fault_status;

bool FaultLog::pending() const {
    return std::any_of(records_.begin(), records_.end(),
                       [](const Record& one) { return record::Fault::get(one.high); });
}

// AT is a field of units with device TLBs only, the PASID fields of units with scalable mode.
FaultLog::Record FaultLog::record_of(const Request& request, vtd::FaultReason reason) const {
    Record made{.low = request.address.value & record::address,
                .high = record::Source::of(request.source.value) |
                        record::Reason::of(static_cast<std::uint64_t>(reason)) |
                        record::Read::of(request.access == Access::Read) | record::Fault::of(true)};
    if (configuration_.device_tlb) made.high |= record::AddressType::of(static_cast<std::uint64_t>(request.type));
    if (configuration_.scalable && request.pasid) {
        made.high |= record::PasidPresent::of(true) | record::Pasid::of(request.pasid->value) |
                     record::Privileged::of(request.privileged) | record::Execute::of(request.execute);
    }
    return made;
}

// Section 7.2.1, in its order. An overflow is no condition for an event (7.3).
template <typename IsFull>
FaultFate FaultLog::put(const Record& made, Outbox& outbox, IsFull&& is_taken_for_full) {
    if (overflow_) return FaultFate::Lost;
    if (std::find(records_.begin(), records_.end(), made) != records_.end()) return FaultFate::Collapsed;
    Record& place = records_[next_];
    if (record::Fault::get(place.high) || is_taken_for_full()) {
        overflow_ = true;
        return FaultFate::Lost;
    }
    const bool first = !pending();
    const bool event_due = !any_condition();
    place = made;
    if (first) first_ = next_;
    next_ = (next_ + 1) % fault_records;
    if (event_due) event.raise(outbox);
    return FaultFate::Recorded;
}

namespace {

constexpr auto as_it_is = [] { return false; };

}  // namespace

FaultFate FaultLog::record(const Request& request, vtd::FaultReason reason, Outbox& outbox) {
    return put(record_of(request, reason), outbox,
               [&] { return injector_ != nullptr && injector_->log_is_full(request, reason); });
}

FaultFate FaultLog::record_page_request(const PageRequest& request, vtd::FaultReason reason, Outbox& outbox) {
    Record made = record_of({.source = request.source,
                             .address = request.address,
                             .pasid = request.pasid,
                             .privileged = request.privileged,
                             .execute = request.execute},
                            reason);
    constexpr std::uint64_t type_bits = record::Read::mask | record::SecondType::mask;
    made.high = (made.high & ~type_bits) | record::type(record::RequestType::Page);
    return put(made, outbox, as_it_is);
}

// T1 and T2 are of memory requests only.
FaultFate FaultLog::record_interrupt(SourceId source, std::uint16_t index, vtd::FaultReason reason, Outbox& outbox) {
    return put({.low = record::InterruptIndex::of(index),
                .high = record::Source::of(source.value) | record::Reason::of(static_cast<std::uint64_t>(reason)) |
                        record::Fault::of(true)},
               outbox, as_it_is);
}

void FaultLog::set(bool& condition, Outbox& outbox) {
    const bool event_due = !any_condition();
    condition = true;
    if (event_due) event.raise(outbox);
}

std::uint32_t FaultLog::status() const {
    const bool is_pending = pending();
    return static_cast<std::uint32_t>(
        fsts::Overflow::of(overflow_) | fsts::Pending::of(is_pending) | fsts::QueueError::of(queue_error_) |
        fsts::CompletionError::of(completion_error_) | fsts::TimeoutError::of(timeout_error_) |
        fsts::RecordIndex::of(is_pending ? first_ : 0));
}

void FaultLog::write_status(std::uint32_t value) {
    if (fsts::Overflow::get(value)) overflow_ = false;
    if (fsts::QueueError::get(value)) queue_error_ = false;
    if (fsts::CompletionError::get(value)) completion_error_ = false;
    if (fsts::TimeoutError::get(value)) timeout_error_ = false;
    if (!any_condition()) event.serviced();
}

void FaultLog::write_high(unsigned index, std::uint64_t value) {
    if (record::Fault::get(value)) records_[index].high = record::Fault::set(records_[index].high, false);
    if (!any_condition()) event.serviced();
}

}  // namespace remap::iommu
