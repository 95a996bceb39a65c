// SPDX-License-Identifier: MIT
// The register window: what software reads and writes, what the unit has latched, and what each write sets off
// (VT-d chapter 11.4).
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/event.h"
#include "iommu/engine/fault_log.h"
#include "iommu/engine/interrupt_remapping.h"
#include "iommu/engine/interrupt_state.h"
#include "iommu/engine/invalidation_queue.h"
#include "iommu/engine/page_requests.h"
#include "iommu/engine/quad_write.h"
#include "iommu/engine/translate.h"

#include <cstdint>

namespace remap::iommu {

// What registers act on.
struct RegisterTargets {
    CommandTargets commands;
    FaultLog& faults;
    MemoryPort& memory;
    Observer* observer = nullptr;
};

class RegisterFile {
public:
    RegisterFile(const Configuration& configuration, const RegisterTargets& targets)
        : configuration_(configuration),
          translator_(targets.commands.translator),
          faults_(targets.faults),
          gate_(targets.commands.gate),
          commands_(configuration, targets.commands),
          queue_(configuration, {commands_, targets.commands.gate, targets.commands.devices, targets.memory,
                                 targets.faults, targets.observer}),
          page_requests_(configuration,
                         {targets.commands.translator, targets.faults, targets.memory, targets.observer}) {}

    std::uint64_t read(std::uint64_t offset, unsigned bytes) const;
    void write(std::uint64_t offset, std::uint64_t value, unsigned bytes, Outbox& outbox);

    // Invalidations that were asked for and are not done: registers and queue. One that is held, with those behind it,
    // is no work.
    bool has_work() const {
        const bool asked = context_pending_ || iotlb_phase_ == Phase::Asked;
        return (asked && !gate_.is_held()) || iotlb_phase_ == Phase::Draining || translation_phase_ != Phase::Idle ||
               queue_.has_work();
    }

    // Does some of them.
    Progress advance(Outbox& outbox);

    // Every access that had begun when advance() returned MustDrain has ended.
    void drained();

    // Messages of devices, and of the timer that watches over their answers.
    void device_answered(SourceId source, InvalidationTag tag, Outbox& outbox) {
        queue_.device_answered(source, tag, outbox);
    }
    void timer_expired(Outbox& outbox) { queue_.timer_expired(outbox); }
    void request_page(const PageRequest& request, Outbox& outbox) { page_requests_.request(state_, request, outbox); }
    void refuse_page(const PageRequest& request, vtd::FaultReason reason, Outbox& outbox) {
        if (configuration_.page_requests) page_requests_.refuse(request, reason, outbox);
    }

    // An event without a condition: it is sent, or pending while software masks it.
    void raise_event(InterruptSource source, Outbox& outbox);

    // Whether there may be a command that the gate holds.
    bool has_commands() const { return context_pending_ || iotlb_phase_ == Phase::Asked || queue_.enabled(); }

    QueuePlaces queue_places() const { return queue_.places(); }

    const TranslationState& translation_state() const { return state_; }
    const InterruptState& interrupt_state() const { return interrupt_state_; }

    template <typename Archive>
    void state(Archive& archive) {
        archive("RTADDR in force", state_.word);
        archive("RTPS", root_table_set_);
        archive.check(!state_.enabled() || root_table_set_, "TE", "is set without a root table");
        archive("TES", translation_status_);
        archive.check(!translation_status_ || root_table_set_, "TES", "is set without a root table");
        archive("TE in progress", translation_phase_, Phase::Draining);
        archive.check(translation_phase_ != Phase::Idle || translation_status_ == state_.enabled(), "TES",
                      "is not what was asked for, and nothing is in progress");
        archive("RTADDR", root_table_);
        archive("IRTA in force", interrupt_state_.word);
        archive("IRTPS", interrupt_table_set_);
        archive("IRTA", interrupt_table_);
        archive.check(is_possible(interrupt_state_), "IRTA in force", "is not what this unit could have set");
        archive("CCMD", context_command_);
        archive("IVA", invalidate_address_);
        archive("IOTLB", iotlb_invalidate_);
        archive("ICC", context_pending_);
        archive("IVT", iotlb_phase_, Phase::Draining);
        archive("queue", queue_);
        archive("page requests", page_requests_);
    }

private:
    // Of what is complete only when accesses that began before have ended.
    enum class Phase : std::uint8_t { Idle, Asked, Draining };

    std::uint64_t read_quad(std::uint64_t offset) const;
    std::uint64_t read_fault_record(std::uint64_t offset) const;
    void write_quad(std::uint64_t offset, const QuadWrite& write, Outbox& outbox);
    void write_fault_record(std::uint64_t offset, const QuadWrite& write);
    std::uint32_t global_status() const;
    bool is_possible(const InterruptState& state) const;
    void write_command(std::uint32_t value);
    void write_interrupt_command(std::uint32_t value);
    void submit_context_command();
    void submit_iotlb_invalidate();
    bool do_context_command();
    bool do_iotlb_invalidate();

    const Configuration& configuration_;
    Translator& translator_;
    FaultLog& faults_;
    CommandGate& gate_;
    Commands commands_;
    InvalidationQueue queue_;
    PageRequests page_requests_;
    TranslationState state_;           // what accesses that begin now go by
    bool translation_status_ = false;  // GSTS_REG.TES: what every access goes by, also the older ones
    Phase translation_phase_ = Phase::Idle;
    bool root_table_set_ = false;   // GSTS_REG.RTPS
    std::uint64_t root_table_ = 0;  // RTADDR_REG as software last wrote it
    InterruptState interrupt_state_;
    bool interrupt_table_set_ = false;      // GSTS_REG.IRTPS
    std::uint64_t interrupt_table_ = 0;     // IRTA_REG as software last wrote it
    std::uint64_t context_command_ = 0;     // CCMD_REG
    std::uint64_t invalidate_address_ = 0;  // IVA_REG
    std::uint64_t iotlb_invalidate_ = 0;    // IOTLB_REG
    bool context_pending_ = false;          // CCMD_REG.ICC
    Phase iotlb_phase_ = Phase::Idle;       // IOTLB_REG.IVT
};

}  // namespace remap::iommu
