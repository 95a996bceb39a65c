// SPDX-License-Identifier: MIT
#include "iommu/engine/iommu.h"

#include "iommu/engine/access_gate.h"
#include "iommu/engine/configuration.h"
#include "iommu/engine/device_tlbs.h"
#include "iommu/engine/event.h"
#include "iommu/engine/fault_log.h"
#include "iommu/engine/interrupt_remapping.h"
#include "iommu/engine/register_file.h"
#include "iommu/engine/translate.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <variant>

namespace remap::iommu {

// Two locks. `working` is held by whoever does the unit's work, also while that waits for accesses to end; `lock`
// protects everything that is not read without one, and is never held while anything waits. Taken in this order.
struct Iommu::Parts {
    // What power-on brings back by making it anew.
    struct Registers {
        explicit Registers(Parts& parts)
            : faults(parts.configuration),
              file(parts.configuration,
                   {{parts.translator, parts.interrupts, parts.device_tlbs}, faults, parts.machine.memory}) {}

        FaultLog faults;
        RegisterFile file;
    };

    Parts(const Options& options, const Machine& around)
        : configuration(with_ports(options, around)),
          machine(around),
          stamps(around.clock),
          translator(configuration, around.memory, stamps),
          interrupts(configuration, around.memory, stamps) {
        registers.emplace(*this);
    }

    // Nobody keeps translations whom the unit cannot tell to forget them.
    static Options with_ports(Options options, const Machine& around) {
        options.device_tlb = options.device_tlb && around.devices != nullptr;
        return options;
    }

    void send(const Outbox& outbox);
    void go_on(bool work_left);

    // What the fast path reads without the lock.
    void publish_state() {
        state_word.store(registers->file.state().word, std::memory_order_release);
        interrupt_word.store(registers->file.interrupt_state().word, std::memory_order_release);
    }
    TranslationState state() const { return {state_word.load(std::memory_order_acquire)}; }
    InterruptState interrupt_state() const { return {interrupt_word.load(std::memory_order_acquire)}; }

    bool work_once();

