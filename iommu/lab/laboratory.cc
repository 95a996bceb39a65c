// SPDX-License-Identifier: MIT
#include "iommu/lab/laboratory.h"

#include "iommu/lab/engine_events.h"

#include <algorithm>
#include <utility>

namespace remap::lab {

Laboratory::Laboratory(Decisions& decisions, Recorder& recorder, Counters& counters, MachinePort& machine)
    : decisions_(decisions), recorder_(recorder), counters_(counters), machine_(machine) {
    arm();
}

iommu::Machine Laboratory::around(const iommu::Machine& real) {
    memory_.real = &real.memory;
    interrupts_.real = &real.interrupts;
    devices_.real = real.devices;
    next_ = real.observer;
    return {.memory = memory_,
            .interrupts = interrupts_,
            .work = real.work,
            .clock = real.clock,
            .devices = real.devices != nullptr ? &devices_ : nullptr,
            .observer = this,
            .injector = this};
}

void Laboratory::arm() { armed_.store(wants(Kind::Translation) || wants(Kind::Interrupt), std::memory_order_relaxed); }

// What acts besides the event is begun here, and the caller is told of nothing to do.
Order Laboratory::ask(const Event& event) {
    if (!wants(event.kind)) return {};
    const Order order = decisions_.decide(event);
    if (order.deed != Deed::Interrupt && order.deed != Deed::Remove) return order;
    postpone(Later::Besides{event, order}, 0);
    return {};
}

void Laboratory::record(const Event& event, std::uint8_t more_flags) {
    if (!recorder_.on()) return;
    if (more_flags == 0) return recorder_.record(event);
    Event written = event;
    written.flags |= more_flags;
    recorder_.record(written);
}

void Laboratory::inject(const Event& event, const Order& order) {
    counters_.add(event.source, Count::Injections);
    Event record = event;
    record.kind = Kind::Injection;
    record.code = order.rule;
    record.length = static_cast<std::uint64_t>(order.deed);
    record.detail = order.acted;
    record.result = static_cast<std::uint64_t>(event.kind);
    recorder_.record_injection(record);
    decisions_.carried_out(order);
    ask(record);  // other rules may wait for it
}

// ---- what a machine asks and tells ----

DmaOrder Laboratory::decide_dma(const Event& event) {
    const Order order = ask(event);
    switch (order.deed) {
        case Deed::Refuse: inject(event, order); return {.refuse = true, .order = order};
        case Deed::FlipBit: return {.flip = true, .order = order};
        case Deed::Delay:
            machine_.wait(order.nanoseconds);
            inject(event, order);
            return {.order = order};
        default: return {};
    }
}

void Laboratory::dma_done(const Event& event, const DmaOrder& order, bool passed) {
    const bool refused = (event.flags & flag::refused) != 0;
    if (order.flip && !refused) inject(event, order.order);
    record(event, order.order ? flag::tampered : std::uint8_t{0});
    Counters::RowShare count = counters_.share(counters_.row_of(event.source));
    if (passed) count.add(Count::Translations);
    if (refused) return count.add(Count::RefusedAccesses);
    const bool write = (event.flags & flag::write) != 0;
    count.add(write ? Count::Writes : Count::Reads);
    count.add(write ? Count::WrittenBytes : Count::ReadBytes, event.length);
}

void Laboratory::count_dma(const DmaCount& made) {
    Counters::RowShare count = counters_.share(counters_.row_of(made.source));
    count.add(Count::Translations, made.passed);
    if (made.read_bytes != 0) {
        count.add(Count::Reads);
        count.add(Count::ReadBytes, made.read_bytes);
    }
    if (made.written_bytes != 0) {
        count.add(Count::Writes);
        count.add(Count::WrittenBytes, made.written_bytes);
    }
}

void Laboratory::translated(const iommu::Request& request, const iommu::Translation& answer) {
    Counters::RowShare count = counters_.share(counters_.row_of(request.source.value));
    count.add(Count::Translations);
    if (!answer.allowed) count.add(Count::RefusedTranslations);
    if (recorder_.on()) record(event_of(request, answer));
}

void Laboratory::interrupted(iommu::SourceId source, const iommu::InterruptMessage& message,
                             const iommu::InterruptOutcome& outcome) {
    counters_.add(source.value, Count::Interrupts);
    if (!recorder_.on()) return;
    Event event = event_of(source, message);
    event.code = outcome.fault_reason;
    if (outcome.allowed) event.result = outcome.message.address;
    if (!outcome.allowed) event.flags |= flag::refused;
    if (outcome.tampered) event.flags |= flag::tampered;
    record(event);
}

bool Laboratory::decide_packet(Event event) {
    const Order order = ask(event);
    if (order.deed != Deed::Hang) {
        record_packet(event);
        return false;
    }
    inject(event, order);
    record(event, flag::tampered);
    return true;
}

void Laboratory::happened(const Event& event) {
    ask(event);
    record(event);
}

Order Laboratory::order(const Event& event) { return ask(event); }
void Laboratory::carried_out(const Event& event, const Order& order) { inject(event, order); }

void Laboratory::flip_bit(void* data, std::size_t bytes, std::uint32_t bit) {
    if (bytes == 0) return;
    static_cast<unsigned char*>(data)[bit / 8 % bytes] ^= static_cast<unsigned char>(1u << bit % 8);
}

// ---- what a machine sees to ----

void Laboratory::rules_changed() {
    const RuleSet rules = decisions_.rules();
    arm();
    happened({.kind = Kind::Rules, .detail = rules.seed, .code = static_cast<std::uint32_t>(rules.rules.size())});
    const std::vector<RuleRecord> known = decisions_.records();
    const auto sticks = [](const RuleRecord& rule) { return rule.deed == Deed::Stick && !rule.removed; };
    bool goes_on = false;
    {
        const std::lock_guard guard(lock_);
        if (stuck_for_)
            goes_on = std::ranges::none_of(
                known, [&](const RuleRecord& rule) { return sticks(rule) && rule.number == *stuck_for_; });
        else  // perhaps since before this laboratory: a machine that was loaded
            goes_on = !later_.has_release() && std::ranges::none_of(known, sticks);
        if (goes_on) stuck_for_.reset();
    }
    if (goes_on && unit_ != nullptr) unit_->release_commands();
}

// Of a unit that begins anew nothing is on its way any more: a late answer would be one to somebody else's question,
// since devices number theirs from the beginning.
void Laboratory::reset(std::uint16_t source) {
    happened({.kind = Kind::Reset, .source = source});
    if (source != no_source) return;
    const std::lock_guard guard(lock_);
    stuck_for_.reset();
    later_.forget();
}

// What is postponed so is about to happen: the timer is set anew, with the lock held, so that the last time it is set
// to is the earliest there is.
bool Laboratory::postpone(const Later::Deed& deed, std::uint64_t nanoseconds) {
    const std::uint64_t now = machine_.now();
    const std::lock_guard guard(lock_);
    if (!later_.add(deed, now + nanoseconds)) return false;
    const std::uint64_t next = *later_.next();
    machine_.call_later(next > now ? next - now : 0);
    return true;
}

void Laboratory::timer_expired() {
    carry_out_until(machine_.now());
    const std::uint64_t now = machine_.now();
    const std::lock_guard guard(lock_);
    if (const auto next = later_.next()) machine_.call_later(*next > now ? *next - now : 0);
}

void Laboratory::settle() { carry_out_until(~std::uint64_t{0}); }

// Deeds may cause others: those come the next time.
void Laboratory::carry_out_until(std::uint64_t time) {
    std::size_t left = 0;
    {
        const std::lock_guard guard(lock_);
        left = later_.size();
    }
    for (; left > 0; --left) {
        std::optional<Later::Deed> deed;
        {
            const std::lock_guard guard(lock_);
            deed = later_.take_due(time);
        }
        if (!deed) return;
        carry_out(*deed);
    }
}

void Laboratory::carry_out(const Later::Deed& deed) {
    if (std::holds_alternative<Later::ReleaseCommands>(deed)) return unit_->release_commands();
    if (const auto* obeys = std::get_if<Later::DeviceObeys>(&deed))
        return unit_->device_invalidated(obeys->source, obeys->tag);
    if (const auto* invalidation = std::get_if<iommu::DeviceInvalidation>(&deed))
        return devices_.real->invalidate(*invalidation);
    if (const auto* answer = std::get_if<iommu::PageAnswer>(&deed)) return devices_.real->answer(*answer);
    carry_out(std::get<Later::Besides>(deed));
}

void Laboratory::carry_out(const Later::Besides& besides) {
    const Order& order = besides.order;
    const std::uint16_t source = order.source != no_source ? order.source : besides.event.source;
    bool done = true;
    if (order.deed == Deed::Remove) {
        done = machine_.remove(source);
    } else if (order.of_unit) {
        unit_->raise_event(static_cast<iommu::InterruptSource>(order.vector));
    } else {
        done = machine_.raise(source, order.vector);
    }
    if (done) inject(besides.event, order);
}

}  // namespace remap::lab
