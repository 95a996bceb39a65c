// SPDX-License-Identifier: MIT
// What single invalidation descriptors do to the caches (VT-d sections 6.5.2.1 to 6.5.2.7).
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/interrupt_remapping.h"
#include "iommu/engine/translate.h"
#include "iommu/spec/invalidation.h"

#include <array>
#include <cstdint>

namespace remap::iommu {

// How a descriptor fared. With an error the queue stops at it (6.5.2.11).
struct Verdict {
    using Info = vtd::queue_error::Info;

    bool ok = true;
    Info info = Info::None;

    static Verdict bad(Info why) { return {false, why}; }
};

class Commands {
public:
    Commands(const Configuration& configuration, Translator& translator, InterruptRemapper& interrupts)
        : configuration_(configuration), translator_(translator), interrupts_(interrupts) {}

    // Any descriptor but a wait. `scalable`: the mode that the root table pointer sets.
    Verdict execute(const vtd::WideDescriptor& descriptor, bool scalable);

private:
    Verdict contexts(const vtd::Descriptor& one);
    Verdict iotlb(const vtd::Descriptor& one);
    Verdict pasids(const vtd::Descriptor& one);
    Verdict pasid_iotlb(const vtd::Descriptor& one);
    Verdict interrupt_entries(const vtd::Descriptor& one);

    const Configuration& configuration_;
    Translator& translator_;
    InterruptRemapper& interrupts_;
};

}  // namespace remap::iommu
