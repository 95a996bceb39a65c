// SPDX-License-Identifier: MIT
// What the engine tells an observer, told to C.
#pragma once

#include "hw/capi/remap_iommu.h"
#include "iommu/engine/observer.h"

namespace remap::capi {

class Watcher final : public iommu::Observer {
public:
    Watcher(const RemapIommuWatch& watch, void* opaque) : watch_(watch), opaque_(opaque) {}

    void walked(const iommu::Request& request, PhysicalAddress entry_at, std::uint64_t entry) override;
    void faulted(const iommu::Request& request, vtd::FaultReason reason, iommu::FaultFate fate) override;
    void interrupt_faulted(iommu::SourceId source, std::uint16_t index, vtd::FaultReason reason,
                           iommu::FaultFate fate) override;
    void invalidated(const iommu::Invalidation& done) override;
    void wait_done(const iommu::WaitDone& wait) override;
    void queue_stopped(vtd::queue_error::Info info, std::uint64_t head) override;
    void stale_use(const iommu::StaleUse& use) override;

private:
    const RemapIommuWatch& watch_;
    void* opaque_;
};

}  // namespace remap::capi
