// SPDX-License-Identifier: MIT
// What the unit sends to devices that have TLBs of their own (PCIe's ATS and PRI; VT-d sections 4.1 and 7.6).
#pragma once

#include "iommu/engine/request.h"
#include "iommu/spec/page_requests.h"

#include <cstdint>
#include <optional>

namespace remap::iommu {

// Tells an invalidation from all others that a unit ever sends. The five low bits are PCIe's ITag.
struct InvalidationTag {
    std::uint64_t value = 0;
    friend constexpr bool operator==(InvalidationTag, InvalidationTag) = default;
};

// What a device has to forget.
struct DeviceInvalidation {
    SourceId source;
    LogicalAddress first, last;       // of the first byte and of the last
    std::optional<Pasid> pasid = {};  // nothing: translations of requests without one
    bool every_pasid = false;         // whatever the PASID, if there is one
    InvalidationTag tag = {};
};

// The answer to a group of page requests.
struct PageAnswer {
    SourceId source;
    std::optional<Pasid> pasid = {};
    std::uint16_t group = 0;
    vtd::PageResponse code = vtd::PageResponse::Success;
};

// Called on any thread, without any lock of the unit held. Must not block.
class DevicePort {
public:
    // Answered by Iommu::device_invalidated once the device uses nothing of it any more: later, not from within this
    // call. A device that is not there does not answer.
    virtual void invalidate(const DeviceInvalidation& invalidation) = 0;

    virtual void answer(const PageAnswer& answer) = 0;

    // Iommu::timer_expired is to be called once, when the time has passed that a device has for an answer. While one
    // such call is to come, others may be left out.
    virtual void start_timer() = 0;

protected:
    ~DevicePort() = default;
};

}  // namespace remap::iommu
