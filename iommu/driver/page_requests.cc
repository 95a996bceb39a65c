// SPDX-License-Identifier: MIT
#include "iommu/driver/page_requests.h"

#include "iommu/spec/registers.h"

namespace remap::vtd_driver {

namespace field = vtd::page_request;
namespace pqh = vtd::page_queue_head;
namespace pqt = vtd::page_queue_tail;
namespace prs = vtd::page_request_status;

namespace {

constexpr std::uint64_t words_of_one = field::bytes / sizeof(std::uint64_t);

PageRequest decode(const field::Words& words) {
    PageRequest request{.source = static_cast<std::uint16_t>(field::Source::get(words[0])),
                        .page = LogicalAddress{words[1] & field::address}.page(),
                        .read = field::Read::get(words[1]),
                        .write = field::Write::get(words[1]),
                        .privileged = field::Privileged::get(words[0]),
                        .last = field::Last::get(words[1]),
                        .group = static_cast<std::uint16_t>(field::Group::get(words[1])),
                        .words = words};
    if (field::PasidPresent::get(words[0])) request.pasid = static_cast<std::uint32_t>(field::Pasid::get(words[0]));
    return request;
}

}  // namespace

Error PageRequestQueue::start() {
    queue_ = tables_.allocate_table();
    if (!queue_) return Error::NoMemory;
    registers_.write32(vtd::page_request_event.control, vtd::event_control::Mask::mask);
    registers_.write64(pqh::offset, 0);
    registers_.write64(pqt::offset, 0);
    registers_.write64(vtd::page_queue_address::offset, queue_->address().value);
    registers_.write32(prs::offset, prs::Pending::mask | prs::Overflow::mask);
    return Error::None;
}

void PageRequestQueue::stop() {
    if (!queue_) return;
    registers_.write32(vtd::page_request_event.control, vtd::event_control::Mask::mask);
    registers_.write64(vtd::page_queue_address::offset, 0);
    tables_.free_table(*queue_);
    queue_.reset();
}

std::optional<PageRequest> PageRequestQueue::take() {
    const std::uint64_t head = registers_.read64(pqh::offset) & (page_size - field::bytes);
    if (!queue_ || head == (registers_.read64(pqt::offset) & (page_size - field::bytes))) return std::nullopt;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);  // the request was there before the tail said so
    field::Words words;
    for (unsigned i = 0; i < words_of_one; ++i) words[i] = tables_.words(*queue_)[head / sizeof words[0] + i];
    registers_.write64(pqh::offset, (head + field::bytes) % page_size);
    return decode(words);
}

bool PageRequestQueue::take_overflow() {
    const bool overflow = prs::Overflow::get(registers_.read32(prs::offset));
    if (overflow && registers_.read64(pqh::offset) == registers_.read64(pqt::offset))
        registers_.write32(prs::offset, prs::Overflow::mask);
    return overflow;
}

void PageRequestQueue::enable_event(std::uint64_t message_address, std::uint32_t message_data) {
    registers_.write32(vtd::page_request_event.control, vtd::event_control::Mask::mask);
    registers_.write32(vtd::page_request_event.data, message_data);
    registers_.write32(vtd::page_request_event.address, static_cast<std::uint32_t>(message_address));
    registers_.write32(vtd::page_request_event.upper_address, static_cast<std::uint32_t>(message_address >> 32));
    registers_.write32(vtd::page_request_event.control, 0);
}

void PageRequestQueue::clear_event() { registers_.write32(prs::offset, prs::Pending::mask); }

}  // namespace remap::vtd_driver
