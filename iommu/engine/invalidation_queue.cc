// SPDX-License-Identifier: MIT
#include "iommu/engine/invalidation_queue.h"

namespace remap::iommu {

namespace descriptor = vtd::descriptor;
using vtd::Descriptor;

// Queue full of 128-bit descriptors: 2^QS pages.
std::uint64_t InvalidationQueue::bytes() const { return page_size << vtd::queue_address::Size::get(address_); }

void InvalidationQueue::disable() {
    enabled_ = false;
    head_ = 0;  // section 6.5.2
}

std::uint64_t InvalidationQueue::error() const {
    return targets_.faults.queue_error() ? vtd::queue_error::Error::of(error_) : 0;
}

void InvalidationQueue::write_address(std::uint64_t value) {
    if (enabled_) return;
    address_ = value & ((vtd::queue_address::address & configuration_.host_address_mask()) |
                        vtd::queue_address::WideDescriptors::mask | vtd::queue_address::Size::mask);
}

void InvalidationQueue::write_tail(std::uint64_t value) { tail_ = value & vtd::queue_tail::position; }

std::uint32_t InvalidationQueue::completion_status() const {
    return static_cast<std::uint32_t>(vtd::completion_status::WaitComplete::of(wait_complete_));
}

void InvalidationQueue::write_completion_status(std::uint32_t value) {
    if (!vtd::completion_status::WaitComplete::get(value)) return;
    wait_complete_ = false;
    completion.serviced();
}

// Section 6.5.2.11: the head stays at the descriptor that failed.
void InvalidationQueue::fail(Info info, Outbox& outbox) {
    error_ = info;
    targets_.faults.set_queue_error(outbox);
}

void InvalidationQueue::process(bool legacy, Outbox& outbox) {
    if (!enabled_ || targets_.faults.queue_error() || head_ == tail_) return;
    if (!legacy) return fail(Info::BadTranslationMode, outbox);
    if (vtd::queue_address::WideDescriptors::get(address_)) return fail(Info::BadWidth, outbox);
    if (tail_ >= bytes()) return fail(Info::BadTail, outbox);
    while (head_ != tail_) {  // both below bytes(): ends after a queue full
        const Verdict verdict = fetch_and_execute(outbox);
        if (!verdict.ok) return fail(verdict.info, outbox);
        head_ = (head_ + vtd::descriptor_bytes) & (bytes() - 1);
    }
}

InvalidationQueue::Verdict InvalidationQueue::fetch_and_execute(Outbox& outbox) {
    Descriptor fetched;
    static_assert(sizeof fetched == vtd::descriptor_bytes);
    const std::uint64_t from = (address_ & vtd::queue_address::address) + head_;
    if (!targets_.memory.read({from}, &fetched, sizeof fetched)) return {false, Info::Unreadable};
    switch (descriptor::type_of(fetched)) {
        case descriptor::Type::Context: return execute_context(fetched);
        case descriptor::Type::Iotlb: return execute_iotlb(fetched);
        case descriptor::Type::Wait: return execute_wait(fetched, outbox);
        default: return {false, Info::BadType};  // needs ECAP.DT, IR or SMTS (section 6.5.2)
    }
}

InvalidationQueue::Verdict InvalidationQueue::execute_context(const Descriptor& one) {
    namespace field = descriptor::context;
    const vtd::ContextGranularity granularity = field::Granularity::get(one.low);
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0 ||
        granularity == vtd::ContextGranularity::None)
        return {false, Info::ReservedField};
    targets_.translator.invalidate_contexts(granularity, static_cast<std::uint16_t>(field::Domain::get(one.low)),
                                            {static_cast<std::uint16_t>(field::Source::get(one.low))},
                                            static_cast<unsigned>(field::FunctionMask::get(one.low)));
    return {};
}

InvalidationQueue::Verdict InvalidationQueue::execute_iotlb(const Descriptor& one) {
    namespace field = descriptor::iotlb;
    const vtd::IotlbGranularity granularity = field::Granularity::get(one.low);
    const auto mask = static_cast<unsigned>(field::AddressMask::get(one.high));
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0 ||
        granularity == vtd::IotlbGranularity::None)
        return {false, Info::ReservedField};
    if (granularity == vtd::IotlbGranularity::Page && mask > maximum_address_mask) return {false, Info::ReservedField};
    targets_.translator.invalidate_iotlb(granularity, static_cast<std::uint16_t>(field::Domain::get(one.low)),
                                         {one.high & field::address}, mask);
    return {};
}

// Everything before the wait is done by now, and nothing behind it has begun: every wait is a fence.
InvalidationQueue::Verdict InvalidationQueue::execute_wait(const Descriptor& one, Outbox& outbox) {
    namespace field = descriptor::wait;
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0)
        return {false, Info::ReservedField};
    if (field::StatusWrite::get(one.low)) {
        const PhysicalAddress to{one.high & field::status_address & configuration_.host_address_mask()};
        const auto data = static_cast<std::uint32_t>(field::StatusData::get(one.low));
        // What happens at an address that is not memory is undefined (6.5.2.9); an error says it to the driver.
        if (!targets_.memory.write(to, &data, sizeof data)) return {false, Info::None};
    }
    if (field::Interrupt::get(one.low) && !wait_complete_) {  // section 6.5.2.10
        wait_complete_ = true;
        completion.raise(outbox);
    }
    return {};
}

}  // namespace remap::iommu
