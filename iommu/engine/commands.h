// SPDX-License-Identifier: MIT
// What single descriptors of the invalidation queue do (VT-d sections 6.5.2.1 to 6.5.2.7, and 7.6.1).
#pragma once

#include "iommu/engine/command_gate.h"
#include "iommu/engine/configuration.h"
#include "iommu/engine/device_tlbs.h"
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
    bool blocked = false;  // it cannot be carried out before a device has answered
    bool held = false;     // nor while the command gate holds it

    static Verdict bad(Info why) { return {false, why}; }
    static Verdict blocked_unless(bool possible) { return {true, Info::None, !possible}; }
    static Verdict of(CommandFate fate) { return {true, Info::None, false, fate == CommandFate::Hold}; }
};

// What commands act on.
struct CommandTargets {
    Translator& translator;
    InterruptRemapper& interrupts;
    DeviceTlbs& devices;
    CommandGate& gate;
};

class Commands {
public:
    Commands(const Configuration& configuration, const CommandTargets& targets)
        : configuration_(configuration), targets_(targets) {}

    // Any descriptor but a wait. `scalable`: the mode that the root table pointer sets. The outbox has room for a
    // message to a device.
    Verdict execute(const vtd::WideDescriptor& descriptor, bool scalable, Outbox& outbox);

private:
    Verdict contexts(const vtd::Descriptor& one);
    Verdict iotlb(const vtd::Descriptor& one);
    Verdict pasids(const vtd::Descriptor& one);
    Verdict pasid_iotlb(const vtd::Descriptor& one);
    Verdict interrupt_entries(const vtd::Descriptor& one);
    Verdict device_tlb(const vtd::Descriptor& one, Outbox& outbox);
    Verdict pasid_device_tlb(const vtd::Descriptor& one, Outbox& outbox);
    Verdict page_response(const vtd::Descriptor& one, Outbox& outbox);

    const Configuration& configuration_;
    CommandTargets targets_;
};

}  // namespace remap::iommu
