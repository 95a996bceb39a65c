// SPDX-License-Identifier: MIT
// The queued invalidation interface (VT-d section 6.5.2). Descriptors are worked off a few at a time; one that tells
// software of its completion waits until accesses that used what was invalidated have ended.
#pragma once

#include "iommu/engine/commands.h"
#include "iommu/engine/configuration.h"
#include "iommu/engine/event.h"
#include "iommu/engine/fault_log.h"
#include "iommu/engine/observer.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/progress.h"
#include "iommu/engine/queue_places.h"
#include "iommu/engine/translation_state.h"
#include "iommu/spec/invalidation.h"

#include <cstdint>

namespace remap::iommu {

// Where the queue's effects go.
struct QueueTargets {
    Commands& commands;
    MemoryPort& memory;
    FaultLog& faults;
    Observer* observer = nullptr;
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

    QueuePlaces places() const {
        return enabled_ ? QueuePlaces{static_cast<unsigned>(bytes() / descriptor_size()), descriptor_size()}
                        : QueuePlaces{};
    }

    // There are descriptors to work off, and no error in the way.
    bool has_work() const { return enabled_ && !targets_.faults.queue_error() && head_ != tail_; }

    // Works off some descriptors.
    Progress advance(const TranslationState& state, Outbox& outbox);

    // Every access that had begun when advance() returned MustDrain has ended.
    void drained() { undrained_ = false; }

    template <typename Archive>
    void state(Archive& archive) {
        archive("QIE", enabled_);
        archive("IQA", address_);
        archive("IQH", head_);
        archive("IQT", tail_, vtd::queue_tail::position);
        archive.check(head_ % descriptor_size() == 0 && head_ < bytes(), "IQH", "is not a place of a descriptor");
        archive("IQERCD", error_, Info::BadTranslationMode);
        archive("IWC", wait_complete_);
        archive("undrained", undrained_);
        archive("completion event", completion);
    }

    Event completion;

private:
    using Info = Verdict::Info;

    // So many at a time, that others get at the registers in between.
    static constexpr unsigned descriptors_a_turn = 16;

    std::uint64_t bytes() const { return page_size << vtd::queue_address::Size::get(address_); }
    bool wide() const { return vtd::queue_address::WideDescriptors::get(address_); }
    unsigned descriptor_size() const { return wide() ? vtd::wide_descriptor_bytes : vtd::descriptor_bytes; }
    Info setup_error(const TranslationState& state) const;
    bool fetch(vtd::WideDescriptor& descriptor);
    Verdict execute_wait(const vtd::WideDescriptor& descriptor, Outbox& outbox);
    void fail(Info info, Outbox& outbox);

    const Configuration& configuration_;
    QueueTargets targets_;
    bool enabled_ = false;
    std::uint64_t address_ = 0;  // IQA_REG
    std::uint64_t head_ = 0;     // bytes
    std::uint64_t tail_ = 0;     // bytes
    Info error_ = Info::None;
    bool wait_complete_ = false;  // ICS_REG.IWC
    bool undrained_ = false;      // something was invalidated since the last drain
};

}  // namespace remap::iommu
