// SPDX-License-Identifier: MIT
// The queued invalidation interface (VT-d section 6.5.2). Descriptors are worked off a few at a time; one that tells
// software of its completion waits until accesses that used what was invalidated have ended, and until devices have
// answered.
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
    CommandGate& gate;
    DeviceTlbs& devices;
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

    // There are descriptors to work off, no error is in the way, no device has to answer first, and none is held.
    bool has_work() const {
        const bool stopped = targets_.faults.queue_error() || targets_.faults.timeout_error();
        return enabled_ && !stopped && blocked_by_ == Blocker::None && !targets_.gate.is_held() && head_ != tail_;
    }

    // Works off some descriptors.
    Progress advance(const TranslationState& state, Outbox& outbox);

    // Every access that had begun when advance() returned MustDrain has ended.
    void drained() { undrained_ = false; }

    // A device says that it has done what it was told.
    void device_answered(SourceId source, InvalidationTag tag, Outbox& outbox);

    // Another period of the time that devices have to answer is over (DeviceTlbs::tick).
    void timer_expired(Outbox& outbox);

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
        archive("blocker", blocked_by_, Blocker::Invalidation);
        archive.check(blocked_by_ == Blocker::None || targets_.devices.any_pending(), "blocker",
                      "waits for a device that was told nothing");
        archive("ITESID", late_source_.value);
        archive("ICESID", unasked_source_.value);
        archive("completion event", completion);
    }

    Event completion;

private:
    using Info = Verdict::Info;

    // What cannot go on before a device has answered: the wait at the head, or another invalidation of its TLB.
    enum class Blocker : std::uint8_t { None, Wait, Invalidation };

    // So many at a time, that others get at the registers in between.
    static constexpr unsigned descriptors_a_turn = 16;

    std::uint64_t bytes() const { return page_size << vtd::queue_address::Size::get(address_); }
    bool wide() const { return vtd::queue_address::WideDescriptors::get(address_); }
    unsigned descriptor_size() const { return wide() ? vtd::wide_descriptor_bytes : vtd::descriptor_bytes; }
    Info setup_error(const TranslationState& state) const;
    void step() { head_ = (head_ + descriptor_size()) & (bytes() - 1); }
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
    Blocker blocked_by_ = Blocker::None;
    SourceId late_source_;     // IQERCD_REG.ITESID
    SourceId unasked_source_;  // IQERCD_REG.ICESID
};

}  // namespace remap::iommu
