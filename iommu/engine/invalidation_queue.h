// SPDX-License-Identifier: MIT
// The queued invalidation interface (VT-d section 6.5.2). Descriptors are worked off at once when the tail moves.
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/event.h"
#include "iommu/engine/fault_log.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/translate.h"
#include "iommu/spec/invalidation.h"

#include <cstdint>

namespace remap::iommu {

// Where the queue's effects go.
struct QueueTargets {
    Translator& translator;
    MemoryPort& memory;
    FaultLog& faults;
};

class InvalidationQueue {
public:
    InvalidationQueue(const Configuration& configuration, const QueueTargets& targets)
        : completion(InterruptSource::InvalidationCompletion), configuration_(configuration), targets_(targets) {}

    bool enabled() const { return enabled_; }
    void enable() { enabled_ = true; }
    void disable();

    std::uint64_t address() const { return address_; }
    std::uint64_t head() const { return head_; }
    std::uint64_t tail() const { return tail_; }
    std::uint64_t error() const;
    void write_address(std::uint64_t value);  // without effect while enabled
    void write_tail(std::uint64_t value);

    std::uint32_t completion_status() const;
    void write_completion_status(std::uint32_t value);

    // Works off descriptors up to the tail, at most a queue full of them, unless an error is pending. `legacy` tells
    // whether the translation mode in force is one that this unit has.
    void process(bool legacy, Outbox& outbox);

    Event completion;

private:
    using Info = vtd::queue_error::Info;

    struct Verdict {
        bool ok = true;
        Info info = Info::None;
    };

    std::uint64_t bytes() const;
    Verdict fetch_and_execute(Outbox& outbox);
    Verdict execute_context(const vtd::Descriptor& descriptor);
    Verdict execute_iotlb(const vtd::Descriptor& descriptor);
    Verdict execute_wait(const vtd::Descriptor& descriptor, Outbox& outbox);
    void fail(Info info, Outbox& outbox);

    const Configuration& configuration_;
    QueueTargets targets_;
    bool enabled_ = false;
    std::uint64_t address_ = 0;  // IQA_REG
    std::uint64_t head_ = 0;     // bytes
    std::uint64_t tail_ = 0;     // bytes
    Info error_ = Info::None;
    bool wait_complete_ = false;  // ICS_REG.IWC
};

}  // namespace remap::iommu
