// SPDX-License-Identifier: MIT
#include "iommu/lab/engine_events.h"

namespace remap::lab {

namespace {

std::uint32_t number_of(const std::optional<iommu::Pasid>& pasid) { return pasid ? pasid->value : no_pasid; }

std::uint8_t flags_of(const iommu::Request& request) {
    std::uint8_t flags = 0;
    if (request.access == iommu::Access::Write) flags |= flag::write;
    if (request.type == iommu::RequestType::Translated) flags |= flag::translated;
    if (request.type == iommu::RequestType::Translation) flags |= flag::asks;
    if (request.privileged) flags |= flag::privileged;
    return flags;
}

}  // namespace

Event event_of(Kind kind, const iommu::Request& request) {
    return {.kind = kind,
            .flags = flags_of(request),
            .source = request.source.value,
            .pasid = number_of(request.pasid),
            .address = request.address.value};
}

Event event_of(const iommu::Request& request, const iommu::Translation& answer) {
    Event event = event_of(Kind::Translation, request);
    event.length = answer.granule;
    if (answer.allowed) event.result = answer.address.value;
    event.code = answer.fault_reason;
    if (!answer.allowed) event.flags |= flag::refused;
    if (answer.tampered) event.flags |= flag::tampered;
    return event;
}

Event event_of(iommu::SourceId source, const iommu::InterruptMessage& message) {
    return {.kind = Kind::Interrupt,
            .flags = flag::write,
            .source = source.value,
            .address = message.address,
            .detail = message.data};
}

Event event_of(Kind kind, const iommu::PageRequest& request) {
    Event event{.kind = kind,
                .source = request.source.value,
                .pasid = number_of(request.pasid),
                .address = request.address.value,
                .detail = request.group};
    if (request.write) event.flags |= flag::write;
    if (request.privileged) event.flags |= flag::privileged;
    return event;
}

Event event_of(const iommu::Invalidation& command) {
    using Scope = iommu::Invalidation::Scope;
    Event event{.kind = Kind::Invalidation,
                .address = command.first,
                .length = command.count,
                .detail = command.domain,
                .code = static_cast<std::uint32_t>(command.what) << 8 | static_cast<std::uint32_t>(command.scope)};
    if (command.scope == Scope::Device) event.source = command.source.value;
    const bool of_pasid = command.what == iommu::Invalidation::What::PasidTranslations || command.scope == Scope::Pasid;
    if (of_pasid) event.pasid = command.pasid.value;
    return event;
}

Event event_of(const iommu::WaitDone& wait) {
    Event event{.kind = Kind::Completion, .address = wait.address.value, .detail = wait.data};
    if (wait.writes) event.flags |= flag::writes;
    if (wait.interrupts) event.flags |= flag::interrupts;
    return event;
}

Event event_of(const iommu::DeviceInvalidation& invalidation) {
    return {.kind = Kind::DeviceInvalidation,
            .source = invalidation.source.value,
            .pasid = number_of(invalidation.pasid),
            .address = invalidation.first.value,
            .length = invalidation.last.value - invalidation.first.value + 1,  // 0: all of the 64 bits
            .detail = invalidation.tag.value};
}

Event event_of(const iommu::PageAnswer& answer) {
    return {.kind = Kind::PageAnswer,
            .source = answer.source.value,
            .pasid = number_of(answer.pasid),
            .detail = answer.group,
            .code = static_cast<std::uint32_t>(answer.code)};
}

Event event_of(iommu::InterruptSource source, const iommu::InterruptMessage& message) {
    return {.kind = Kind::UnitInterrupt,
            .address = message.address,
            .detail = message.data,
            .code = static_cast<std::uint32_t>(source)};
}

Event event_of(const iommu::StaleUse& use) {
    Event event = event_of(Kind::StaleUse, use.request);
    event.result = use.served.address.value;
    event.detail = use.memory.address.value;
    return event;
}

}  // namespace remap::lab
