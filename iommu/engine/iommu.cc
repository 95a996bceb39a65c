// SPDX-License-Identifier: MIT
#include "iommu/engine/iommu.h"

#include "iommu/engine/configuration.h"
#include "iommu/engine/event.h"
#include "iommu/engine/fault_log.h"
#include "iommu/engine/register_file.h"
#include "iommu/engine/translate.h"

#include <mutex>
#include <optional>

namespace remap::iommu {

// Everything that power-on brings back is in Unit.
struct Iommu::Parts {
    struct Unit {
        Unit(const Configuration& configuration, MemoryPort& memory)
            : translator(configuration, memory), registers(configuration, translator, faults, memory) {}

        Translator translator;
        FaultLog faults;
        RegisterFile registers;
    };

    Parts(const Options& options, MemoryPort& memory_port, InterruptPort& interrupt_port)
        : configuration(options), memory(memory_port), interrupts(interrupt_port) {
        unit.emplace(configuration, memory);
    }

    // Only without the lock: the receiver may call back.
    void send(const Outbox& outbox) {
        for (const Outbox::Letter& letter : outbox) interrupts.send(letter.source, letter.message);
    }

    const Configuration configuration;
    MemoryPort& memory;
    InterruptPort& interrupts;
    std::mutex lock;
    std::optional<Unit> unit;
};

Iommu::Iommu(const Options& options, MemoryPort& memory, InterruptPort& interrupts)
    : parts_(std::make_unique<Parts>(options, memory, interrupts)) {}

Iommu::~Iommu() = default;

std::uint64_t Iommu::read(std::uint64_t offset, unsigned bytes) {
    const std::lock_guard guard(parts_->lock);
    return parts_->unit->registers.read(offset, bytes);
}

void Iommu::write(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
    Outbox outbox;
    {
        const std::lock_guard guard(parts_->lock);
        parts_->unit->registers.write(offset, value, bytes, outbox);
    }
    parts_->send(outbox);
}

Translation Iommu::translate(SourceId source, LogicalAddress address, Access access, RequestType type) {
    std::unique_lock guard(parts_->lock);
    Parts::Unit& unit = *parts_->unit;
    const Outcome outcome = unit.translator.translate(unit.registers.state(), {source, address, access, type}, true);
    if (outcome.translation.allowed || outcome.quiet) return outcome.translation;

    Outbox outbox;
    const auto reason = static_cast<vtd::FaultReason>(outcome.translation.fault_reason);
    unit.faults.record({source, address, access, type, reason}, outbox);
    guard.unlock();
    parts_->send(outbox);
    return outcome.translation;
}

Translation Iommu::probe(SourceId source, LogicalAddress address, Access access) {
    const std::lock_guard guard(parts_->lock);
    Parts::Unit& unit = *parts_->unit;
    const Request request{source, address, access, RequestType::Untranslated};
    return unit.translator.translate(unit.registers.state(), request, false).translation;
}

void Iommu::reset() {
    const std::lock_guard guard(parts_->lock);
    parts_->unit.emplace(parts_->configuration, parts_->memory);
}

}  // namespace remap::iommu
