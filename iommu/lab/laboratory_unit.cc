// SPDX-License-Identifier: MIT
// The unit's side of the laboratory: what the unit asks before it does something, what it tells, and the ports that
// stand in front of its machine's.
#include "iommu/lab/engine_events.h"
#include "iommu/lab/laboratory.h"

#include <cstring>
#include <utility>

namespace remap::lab {

using iommu::CommandFate;
using iommu::FaultFate;
using iommu::Request;
using vtd::FaultReason;

namespace {

// Whose request tables are read for on this thread, and in which laboratory: several machines may live in one process.
// Units read tables without their lock too, for other ends, on other threads.
struct Reading {
    const Laboratory* laboratory = nullptr;
    const Request* request = nullptr;
};
constinit thread_local Reading reading;

Event event_of_fault(Event event, FaultReason reason, FaultFate fate) {
    event.code = static_cast<std::uint32_t>(reason);
    event.detail = static_cast<std::uint64_t>(fate);
    return event;
}

constexpr std::uint8_t dropped = flag::refused | flag::tampered;

}  // namespace

// ---- before things happen ----

iommu::Tampering Laboratory::translating(const Request& request) {
    using What = iommu::Tampering::What;
    if (!wants(Kind::Translation)) return {};
    const Event event = event_of(Kind::Translation, request);
    const Order order = ask(event);
    switch (order.deed) {
        case Deed::Fault:
            inject(event, order);
            return {.what = What::Fault, .reason = static_cast<FaultReason>(order.reason)};
        case Deed::Refuse: inject(event, order); return {.what = What::Refuse};
        case Deed::WrongPage: return {.what = What::Move, .pages = order.pages, .mark = {order.rule, order.acted}};
        case Deed::Delay:
            machine_.wait(order.nanoseconds);
            inject(event, order);
            return {};
        default: return {};
    }
}

void Laboratory::moved(const Request& request, const iommu::Tampering& how, const iommu::Translation&) {
    inject(event_of(Kind::Translation, request),
           {.deed = Deed::WrongPage, .rule = static_cast<std::uint32_t>(how.mark[0]), .acted = how.mark[1]});
}

namespace {

iommu::MessageTampering tampering_of(const Order& order) {
    using What = iommu::MessageTampering::What;
    if (order.deed == Deed::Fault) return {.what = What::Fault, .reason = static_cast<FaultReason>(order.reason)};
    if (order.deed == Deed::Drop) return {.what = What::Drop};
    return {};
}

}  // namespace

iommu::MessageTampering Laboratory::interrupting(iommu::SourceId source, const iommu::InterruptMessage& message) {
    if (!wants(Kind::Interrupt)) return {};
    const Event event = event_of(source, message);
    const Order order = ask(event);
    const iommu::MessageTampering how = tampering_of(order);
    if (how.what != iommu::MessageTampering::What::None) inject(event, order);
    return how;
}

iommu::MessageTampering Laboratory::requesting_page(const iommu::PageRequest& request) {
    const Event event = event_of(Kind::PageRequest, request);
    const Order order = ask(event);
    const iommu::MessageTampering how = tampering_of(order);
    counters_.add(event.source, Count::PageRequests);
    if (how.what == iommu::MessageTampering::What::None) return how;
    inject(event, order);
    if (how.what == iommu::MessageTampering::What::Drop) record(event, dropped);
    return how;
}

void Laboratory::reading_tables_for(const Request* request) { reading = {this, request}; }

CommandFate Laboratory::invalidating(const iommu::Invalidation& command) { return decide_command(event_of(command)); }

CommandFate Laboratory::completing(const iommu::WaitDone& wait) { return decide_command(event_of(wait)); }

CommandFate Laboratory::decide_command(const Event& event) {
    const Order order = ask(event);
    switch (order.deed) {
        case Deed::Drop:
            inject(event, order);
            record(event, dropped);
            return CommandFate::Drop;
        case Deed::Delay:
            forget_holds();
            if (!postpone(Later::ReleaseCommands{}, order.nanoseconds)) return CommandFate::Execute;
            inject(event, order);
            return CommandFate::Hold;
        case Deed::Stick:
            stick(order);
            inject(event, order);
            return CommandFate::Hold;
        default: return CommandFate::Execute;
    }
}

void Laboratory::stick(const Order& order) {
    forget_holds();
    const std::lock_guard guard(lock_);
    stuck_for_ = order.rule;
}

// One command is held at a time: what was known of an earlier one is past.
void Laboratory::forget_holds() {
    const std::lock_guard guard(lock_);
    stuck_for_.reset();
    later_.forget_release();
}

bool Laboratory::log_is_full(const Request& request, FaultReason reason) {
    fault_was_decided_ = true;
    if (!wants(Kind::Fault)) return false;
    const Event event = event_of_fault(event_of(Kind::Fault, request), reason, FaultFate::Recorded);
    const Order order = ask(event);
    if (order.deed != Deed::FullLog) return false;
    inject(event, order);
    return true;
}

// ---- what has happened ----

void Laboratory::walked(const Request& request, PhysicalAddress entry_at, std::uint64_t entry) {
    counters_.add(request.source.value, Count::Walks);
    if (watches(Kind::Walk)) {
        Event event = event_of(Kind::Walk, request);
        event.result = entry_at.value;
        event.detail = entry;
        happened(event);
    }
    if (next_ != nullptr) next_->walked(request, entry_at, entry);
}

// A fault that did not get as far as the log's end was decided by nobody yet.
void Laboratory::faulted(const Request& request, FaultReason reason, FaultFate fate) {
    counters_.add(request.source.value, Count::Faults);
    const Event event = event_of_fault(event_of(Kind::Fault, request), reason, fate);
    if (!std::exchange(fault_was_decided_, false)) ask(event);
    record(event);
    if (next_ != nullptr) next_->faulted(request, reason, fate);
}

void Laboratory::interrupt_faulted(iommu::SourceId source, std::uint16_t index, FaultReason reason, FaultFate fate) {
    counters_.add(source.value, Count::Faults);
    happened(event_of_fault({.kind = Kind::InterruptFault, .source = source.value, .address = index}, reason, fate));
    if (next_ != nullptr) next_->interrupt_faulted(source, index, reason, fate);
}

void Laboratory::page_request_faulted(const iommu::PageRequest& request, FaultReason reason, FaultFate fate) {
    counters_.add(request.source.value, Count::Faults);
    happened(event_of_fault(event_of(Kind::PageRequestFault, request), reason, fate));
    if (next_ != nullptr) next_->page_request_faulted(request, reason, fate);
}

void Laboratory::invalidated(const iommu::Invalidation& done) {
    counters_.add_to_row(CounterTable::unit, Count::Invalidations);
    record(event_of(done));
    if (next_ != nullptr) next_->invalidated(done);
}

void Laboratory::wait_done(const iommu::WaitDone& wait) {
    counters_.add_to_row(CounterTable::unit, Count::Completions);
    record(event_of(wait));
    if (next_ != nullptr) next_->wait_done(wait);
}

void Laboratory::queue_stopped(vtd::queue_error::Info error, std::uint64_t head) {
    happened({.kind = Kind::QueueStopped, .detail = head, .code = static_cast<std::uint32_t>(error)});
    if (next_ != nullptr) next_->queue_stopped(error, head);
}

void Laboratory::stale_use(const iommu::StaleUse& use) {
    counters_.add_to_row(CounterTable::unit, Count::StaleUses);
    happened(event_of(use));
    if (next_ != nullptr) next_->stale_use(use);
}

void Laboratory::device_answered(iommu::SourceId source, iommu::InvalidationTag tag) {
    happened({.kind = Kind::DeviceAnswer, .source = source.value, .detail = tag.value});
    if (next_ != nullptr) next_->device_answered(source, tag);
}

void Laboratory::page_requested(const iommu::PageRequest& request) {
    record(event_of(Kind::PageRequest, request));
    if (next_ != nullptr) next_->page_requested(request);
}

// ---- ports ----

bool Laboratory::Memory::read(PhysicalAddress from, void* to, std::size_t bytes) {
    if (!real->read(from, to, bytes)) return false;
    if (reading.laboratory != &lab || reading.request == nullptr || !lab.wants(Kind::Entry)) return true;
    Event event = event_of(Kind::Entry, *reading.request);
    event.length = bytes;
    event.result = from.value;
    const Order order = lab.ask(event);
    if (order.deed != Deed::FlipBit) return true;
    flip_bit(to, bytes, order.bit);
    lab.inject(event, order);
    std::memcpy(&event.detail, to, bytes < sizeof event.detail ? bytes : sizeof event.detail);
    lab.record(event, flag::tampered);
    return true;
}

bool Laboratory::Memory::write(PhysicalAddress to, const void* from, std::size_t bytes) {
    return real->write(to, from, bytes);
}

iommu::Exchange Laboratory::Memory::exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) {
    return real->exchange(at, expected, desired);
}

