// SPDX-License-Identifier: MIT
#include "iommu/engine/iommu.h"

#include "iommu/engine/access_gate.h"
#include "iommu/engine/configuration.h"
#include "iommu/engine/event.h"
#include "iommu/engine/fault_log.h"
#include "iommu/engine/register_file.h"
#include "iommu/engine/translate.h"

#include <atomic>
#include <mutex>
#include <optional>

namespace remap::iommu {

// Two locks. `working` is held by whoever does the unit's work, also while that waits for accesses to end; `lock`
// protects everything that is not read without one, and is never held while anything waits. Taken in this order.
struct Iommu::Parts {
    // What power-on brings back by making it anew.
    struct Registers {
        Registers(const Configuration& configuration, Translator& translator, MemoryPort& memory)
            : faults(configuration), file(configuration, translator, faults, memory) {}

        FaultLog faults;
        RegisterFile file;
    };

    Parts(const Options& options, const Machine& around)
        : configuration(options), machine(around), translator(configuration, around.memory, around.clock) {
        registers.emplace(configuration, translator, machine.memory);
    }

    // Only without a lock: the receiver may call back.
    void send(const Outbox& outbox) {
        for (const Outbox::Letter& letter : outbox) machine.interrupts.send(letter.source, letter.message);
    }

    // What the fast path reads without the lock.
    void publish_state() { state_word.store(registers->file.state().word, std::memory_order_release); }
    TranslationState state() const { return {state_word.load(std::memory_order_acquire)}; }

    bool work_once();

    const Configuration configuration;
    const Machine machine;
    Translator translator;
    AccessGate gate;
    std::mutex working;
    std::mutex lock;
    std::optional<Registers> registers;
    std::atomic<std::uint64_t> state_word{0};
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
    {
        const std::lock_guard guard(parts_->lock);
        parts_->registers->file.write(offset, value, bytes, outbox);
        parts_->publish_state();
        work_left = parts_->registers->file.has_work();
    }
    parts_->send(outbox);
    if (!work_left) return;
    if (parts_->machine.work != nullptr) {
        parts_->machine.work->work_available();
    } else {
        while (parts_->work_once()) {
        }
    }
}

bool Iommu::Parts::work_once() {
    Outbox outbox;
    Progress progress;
    {
        const std::lock_guard one_worker(working);
        {
            const std::lock_guard guard(lock);
            progress = registers->file.advance(outbox);
        }
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

Translation Iommu::translate(const Request& request) {
    if (const auto known = parts_->translator.find(parts_->state(), request);
        known && (known->translation.allowed || known->quiet))
        return known->translation;

    std::unique_lock guard(parts_->lock);
    const Outcome outcome = parts_->translator.translate(parts_->registers->file.state(), request);
    if (outcome.translation.allowed || outcome.quiet) return outcome.translation;

    Outbox outbox;
    parts_->registers->faults.record(request, static_cast<vtd::FaultReason>(outcome.translation.fault_reason), outbox);
    guard.unlock();
    parts_->send(outbox);
    return outcome.translation;
}

Translation Iommu::probe(const Request& request) {
    const std::lock_guard guard(parts_->lock);
    return parts_->translator.probe(parts_->registers->file.state(), request).translation;
}

Statistics Iommu::statistics() {
    const std::lock_guard guard(parts_->lock);
    Translator& translator = parts_->translator;
    translator.settle_stale_uses();
    const StaleUses& stale = translator.stale_uses();
    return {.translations = translator.lookups().total(),
            .walks = translator.walks().total(),
            .stale_uses = stale.stale(),
            .late_invalidations = stale.late(),
            .undecided_uses = stale.crowded()};
}

std::vector<StaleUse> Iommu::stale_uses() {
    const std::lock_guard guard(parts_->lock);
    parts_->translator.settle_stale_uses();
    std::array<StaleUse, StaleUses::most_cases> reports;
    const std::size_t count = parts_->translator.stale_uses().report(reports);
    return {reports.begin(), reports.begin() + count};
}

void Iommu::reset() {
    const std::lock_guard one_worker(parts_->working);
    const std::lock_guard guard(parts_->lock);
    parts_->registers.emplace(parts_->configuration, parts_->translator, parts_->machine.memory);
    parts_->translator.reset();
    parts_->publish_state();
}

}  // namespace remap::iommu
