// SPDX-License-Identifier: MIT
#include "iommu/engine/iommu.h"

#include "base/archive.h"
#include "iommu/engine/access_gate.h"
#include "iommu/engine/configuration.h"
#include "iommu/engine/device_tlbs.h"
#include "iommu/engine/dma_maps.h"
#include "iommu/engine/event.h"
#include "iommu/engine/fault_log.h"
#include "iommu/engine/interrupt_remapping.h"
#include "iommu/engine/reach_walk.h"
#include "iommu/engine/register_file.h"
#include "iommu/engine/translate.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <variant>

namespace remap::iommu {

namespace {

// Pieces of work that a register write does itself.
constexpr unsigned turns_in_write = 8;

constexpr ArchiveFormat state_format{.kind = 0x44545652, .newest = 3, .oldest = 2};  // "RVTD"

}  // namespace

// Two locks. `working` is held by whoever does the unit's work, also while that waits for accesses to end; `lock`
// protects everything that is not read without one, and is never held while anything waits. Taken in this order.
// DmaMaps has one of its own, which is taken without those.
struct Iommu::Parts {
    // What power-on brings back by making it anew.
    struct Registers {
        explicit Registers(Parts& parts)
            : faults(parts.configuration, parts.machine.injector),
              file(parts.configuration,
                   {.commands = {parts.translator, parts.interrupts, parts.device_tlbs, parts.commands},
                    .faults = faults,
                    .memory = parts.machine.memory,
                    .observer = parts.machine.observer}) {}

        template <typename Archive>
        void state(Archive& archive) {
            archive("faults", faults);
            archive("registers", file);
        }

        FaultLog faults;
        RegisterFile file;
    };

    Parts(const Configuration& unit, const Machine& around)
        : configuration(unit),
          machine(around),
          stamps(around.clock),
          commands(around.injector),
          translator(configuration, around.memory, stamps, {commands, around.observer, around.injector}),
          interrupts(configuration, around.memory, stamps, {commands, around.observer, around.injector}) {
        registers.emplace(*this);
    }

    // What makes a unit what it is, and then what it is in.
    template <typename Archive>
    void state(Archive& archive) {
        archive.same("CAP", configuration.capability);
        archive.same("ECAP", configuration.extended_capability);
        archive("clock", stamps);
        archive("translation", translator);
        archive("interrupts", interrupts);
        archive("device TLBs", device_tlbs);
        archive.check(configuration.device_tlb || !device_tlbs.any_pending(), "pending invalidation",
                      "is of a device TLB, and the unit knows none");
        archive("unit", *registers);
        if (archive.since(3)) archive("commands", commands);
        archive.check(!commands.is_held() || registers->file.has_commands(), "held command",
                      "is one that is not there");
    }

    void send(const Outbox& outbox);

    Translation translate(const Request& request);
    Translation look_up(const Request& request);
    Translation translate_tampered(const Request& request);
    Translation move_pages(const Translation& right, std::int64_t pages) const;
    void report(const Request& request, vtd::FaultReason reason, bool quiet, std::unique_lock<std::mutex>& guard);
    InterruptOutcome remap_interrupt(const InterruptRequest& request);
    InterruptOutcome refuse_interrupt(const InterruptRequest& request, const InterruptVerdict& verdict,
                                      std::unique_lock<std::mutex>& guard);
    InterruptOutcome remap_tampered(const InterruptRequest& request);

    // What the fast path reads without the lock.
    void publish_state() {
        state_word.store(registers->file.translation_state().word, std::memory_order_seq_cst);
        interrupt_word.store(registers->file.interrupt_state().word, std::memory_order_release);
    }
    TranslationState state() const { return {state_word.load(std::memory_order_seq_cst)}; }
    InterruptState interrupt_state() const { return {interrupt_word.load(std::memory_order_acquire)}; }

    enum class Patience { WaitForAccesses, DoNotWait };
    // What is left after a piece of the work: nothing, more, or more for somebody who can wait.
    enum class Left { Nothing, More, MustWait };
    Left work_once(Patience patience);
    void work_in_write();
    void go_on(bool work_left);