void Laboratory::Interrupts::send(iommu::InterruptSource source, iommu::InterruptMessage message) {
    lab.counters_.add_to_row(CounterTable::unit, Count::UnitInterrupts);
    const Event event = event_of(source, message);
    const Order order = lab.ask(event);
    if (order.deed != Deed::Drop) {
        lab.record(event);
        return real->send(source, message);
    }
    lab.inject(event, order);
    lab.record(event, dropped);
}

void Laboratory::Interrupts::remapping_changed() { real->remapping_changed(); }

// A device that ignores an invalidation is taken for one that obeys, and one that is silent has got it and says
// nothing: in both cases it goes on using what it has. False if the message is to be sent as it is.
bool Laboratory::keeps_back(const Event& event, const Later::Deed& message) {
    const Order order = ask(event);
    const auto* const invalidation = std::get_if<iommu::DeviceInvalidation>(&message);
    bool kept = order.deed == Deed::Silence;
    if (order.deed == Deed::Delay) kept = postpone(message, order.nanoseconds);
    if (order.deed == Deed::Drop && invalidation != nullptr)
        kept = postpone(Later::DeviceObeys{invalidation->source, invalidation->tag}, 0);
    if (!kept) {
        record(event);
        return false;
    }
    record(event, order.deed == Deed::Delay ? flag::tampered : dropped);
    inject(event, order);
    return true;
}

void Laboratory::Devices::invalidate(const iommu::DeviceInvalidation& invalidation) {
    lab.counters_.add(invalidation.source.value, Count::Invalidations);
    if (!lab.keeps_back(event_of(invalidation), invalidation)) real->invalidate(invalidation);
}

void Laboratory::Devices::answer(const iommu::PageAnswer& answer) {
    if (!lab.keeps_back(event_of(answer), answer)) real->answer(answer);
}

void Laboratory::Devices::start_timer() { real->start_timer(); }

}  // namespace remap::lab