    const Configuration configuration;
    const Machine machine;
    StampClock stamps;
    Translator translator;
    InterruptRemapper interrupts;
    DeviceTlbs device_tlbs;
    AccessGate gate;
    std::mutex working;
    std::mutex lock;
    std::optional<Registers> registers;
    std::atomic<std::uint64_t> state_word{0};
    std::atomic<std::uint64_t> interrupt_word{0};
};

Iommu::Iommu(const Options& options, const Machine& machine) : parts_(std::make_unique<Parts>(options, machine)) {}

Iommu::~Iommu() = default;

std::uint64_t Iommu::read(std::uint64_t offset, unsigned bytes) {
    const std::lock_guard guard(parts_->lock);
    return parts_->registers->file.read(offset, bytes);
}

void Iommu::write(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
    Outbox outbox;
    bool work_left = false;
    bool remapping_changed = false;
    {
        const std::lock_guard guard(parts_->lock);
        const std::uint64_t before = parts_->registers->file.interrupt_state().word;
        parts_->registers->file.write(offset, value, bytes, outbox);
        parts_->publish_state();
        work_left = parts_->registers->file.has_work();
        remapping_changed = parts_->registers->file.interrupt_state().word != before;
    }
    if (remapping_changed) parts_->machine.interrupts.remapping_changed();
    parts_->send(outbox);
    parts_->go_on(work_left);
}

// Only without a lock: the receiver may call back.
void Iommu::Parts::send(const Outbox& outbox) {
    for (const Outbox::Letter& letter : outbox) machine.interrupts.send(letter.source, letter.message);
    if (machine.devices == nullptr) return;
    if (outbox.timer_wanted()) machine.devices->start_timer();
    for (const Outbox::DeviceLetter& letter : outbox.to_devices()) {
        if (const auto* invalidation = std::get_if<DeviceInvalidation>(&letter)) {
            machine.devices->invalidate(*invalidation);
        } else {
            machine.devices->answer(std::get<PageAnswer>(letter));
        }
    }
}

void Iommu::Parts::go_on(bool work_left) {
    if (!work_left) return;
    if (machine.work != nullptr) {
        machine.work->work_available();
    } else {
        while (work_once()) {
        }
    }
}

bool Iommu::Parts::work_once() {
    Outbox outbox;
    Progress progress;
    {
        const std::lock_guard one_worker(working);
        bool remapping_changed = false;
        {
            const std::lock_guard guard(lock);
            progress = registers->file.advance(outbox);
            remapping_changed = interrupts.take_invalidated();
        }
        if (remapping_changed) machine.interrupts.remapping_changed();
        if (progress == Progress::MustDrain) {
            gate.drain();
            if (machine.work != nullptr) machine.work->drain_unannounced();
            const std::lock_guard guard(lock);
            registers->file.drained();
        }
    }
    send(outbox);
    return progress != Progress::Idle;
}

bool Iommu::work() { return parts_->work_once(); }

Iommu::Ticket Iommu::begin_access() {
    const AccessGate::Ticket ticket = parts_->gate.begin();
    return {ticket.slot, ticket.phase};
}

void Iommu::end_access(Ticket ticket) { parts_->gate.end({ticket.slot, ticket.phase}); }

void Iommu::device_invalidated(SourceId source, InvalidationTag tag) {
    Outbox outbox;
    bool work_left = false;
    {
        const std::lock_guard guard(parts_->lock);
        parts_->registers->file.device_answered(source, tag, outbox);
        work_left = parts_->registers->file.has_work();
    }
    parts_->send(outbox);
    parts_->go_on(work_left);
}

void Iommu::timer_expired() {
    Outbox outbox;
    bool work_left = false;
    {
        const std::lock_guard guard(parts_->lock);
        parts_->registers->file.timer_expired(outbox);
        work_left = parts_->registers->file.has_work();
    }
    parts_->send(outbox);
    parts_->go_on(work_left);
}

void Iommu::request_page(const PageRequest& request) {
    Outbox outbox;
    {
        const std::lock_guard guard(parts_->lock);
        parts_->registers->file.request_page(request, outbox);
    }
    parts_->send(outbox);
}

Translation Iommu::translate(const Request& request) {
    if (const auto known = parts_->translator.find(parts_->state(), request);
        known && (known->translation.allowed || known->quiet))
        return known->translation;

    std::unique_lock guard(parts_->lock);
    const Outcome outcome = parts_->translator.translate(parts_->registers->file.state(), request);
    if (outcome.quiet || outcome.translation.fault_reason == 0) return outcome.translation;

    Outbox outbox;
    parts_->registers->faults.record(request, static_cast<vtd::FaultReason>(outcome.translation.fault_reason), outbox);
    guard.unlock();
    parts_->send(outbox);
    return outcome.translation;
}

namespace {

InterruptOutcome outcome_of(const InterruptVerdict& verdict) {
    return {.allowed = verdict.allowed(),
            .message = verdict.message,
            .fault_reason = static_cast<std::uint8_t>(verdict.reason)};
}

}  // namespace

InterruptOutcome Iommu::remap_interrupt(SourceId source, const InterruptMessage& request) {
    if (const auto known = parts_->interrupts.find(parts_->interrupt_state(), source, request);
        known && (known->allowed() || known->quiet))
        return outcome_of(*known);

    std::unique_lock guard(parts_->lock);
    const InterruptState state = parts_->registers->file.interrupt_state();
    const InterruptVerdict verdict = parts_->interrupts.remap(state, source, request);
    if (verdict.allowed() || verdict.quiet) return outcome_of(verdict);

    Outbox outbox;
    parts_->registers->faults.record_interrupt(source, verdict.index, verdict.reason, outbox);
    guard.unlock();
    parts_->send(outbox);
    return outcome_of(verdict);
}

InterruptOutcome Iommu::probe_interrupt(SourceId source, const InterruptMessage& request) {
    const std::lock_guard guard(parts_->lock);
    return outcome_of(parts_->interrupts.probe(parts_->registers->file.interrupt_state(), source, request));
}

Translation Iommu::probe(const Request& request) {
    const std::lock_guard guard(parts_->lock);
    return parts_->translator.probe(parts_->registers->file.state(), request).translation;
}

Statistics Iommu::statistics() {
    const std::lock_guard guard(parts_->lock);
    parts_->translator.settle_stale_uses();
    parts_->interrupts.settle_stale_uses();
    const StaleUses& of_accesses = parts_->translator.stale_uses();
    const StaleUses& of_interrupts = parts_->interrupts.stale_uses();
    return {.translations = parts_->translator.lookups().total(),
            .walks = parts_->translator.walks().total(),
            .interrupts = parts_->interrupts.requests().total(),
            .interrupt_fetches = parts_->interrupts.fetches().total(),
            .stale_uses = of_accesses.stale() + of_interrupts.stale(),
            .late_invalidations = of_accesses.late() + of_interrupts.late(),
            .undecided_uses = of_accesses.crowded() + of_interrupts.crowded()};
}

std::vector<StaleUse> Iommu::stale_uses() {
    const std::lock_guard guard(parts_->lock);
    parts_->translator.settle_stale_uses();
    parts_->interrupts.settle_stale_uses();
    std::vector<StaleUse> all;
    for (const StaleUses* uses : {&parts_->translator.stale_uses(), &parts_->interrupts.stale_uses()}) {
        std::array<StaleUse, StaleUses::most_cases> reports;
        all.insert(all.end(), reports.begin(), reports.begin() + uses->report(reports));
    }
    std::ranges::stable_sort(all, {}, &StaleUse::first_used_at);
    return all;
}

void Iommu::reset() {
    const std::lock_guard one_worker(parts_->working);
    {
        const std::lock_guard guard(parts_->lock);
        parts_->registers.emplace(*parts_);
        parts_->translator.reset();
        parts_->interrupts.reset();
        parts_->device_tlbs.reset();
        parts_->publish_state();
    }
    parts_->machine.interrupts.remapping_changed();
}

}  // namespace remap::iommu
