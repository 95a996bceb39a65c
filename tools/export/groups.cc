// SPDX-License-Identifier: MIT
#include "tools/export/groups.h"

#include "iommu/lab/names.h"

#include <array>

namespace remap::tools {

using lab::Event;
using lab::Kind;

Group group_of(Kind kind) {
    switch (kind) {
        case Kind::Dma: return Group::Dma;
        case Kind::Translation:
        case Kind::Walk:
        case Kind::Entry: return Group::Translations;
        case Kind::Fault:
        case Kind::InterruptFault:
        case Kind::PageRequestFault:
        case Kind::StaleUse: return Group::Faults;
        case Kind::Interrupt:
        case Kind::UnitInterrupt: return Group::Interrupts;
        case Kind::Invalidation:
        case Kind::Completion:
        case Kind::QueueStopped:
        case Kind::DeviceInvalidation:
        case Kind::DeviceAnswer: return Group::Invalidations;
        case Kind::PageRequest:
        case Kind::PageAnswer: return Group::PageRequests;
        case Kind::Packet:
        case Kind::Halt: return Group::Engine;
        case Kind::Map:
        case Kind::Unmap:
        case Kind::Object:
        case Kind::Frames:
        case Kind::Call:
        case Kind::Return: return Group::Driver;
        default: return Group::Laboratory;
    }
}

std::string_view name_of(Group group) {
    static constexpr std::array<std::string_view, groups> names = {
        "DMA", "translations", "faults", "invalidations", "page requests", "interrupts", "engine", "driver", "rules",
    };
    return names[static_cast<unsigned>(group)];
}

Owner owner_of(const Event& event) {
    switch (event.kind) {
        case Kind::Invalidation:  // its source says what it is about; the queue is the unit's
        case Kind::Completion:
        case Kind::QueueStopped:
        case Kind::UnitInterrupt: return unit_owner;
        case Kind::Call:
        case Kind::Return:
        case Kind::Map:
        case Kind::Unmap:
        case Kind::Object:
        case Kind::Frames: return driver_owner;
        case Kind::Injection:
        case Kind::Rules:
        case Kind::Reset: return laboratory_owner;
        default: return event.source != lab::no_source ? Owner{event.source} : unit_owner;
    }
}

std::string name_of(Owner owner, const TraceContext& context) {
    if (owner == unit_owner) return "IOMMU";
    if (owner == driver_owner) return "driver and callbacks";
    if (owner == laboratory_owner) return "laboratory";
    const auto source = static_cast<std::uint16_t>(owner);
    std::string name = lab::text_of_source(source);
    const auto device = context.devices.find(source);
    return device == context.devices.end() ? name : name + " " + device->second;
}

Weight weight_of(const Event& event) {
    switch (event.kind) {
        case Kind::Injection: return Weight::Injected;
        case Kind::Fault:
        case Kind::InterruptFault:
        case Kind::PageRequestFault:
        case Kind::StaleUse:
        case Kind::QueueStopped:
        case Kind::Halt: return Weight::Faulty;
        case Kind::Rules:
        case Kind::Reset: return Weight::Noted;
        default: break;
    }
    const bool can_be_refused =
        event.kind == Kind::Dma || event.kind == Kind::Translation || event.kind == Kind::Interrupt;
    if (can_be_refused && (event.flags & lab::flag::refused) != 0) return Weight::Faulty;
    return (event.flags & lab::flag::tampered) != 0 ? Weight::Tampered : Weight::Common;
}

}  // namespace remap::tools
