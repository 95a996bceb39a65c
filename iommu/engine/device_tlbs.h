// SPDX-License-Identifier: MIT
// Invalidations that are on their way to device TLBs: which are pending, how many a device may have, and which have
// taken too long (VT-d sections 6.5.2.5, 6.5.2.6 and 6.5.2.11). What a device caches is written down nowhere: that is
// between the device and software.
//
// Time is counted in periods of the machine's timer: who has not answered when two have ended is given up.
#pragma once

#include "iommu/engine/device_port.h"
#include "iommu/engine/outbox.h"

#include <array>
#include <cstdint>
#include <optional>

namespace remap::iommu {

class DeviceTlbs {
public:
    static constexpr unsigned most_pending = 32;  // as many as ITags are

    // Of the function whose flow control counts: how many invalidations it can have pending, 1 to 32.
    struct Limit {
        SourceId function;
        unsigned most = most_pending;
    };

    // False, and nothing sent, while no tag is free or the limit is reached.
    bool send(const DeviceInvalidation& invalidation, const Limit& limit, Outbox& outbox);

    bool any_pending() const { return pending_ != 0; }

    enum class Answer : std::uint8_t {
        Expected,
        Unexpected,  // nothing with that tag and source is pending
        Outdated,    // it was sent before the last reset
    };
    Answer answered(SourceId source, InvalidationTag tag);

    // A period has ended. The device of an invalidation that is given up by this, if there is one.
    std::optional<SourceId> tick(Outbox& outbox);

    void reset();

    template <typename Archive>
    void state(Archive& archive) {
        archive("invalidations", sent_);
        archive("invalidations before the reset", sent_at_reset_);
        pending_ = 0;
        for (Slot& slot : slots_) {
            archive("pending invalidation", slot);
            const bool fits = (slot.tag.value & (most_pending - 1)) == static_cast<std::uint64_t>(&slot - &slots_[0]);
            archive.check(!slot.used || fits, "tag", "is not that of its place");
            pending_ += slot.used;
        }
    }

private:
    struct Slot {
        bool used = false;
        bool overdue = false;  // one period has ended since it was sent, or more
        SourceId source;
        SourceId function;
        InvalidationTag tag;

        template <typename Archive>
        void state(Archive& archive) {
            archive("pending", used);
            archive("overdue", overdue);
            archive("source", source.value);
            archive("function", function.value);
            archive("tag", tag.value);
        }
    };

    unsigned pending_of(SourceId function) const;
    void release(Slot& slot);

    std::array<Slot, most_pending> slots_{};
    unsigned pending_ = 0;
    std::uint64_t sent_ = 0;  // since power-on, resets included
    std::uint64_t sent_at_reset_ = 0;
};

}  // namespace remap::iommu
