// SPDX-License-Identifier: MIT
#include "iommu/engine/device_tlbs.h"

#include "base/bits.h"

#include <algorithm>

namespace remap::iommu {

namespace {

using ItagField = Field<4, 0, unsigned>;
using Serial = Field<63, 5>;

}  // namespace

unsigned DeviceTlbs::pending_of(SourceId function) const {
    return static_cast<unsigned>(
        std::ranges::count_if(slots_, [function](const Slot& slot) { return slot.used && slot.function == function; }));
}

bool DeviceTlbs::send(const DeviceInvalidation& invalidation, const Limit& limit, Outbox& outbox) {
    if (pending_ == most_pending || pending_of(limit.function) >= limit.most) return false;
    Slot* const slot = std::ranges::find_if(slots_, [](const Slot& one) { return !one.used; });
    const auto itag = static_cast<unsigned>(slot - slots_.begin());
    *slot = {.used = true,
             .overdue = false,
             .source = invalidation.source,
             .function = limit.function,
             .tag = {ItagField::of(itag) | Serial::of(++sent_)}};
    if (pending_++ == 0) outbox.start_timer();
    DeviceInvalidation sent = invalidation;
    sent.tag = slot->tag;
    outbox.push(sent);
    return true;
}

void DeviceTlbs::release(Slot& slot) {
    slot = {};
    --pending_;
}

DeviceTlbs::Answer DeviceTlbs::answered(SourceId source, InvalidationTag tag) {
    Slot& slot = slots_[ItagField::get(tag.value)];
    if (slot.used && slot.tag == tag && slot.source == source) {
        release(slot);
        return Answer::Expected;
    }
    return Serial::get(tag.value) <= sent_at_reset_ ? Answer::Outdated : Answer::Unexpected;
}

std::optional<SourceId> DeviceTlbs::tick(Outbox& outbox) {
    std::optional<SourceId> late;
    for (Slot& slot : slots_) {
        if (!slot.used) continue;
        if (slot.overdue) {
            if (!late) late = slot.source;
            release(slot);
        } else {
            slot.overdue = true;
        }
    }
    if (any_pending()) outbox.start_timer();
    return late;
}

void DeviceTlbs::reset() {
    slots_ = {};
    pending_ = 0;
    sent_at_reset_ = sent_;
}

}  // namespace remap::iommu
