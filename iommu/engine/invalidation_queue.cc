// SPDX-License-Identifier: MIT
#include "iommu/engine/invalidation_queue.h"

namespace remap::iommu {

namespace descriptor = vtd::descriptor;

void InvalidationQueue::disable() {
    enabled_ = false;
    head_ = 0;  // section 6.5.2
    blocked_by_ = Blocker::None;
    targets_.gate.reset();
}

std::uint64_t InvalidationQueue::error() const {
    namespace iqe = vtd::queue_error;
    const FaultLog& faults = targets_.faults;
    return (faults.queue_error() ? iqe::Error::of(error_) : 0) |
           (faults.timeout_error() ? iqe::TimeoutSource::of(late_source_.value) : 0) |
           (faults.completion_error() ? iqe::CompletionSource::of(unasked_source_.value) : 0);
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
    if (targets_.observer != nullptr) targets_.observer->queue_stopped(info, head_);
}

// Scalable mode needs wide descriptors; a unit that has the mode takes them in legacy mode too, because software sets
// the queue up before it chooses (section 6.5.2).
InvalidationQueue::Info InvalidationQueue::setup_error(const TranslationState& state) const {
    const bool legacy = state.mode() == vtd::root_table::Mode::Legacy;
    if (!legacy && !(state.scalable() && configuration_.scalable)) return Info::BadTranslationMode;
    if (wide() ? !configuration_.scalable : !legacy) return Info::BadWidth;
    if (tail_ % descriptor_size() != 0) return Info::UnalignedTail;
    if (tail_ >= bytes()) return Info::BadTail;
    return Info::None;
}

bool InvalidationQueue::fetch(vtd::WideDescriptor& into) {
    const std::uint64_t from = (address_ & vtd::queue_address::address) + head_;
    return targets_.memory.read({from}, into.words.data(), descriptor_size());
}

Progress InvalidationQueue::advance(const TranslationState& state, Outbox& outbox) {
    for (unsigned turn = 0; turn < descriptors_a_turn; ++turn) {
        if (!has_work()) return Progress::Idle;
        if (!outbox.has_room_for_devices()) return Progress::More;
        if (const Info error = setup_error(state); error != Info::None) {
            fail(error, outbox);
            return Progress::Idle;
        }
        vtd::WideDescriptor fetched;
        Verdict verdict = Verdict::bad(Info::Unreadable);
        if (fetch(fetched)) {
            if (descriptor::type_of(fetched.lower()) == descriptor::Type::Wait) {
                if (undrained_) return Progress::MustDrain;
                if (!outbox.to_devices().empty()) return Progress::More;  // they leave before the wait is done
                const bool possible = !targets_.devices.any_pending();
                verdict = possible ? execute_wait(fetched, outbox) : Verdict::blocked_unless(possible);
                if (verdict.blocked) blocked_by_ = Blocker::Wait;
            } else {
                verdict = targets_.commands.execute(fetched, state.scalable(), outbox);
                if (verdict.blocked) blocked_by_ = Blocker::Invalidation;
                undrained_ |= verdict.ok && !verdict.held;
            }
        }
        if (!verdict.ok) fail(verdict.info, outbox);
        if (!verdict.ok || verdict.blocked || verdict.held) return Progress::Idle;
        step();
    }
    return Progress::More;
}

void InvalidationQueue::device_answered(SourceId source, InvalidationTag tag, Outbox& outbox) {
    switch (targets_.devices.answered(source, tag)) {
        case DeviceTlbs::Answer::Expected: blocked_by_ = Blocker::None; break;
        case DeviceTlbs::Answer::Outdated: break;
        case DeviceTlbs::Answer::Unexpected:
            if (!targets_.faults.completion_error()) unasked_source_ = source;
            targets_.faults.set_completion_error(outbox);
    }
}

// Section 6.5.2.11: a wait that has begun is aborted. It is behind the head then, and software submits it anew; nothing
// that comes after it is fetched before software has cleared the error.
void InvalidationQueue::timer_expired(Outbox& outbox) {
    const auto late = targets_.devices.tick(outbox);
    if (!late) return;
    if (blocked_by_ == Blocker::Wait) step();
    blocked_by_ = Blocker::None;
    if (!targets_.faults.timeout_error()) late_source_ = *late;
    targets_.faults.set_timeout_error(outbox);
}

// Everything before the wait is done by now, and nothing behind it has begun: every wait is a fence.
Verdict InvalidationQueue::execute_wait(const vtd::WideDescriptor& wide, Outbox& outbox) {
    namespace field = descriptor::wait;
    const vtd::Descriptor one = wide.lower();
    // Page requests are in their queue as soon as they are made, so that there are none to wait for (PD).
    const std::uint64_t reserved_low =
        field::reserved_low & ~(configuration_.page_requests ? field::PageDrain::mask : 0);
    if ((one.low & reserved_low) != 0 || (one.high & field::reserved_high) != 0 || wide.words[2] != 0 ||
        wide.words[3] != 0)
        return Verdict::bad(Info::ReservedField);
    const WaitDone wait{.writes = field::StatusWrite::get(one.low),
                        .interrupts = field::Interrupt::get(one.low),
                        .address = {one.high & field::status_address & configuration_.host_address_mask()},
                        .data = static_cast<std::uint32_t>(field::StatusData::get(one.low))};
    if (const CommandFate fate = targets_.gate.ask(wait); fate != CommandFate::Execute) return Verdict::of(fate);
    // What happens at an address that is not memory is undefined (6.5.2.9); an error says it to the driver.
    if (wait.writes && !targets_.memory.write(wait.address, &wait.data, sizeof wait.data))
        return Verdict::bad(Info::None);
    if (wait.interrupts && !wait_complete_) {  // section 6.5.2.10
        wait_complete_ = true;
        completion.raise(outbox);
    }
    if (targets_.observer != nullptr) targets_.observer->wait_done(wait);
    return {};
}

}  // namespace remap::iommu
