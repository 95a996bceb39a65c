// SPDX-License-Identifier: MIT
// How tools look into the unit of a running machine.
#pragma once

#include "iommu/engine/iommu.h"

namespace remap::lab {

// Called on the thread that answers tools, which is none of the machine's: who has to prepare threads for reading the
// machine's memory does so here. None of the calls changes anything or waits for devices.
class UnitPort {
public:
    virtual iommu::Explanation explain(const iommu::Request& request) = 0;
    virtual iommu::InterruptExplanation explain_interrupt(iommu::SourceId source,
                                                          const iommu::InterruptMessage& message) = 0;
    virtual iommu::Reach reach(const iommu::ReachQuestion& question) = 0;

protected:
    ~UnitPort() = default;
};

// For machines whose memory any thread may read. The unit must outlive it.
class DirectUnit final : public UnitPort {
public:
    explicit DirectUnit(iommu::Iommu& unit) : unit_(unit) {}
    iommu::Explanation explain(const iommu::Request& request) override { return unit_.explain(request); }
    iommu::InterruptExplanation explain_interrupt(iommu::SourceId source,
                                                  const iommu::InterruptMessage& message) override {
        return unit_.explain_interrupt(source, message);
    }
    iommu::Reach reach(const iommu::ReachQuestion& question) override { return unit_.reach(question); }

private:
    iommu::Iommu& unit_;
};

}  // namespace remap::lab