    const Configuration configuration;
    const Machine machine;
    StampClock stamps;
    CommandGate commands;
    Translator translator;
    InterruptRemapper interrupts;
    DeviceTlbs device_tlbs;
    AccessGate gate;
    std::mutex working;
    std::mutex lock;
    std::optional<Registers> registers;
    std::atomic<std::uint64_t> state_word{0};
    std::atomic<std::uint64_t> interrupt_word{0};
    DmaMaps dma_maps{configuration, machine.memory, state_word};
};

namespace {

// Nobody keeps translations whom the unit cannot tell to forget them.
Options with_ports(Options options, const Machine& machine) {
    options.device_tlb = options.device_tlb && machine.devices != nullptr;
    return options;
}

}  // namespace

Iommu::Iommu(const Options& options, const Machine& machine)
    : parts_(std::make_unique<Parts>(Configuration(with_ports(options, machine)), machine)) {}

Iommu::~Iommu() = default;

std::uint64_t Iommu::read(std::uint64_t offset, unsigned bytes) {
    const std::lock_guard guard(parts_->lock);
    return parts_->registers->file.read(offset, bytes);
}

QueuePlaces Iommu::queue_places() {
    const std::lock_guard guard(parts_->lock);
    return parts_->registers->file.queue_places();
}

void Iommu::write(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
    Outbox outbox;
    bool work_left = false;
    bool remapping_changed = false;
    bool translation_changed = false;
    {
        const std::lock_guard guard(parts_->lock);
        const std::uint64_t before = parts_->registers->file.interrupt_state().word;
        const TranslationState translation_before = parts_->state();
        parts_->registers->file.write(offset, value, bytes, outbox);
        parts_->publish_state();
        work_left = parts_->registers->file.has_work();
        remapping_changed = parts_->registers->file.interrupt_state().word != before;
        translation_changed = parts_->state().word != translation_before.word;
    }
    if (translation_changed) parts_->dma_maps.state_changed();
    if (remapping_changed) parts_->machine.interrupts.remapping_changed();
    parts_->send(outbox);
    if (work_left) parts_->work_in_write();
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

void Iommu::Parts::work_in_write() {
    if (machine.work == nullptr) {
        while (work_once(Patience::WaitForAccesses) == Left::More) {
        }
        return;
    }
    if (machine.work->may_work_here()) {
        for (unsigned turn = 0; turn < turns_in_write; ++turn) {
            const Left left = work_once(Patience::DoNotWait);
            if (left == Left::Nothing) return;
            if (left == Left::MustWait) break;
        }
    }
    machine.work->work_available();
}

// After a message of a device: on its thread nothing is done that another can do.
void Iommu::Parts::go_on(bool work_left) {
    if (!work_left) return;
    if (machine.work != nullptr) return machine.work->work_available();
    work_in_write();
}

Iommu::Parts::Left Iommu::Parts::work_once(Patience patience) {
    const bool waits = patience == Patience::WaitForAccesses;
    Outbox outbox;
    Left left = Left::More;
    {
        std::unique_lock one_worker(working, std::defer_lock);
        if (waits)
            one_worker.lock();
        else if (!one_worker.try_lock())
            return Left::MustWait;
        Progress progress;
        bool remapping_changed = false;
        {
            const std::lock_guard guard(lock);
            progress = registers->file.advance(outbox);
            remapping_changed = interrupts.take_invalidated();
        }
        if (remapping_changed) machine.interrupts.remapping_changed();
        if (progress == Progress::Idle) left = Left::Nothing;
        if (progress == Progress::MustDrain) {
            if (waits) {
                gate.drain();
                if (machine.work != nullptr) machine.work->drain_unannounced();
            } else if (!gate.try_drain()) {
                left = Left::MustWait;
            }
            if (left == Left::More) {
                const std::lock_guard guard(lock);
                registers->file.drained();
            }
        }
    }
    send(outbox);
    return left;
}

bool Iommu::work() { return parts_->work_once(Parts::Patience::WaitForAccesses) != Parts::Left::Nothing; }

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
        if (parts_->machine.observer != nullptr) parts_->machine.observer->device_answered(source, tag);
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
    MessageTampering tampering;
    if (Injector* const injector = parts_->machine.injector) tampering = injector->requesting_page(request);
    if (tampering.what == MessageTampering::What::Drop) return;
    Outbox outbox;
    {
        const std::lock_guard guard(parts_->lock);
        if (parts_->machine.observer != nullptr) parts_->machine.observer->page_requested(request);
        if (tampering.what == MessageTampering::What::Fault) {
            parts_->registers->file.refuse_page(request, tampering.reason, outbox);
        } else {
            parts_->registers->file.request_page(request, outbox);
        }
    }
    parts_->send(outbox);
}

void Iommu::release_commands() {
    bool work_left = false;
    {
        const std::lock_guard guard(parts_->lock);
        parts_->commands.release();
        work_left = parts_->registers->file.has_work();
    }
    parts_->go_on(work_left);
}

void Iommu::raise_event(InterruptSource source) {
    Outbox outbox;
    {
        const std::lock_guard guard(parts_->lock);
        parts_->registers->file.raise_event(source, outbox);
    }
    parts_->send(outbox);
}

void Iommu::prepare(const Request& request) const { parts_->translator.prepare(request); }

std::optional<PhysicalAddress> Iommu::expect(const Request& request) {
    Translation known;
    if (!parts_->translator.peek(parts_->state(), request, known)) return std::nullopt;
    return known.address;
}

Translation Iommu::translate(const Request& request) {
    if (parts_->machine.injector != nullptr && parts_->machine.injector->armed()) [[unlikely]]
        return parts_->translate_tampered(request);
    if (Translation known; parts_->translator.find(parts_->state(), request, known)) return known;
    return parts_->look_up(request);
}

Translation Iommu::Parts::translate(const Request& request) {
    if (Translation known; translator.find(state(), request, known)) return known;
    return look_up(request);
}

Translation Iommu::Parts::look_up(const Request& request) {
    std::unique_lock guard(lock);
    const Outcome outcome = translator.translate(registers->file.translation_state(), request);
    if (outcome.translation.fault_reason == 0) return outcome.translation;
    const auto reason = static_cast<vtd::FaultReason>(outcome.translation.fault_reason);
    report(request, reason, outcome.quiet, guard);
    return outcome.translation;
}

// Drops the lock.
void Iommu::Parts::report(const Request& request, vtd::FaultReason reason, bool quiet,
                          std::unique_lock<std::mutex>& guard) {
    Outbox outbox;
    const FaultFate fate = quiet ? FaultFate::Silenced : registers->faults.record(request, reason, outbox);
    if (machine.observer != nullptr) machine.observer->faulted(request, reason, fate);
    guard.unlock();
    send(outbox);
}

// Where nothing is translated there is nothing to interfere with.
Translation Iommu::Parts::translate_tampered(const Request& request) {
    if (!state().enabled() || is_interrupt(request)) return translate(request);
    const Tampering how = machine.injector->translating(request);
    switch (how.what) {
        case Tampering::What::None: break;
        case Tampering::What::Refuse: return translator.tampered_refusal(state(), request, vtd::FaultReason::None);
        case Tampering::What::Fault: {
            const Translation answer = translator.tampered_refusal(state(), request, how.reason);
            std::unique_lock guard(lock);
            if (answer.fault_reason != 0) report(request, how.reason, false, guard);
            return answer;
        }
        case Tampering::What::Move: {
            const Translation answer = move_pages(translate(request), how.pages);
            if (answer.tampered) machine.injector->moved(request, how, answer);
            return answer;
        }
    }
    return translate(request);
}

// A caller may use an answer for its whole granule: of a page that is not its neighbours' this is one page.
Translation Iommu::Parts::move_pages(const Translation& right, std::int64_t pages) const {
    if (!right.allowed || right.untranslated_only) return right;
    Translation wrong = right;
    const std::uint64_t distance = static_cast<std::uint64_t>(pages) << page_shift;
    wrong.address.value = (right.address.value + distance) & configuration.host_address_mask();
    wrong.granule = page_size;
    wrong.tampered = true;
    return wrong;
}

namespace {

InterruptOutcome outcome_of(const InterruptVerdict& verdict) {
    return {.allowed = verdict.allowed(),
            .message = verdict.message,
            .fault_reason = static_cast<std::uint8_t>(verdict.reason)};
}

}  // namespace

InterruptOutcome Iommu::remap_interrupt(SourceId source, const InterruptMessage& message, SourceCheck check) {
    const InterruptRequest request{source, message, check};
    if (parts_->machine.injector != nullptr && parts_->machine.injector->armed()) [[unlikely]]
        return parts_->remap_tampered(request);
    return parts_->remap_interrupt(request);
}

InterruptOutcome Iommu::Parts::remap_interrupt(const InterruptRequest& request) {
    if (const auto known = interrupts.find(interrupt_state(), request); known && (known->allowed() || known->quiet)) {
        if (!known->allowed() && machine.observer != nullptr)
            machine.observer->interrupt_faulted(request.source, known->index, known->reason, FaultFate::Silenced);
        return outcome_of(*known);
    }

    std::unique_lock guard(lock);
    const InterruptVerdict verdict = interrupts.remap(registers->file.interrupt_state(), request);
    return verdict.allowed() ? outcome_of(verdict) : refuse_interrupt(request, verdict, guard);
}

// Drops the lock.
InterruptOutcome Iommu::Parts::refuse_interrupt(const InterruptRequest& request, const InterruptVerdict& verdict,
                                                std::unique_lock<std::mutex>& guard) {
    Outbox outbox;
    const FaultFate fate =
        verdict.quiet ? FaultFate::Silenced
                      : registers->faults.record_interrupt(request.source, verdict.index, verdict.reason, outbox);
    if (machine.observer != nullptr)
        machine.observer->interrupt_faulted(request.source, verdict.index, verdict.reason, fate);
    guard.unlock();
    send(outbox);
    return outcome_of(verdict);
}

InterruptOutcome Iommu::Parts::remap_tampered(const InterruptRequest& request) {
    const MessageTampering how = machine.injector->interrupting(request.source, request.message);
    if (how.what == MessageTampering::What::None) return remap_interrupt(request);
    const InterruptVerdict verdict = interrupts.tampered_refusal(request, how.reason);
    InterruptOutcome outcome = outcome_of(verdict);
    outcome.tampered = true;
    if (how.what == MessageTampering::What::Drop) return outcome;
    std::unique_lock guard(lock);
    refuse_interrupt(request, verdict, guard);
    return outcome;
}

InterruptOutcome Iommu::probe_interrupt(SourceId source, const InterruptMessage& message, SourceCheck check) {
    const std::lock_guard guard(parts_->lock);
    const InterruptState state = parts_->registers->file.interrupt_state();
    return outcome_of(parts_->interrupts.probe(state, {source, message, check}));
}

Translation Iommu::probe(const Request& request) {
    const std::lock_guard guard(parts_->lock);
    return parts_->translator.probe(parts_->registers->file.translation_state(), request).translation;
}

Explanation Iommu::explain(const Request& request) {
    const std::lock_guard guard(parts_->lock);
    return parts_->translator.explain(parts_->registers->file.translation_state(), request);
}

InterruptExplanation Iommu::explain_interrupt(SourceId source, const InterruptMessage& message, SourceCheck check) {
    const std::lock_guard guard(parts_->lock);
    return parts_->interrupts.explain(parts_->registers->file.interrupt_state(), {source, message, check});
}

// Under the lock nobody reads on behalf of a request that an injector wants to know of.
Reach Iommu::reach(const ReachQuestion& question) {
    TranslationState state;
    RouteOutcome route;
    {
        const std::lock_guard guard(parts_->lock);
        state = parts_->registers->file.translation_state();
        if (state.enabled())
            route = parts_->translator.find_route(
                state, {.source = question.source, .address = question.first, .pasid = question.pasid});
    }
    const auto read = [this](PhysicalAddress from, void* to, std::size_t bytes) {
        const std::lock_guard guard(parts_->lock);
        return parts_->machine.memory.read(from, to, bytes);
    };
    return reach_by(parts_->configuration, state, route, question, read);
}

void Iommu::follow(SourceId source, DmaMapPort& port, const DmaMapOptions& options) {
    parts_->dma_maps.follow(source, port, options);
}

void Iommu::unfollow(DmaMapPort& port) { parts_->dma_maps.unfollow(port); }

void Iommu::stored(PhysicalAddress at, std::uint64_t bytes) { parts_->dma_maps.stored(at, bytes); }

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
            .unverified_interrupts = parts_->interrupts.unverified().total(),
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

std::size_t Iommu::save(std::span<std::byte> to) {
    const std::lock_guard one_worker(parts_->working);
    const std::lock_guard guard(parts_->lock);
    ArchiveWriter archive(state_format, to);
    parts_->state(archive);
    return archive.finish();
}

ArchiveError Iommu::load(std::span<const std::byte> from) {
    Parts trial(parts_->configuration, parts_->machine);
    ArchiveReader judge(state_format, from);
    trial.state(judge);
    if (const ArchiveError error = judge.finish()) return error;

    bool work_left = false;
    bool devices_pending = false;
    {
        const std::lock_guard one_worker(parts_->working);
        const std::lock_guard guard(parts_->lock);
        ArchiveReader archive(state_format, from);
        parts_->state(archive);
        parts_->publish_state();
        work_left = parts_->registers->file.has_work();
        devices_pending = parts_->device_tlbs.any_pending();
    }
    parts_->dma_maps.all_changed();
    if (devices_pending && parts_->machine.devices != nullptr) parts_->machine.devices->start_timer();
    parts_->machine.interrupts.remapping_changed();
    if (work_left && parts_->machine.work != nullptr) parts_->machine.work->work_available();
    return {};
}

void Iommu::reset() {
    const std::lock_guard one_worker(parts_->working);
    {
        const std::lock_guard guard(parts_->lock);
        parts_->registers.emplace(*parts_);
        parts_->commands.reset();
        parts_->translator.reset();
        parts_->interrupts.reset();
        parts_->device_tlbs.reset();
        parts_->publish_state();
    }
    parts_->dma_maps.state_changed();
    parts_->machine.interrupts.remapping_changed();
}

}  // namespace remap::iommu
