// SPDX-License-Identifier: MIT
// What a unit says, as events of the laboratory.
#pragma once

#include "iommu/engine/iommu.h"
#include "iommu/lab/event.h"

namespace remap::lab {

Event event_of(Kind kind, const iommu::Request& request);
Event event_of(const iommu::Request& request, const iommu::Translation& answer);
Event event_of(iommu::SourceId source, const iommu::InterruptMessage& message);
Event event_of(Kind kind, const iommu::PageRequest& request);
Event event_of(const iommu::Invalidation& command);
Event event_of(const iommu::WaitDone& wait);
Event event_of(const iommu::DeviceInvalidation& invalidation);
Event event_of(const iommu::PageAnswer& answer);
Event event_of(iommu::InterruptSource source, const iommu::InterruptMessage& message);
Event event_of(const iommu::StaleUse& use);

}  // namespace remap::lab
