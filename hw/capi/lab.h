// SPDX-License-Identifier: MIT
// The laboratory as the engine's C interface sees it: what makes one is elsewhere (remap_lab.cc), because it needs a
// whole run-time library, which the models do without.
#pragma once

#include "hw/capi/remap_lab.h"
#include "iommu/engine/iommu.h"

struct RemapLab {
    // The machine for a unit, with the laboratory in between; and the unit, once it is made.
    virtual remap::iommu::Machine around(const remap::iommu::Machine& real) = 0;
    virtual void attach(remap::iommu::Iommu& unit) = 0;

    // The answers that devices got; see Laboratory::translated. Any thread.
    virtual void translated(const remap::iommu::Request& request, const remap::iommu::Translation& answer) = 0;
    virtual void interrupted(remap::iommu::SourceId source, const remap::iommu::InterruptMessage& message,
                             const remap::iommu::InterruptOutcome& outcome) = 0;
    virtual void reset() = 0;

protected:
    ~RemapLab() = default;
};
