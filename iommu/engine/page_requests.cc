// SPDX-License-Identifier: MIT
#include "iommu/engine/page_requests.h"

namespace remap::iommu {

namespace pqh = vtd::page_queue_head;
namespace pqt = vtd::page_queue_tail;
namespace pqa = vtd::page_queue_address;
namespace prs = vtd::page_request_status;
namespace descriptor = vtd::page_request;
using vtd::FaultReason;

namespace {

constexpr std::uint64_t status_quad = quad_of(prs::offset);

descriptor::Words words_of(const PageRequest& request) {
    std::uint64_t low = descriptor::Type::of(descriptor::type) | descriptor::Source::of(request.source.value) |
                        descriptor::Execute::of(request.execute) | descriptor::Privileged::of(request.privileged);
    if (request.pasid) low |= descriptor::PasidPresent::of(true) | descriptor::Pasid::of(request.pasid->value);
    const std::uint64_t high = descriptor::Read::of(request.read) | descriptor::Write::of(request.write) |
                               descriptor::Last::of(request.last) | descriptor::Group::of(request.group) |
                               (request.address.value & descriptor::address);
    return {low, high, 0, 0};
}

}  // namespace

bool PageRequests::holds(std::uint64_t offset) {
    return offset >= pqh::offset && offset <= vtd::page_request_event.upper_address;
}

std::uint64_t PageRequests::bytes() const { return page_size << pqa::Size::get(address_); }

std::uint64_t PageRequests::read(std::uint64_t offset) const {
    if (!configuration_.page_requests) return 0;
    switch (offset) {
        case pqh::offset: return head_;
        case pqt::offset: return tail_;
        case pqa::offset: return address_;
        case status_quad: return quad(0, prs::Pending::of(pending_) | prs::Overflow::of(overflow_));
        case vtd::page_request_event.control: return event_.control_quad();
        case vtd::page_request_event.address: return event_.address_quad();
        default: return 0;
    }
}

void PageRequests::write(std::uint64_t offset, const QuadWrite& write, Outbox& outbox) {
    if (!configuration_.page_requests) return;
    switch (offset) {
        case pqh::offset: head_ = write.merged_into(head_) & pqh::position; break;
        case pqt::offset: tail_ = write.merged_into(tail_) & pqt::position; break;
        case pqa::offset:
            address_ =
                write.merged_into(address_) & ((pqa::address & configuration_.host_address_mask()) | pqa::Size::mask);
            break;
        case status_quad:
            if (!write.high()) break;
            if (prs::Pending::get(write.high_value())) pending_ = false;
            if (prs::Overflow::get(write.high_value())) overflow_ = false;
            if (!pending_ && !overflow_) event_.serviced();
            break;
        case vtd::page_request_event.control: event_.write_control_quad(write, outbox); break;
        case vtd::page_request_event.address: event_.write_address_quad(write); break;
        default: break;
    }
}

// Section 7.5: no event while the other condition, or this one, is set already.
void PageRequests::set(bool& condition, Outbox& outbox) {
    const bool event_due = !pending_ && !overflow_;
    condition = true;
    if (event_due) event_.raise(outbox);
}

// Only the last request of a group is answered, and a stop marker never is.
void PageRequests::request(const TranslationState& state, const PageRequest& request, Outbox& outbox) {
    if (const std::optional<Code> code = take(state, request, outbox)) answer(request, *code, outbox);
}

void PageRequests::refuse(const PageRequest& request, FaultReason reason, Outbox& outbox) {
    answer(request, fault(request, {reason}, outbox), outbox);
}

void PageRequests::answer(const PageRequest& request, Code code, Outbox& outbox) {
    if (!request.last || request.is_stop_marker()) return;
    outbox.push(PageAnswer{.source = request.source, .pasid = request.pasid, .group = request.group, .code = code});
}

PageRequests::Code PageRequests::fault(const PageRequest& request, const Translator::PageVerdict& verdict,
                                       Outbox& outbox) {
    const FaultFate fate =
        verdict.quiet ? FaultFate::Silenced : targets_.faults.record_page_request(request, verdict.reason, outbox);
    if (targets_.observer != nullptr) targets_.observer->page_request_faulted(request, verdict.reason, fate);
    return Code::InvalidRequest;
}

std::optional<PageRequests::Code> PageRequests::take(const TranslationState& state, const PageRequest& request,
                                                     Outbox& outbox) {
    if (!configuration_.page_requests) return Code::Failure;
    if (!state.enabled()) return Code::InvalidRequest;
    const Translator::PageVerdict verdict = targets_.translator.check_page_request(state, request);
    if (verdict.reason != FaultReason::None) return fault(request, verdict, outbox);
    // What was cached before the page came must not be found again when the device asks anew (section 6.5.3.1):
    // software does not invalidate where it only gives more rights.
    targets_.translator.forget_requested_page(state, request);
    return put(request, outbox);
}

// Without room the request is dropped, and so is all that follows until software has cleared the overflow. The device
// takes success for an invitation to try again, and asks again if the page still is not there.
std::optional<PageRequests::Code> PageRequests::put(const PageRequest& request, Outbox& outbox) {
    if (overflow_) return Code::Success;
    const std::uint64_t next = within(tail_ + descriptor::bytes);
    if (next == within(head_)) {
        set(overflow_, outbox);
        return Code::Success;
    }
    const descriptor::Words words = words_of(request);
    const std::uint64_t to = (address_ & pqa::address) + within(tail_);
    if (!targets_.memory.write({to}, words.data(), sizeof words)) return Code::Failure;
    tail_ = next;
    set(pending_, outbox);
    return std::nullopt;
}

}  // namespace remap::iommu
