// SPDX-License-Identifier: MIT
// Page requests of devices: which are let through, and the queue in memory that hands them to software (VT-d
// sections 7.4 and 7.5). Software answers them by descriptors of the invalidation queue; those that never get to
// software are answered here.
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/event.h"
#include "iommu/engine/fault_log.h"
#include "iommu/engine/observer.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/quad_write.h"
#include "iommu/engine/request.h"
#include "iommu/engine/translate.h"
#include "iommu/spec/page_requests.h"
#include "iommu/spec/registers.h"

#include <cstdint>
#include <optional>

namespace remap::iommu {

class PageRequests {
public:
    // What the requests have to do with.
    struct Targets {
        Translator& translator;
        FaultLog& faults;
        MemoryPort& memory;
        Observer* observer = nullptr;
    };

    PageRequests(const Configuration& configuration, const Targets& targets)
        : configuration_(configuration), targets_(targets), event_(InterruptSource::PageRequest) {}

    // The registers from PQH_REG to PEUADDR_REG, 8 bytes each.
    static bool holds(std::uint64_t offset);
    std::uint64_t read(std::uint64_t offset) const;
    void write(std::uint64_t offset, const QuadWrite& write, Outbox& outbox);

    template <typename Archive>
    void state(Archive& archive) {
        archive("PQA", address_);
        archive("PQH", head_, vtd::page_queue_head::position);
        archive("PQT", tail_, vtd::page_queue_tail::position);
        archive("PPR", pending_);
        archive("PRO", overflow_);
        archive("page request event", event_);
    }

    // One that is refused for this reason, whatever the tables say.
    void refuse(const PageRequest& request, vtd::FaultReason reason, Outbox& outbox);

    // An event without a condition.
    void raise_event(Outbox& outbox) {
        if (configuration_.page_requests) event_.raise(outbox);
    }

    // The outbox has room for an answer.
    void request(const TranslationState& state, const PageRequest& request, Outbox& outbox);

private:
    using Code = vtd::PageResponse;

    void answer(const PageRequest& request, Code code, Outbox& outbox);
    Code fault(const PageRequest& request, const Translator::PageVerdict& verdict, Outbox& outbox);

    // How the unit itself answers; nothing: software will.
    std::optional<Code> take(const TranslationState& state, const PageRequest& request, Outbox& outbox);
    std::optional<Code> put(const PageRequest& request, Outbox& outbox);
    void set(bool& condition, Outbox& outbox);

    std::uint64_t bytes() const;
    std::uint64_t within(std::uint64_t position) const { return position & (bytes() - 1); }

    const Configuration& configuration_;
    Targets targets_;
    std::uint64_t address_ = 0;  // PQA_REG
    std::uint64_t head_ = 0;     // bytes
    std::uint64_t tail_ = 0;     // bytes
    bool pending_ = false;       // PRS_REG.PPR
    bool overflow_ = false;      // PRS_REG.PRO
    Event event_;
};

}  // namespace remap::iommu
