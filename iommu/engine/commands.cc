// SPDX-License-Identifier: MIT
#include "iommu/engine/commands.h"

namespace remap::iommu {

namespace descriptor = vtd::descriptor;
using vtd::Descriptor;
using Info = Verdict::Info;

namespace {

std::uint16_t word16(std::uint64_t value) { return static_cast<std::uint16_t>(value); }

// MIP: invalidations that the function can have pending, 0 is 32.
DeviceTlbs::Limit limit_of(const Descriptor& one, std::uint64_t pending) {
    return {.function = {descriptor::physical_function_of(one)},
            .most = pending == 0 ? DeviceTlbs::most_pending : static_cast<unsigned>(pending)};
}

}  // namespace

Verdict Commands::execute(const vtd::WideDescriptor& wide, bool scalable, Outbox& outbox) {
    const Descriptor one = wide.lower();
    if (wide.words[2] != 0 || wide.words[3] != 0) return Verdict::bad(Info::ReservedField);
    switch (descriptor::type_of(one)) {
        case descriptor::Type::Context: return contexts(one);
        case descriptor::Type::Iotlb: return iotlb(one);
        case descriptor::Type::Pasid: return scalable ? pasids(one) : Verdict::bad(Info::BadType);
        case descriptor::Type::PasidIotlb: return scalable ? pasid_iotlb(one) : Verdict::bad(Info::BadType);
        case descriptor::Type::InterruptEntry:
            return configuration_.interrupt_remapping ? interrupt_entries(one) : Verdict::bad(Info::BadType);
        case descriptor::Type::DeviceTlb:
            return configuration_.device_tlb ? device_tlb(one, outbox) : Verdict::bad(Info::BadType);
        case descriptor::Type::PasidDeviceTlb:
            return configuration_.device_tlb && scalable ? pasid_device_tlb(one, outbox) : Verdict::bad(Info::BadType);
        case descriptor::Type::PageGroupResponse:
            return configuration_.page_requests && scalable ? page_response(one, outbox) : Verdict::bad(Info::BadType);
        case descriptor::Type::Wait: break;
    }
    return Verdict::bad(Info::BadType);
}

Verdict Commands::contexts(const Descriptor& one) {
    namespace field = descriptor::context;
    const vtd::ContextGranularity granularity = field::Granularity::get(one.low);
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0 ||
        granularity == vtd::ContextGranularity::None)
        return Verdict::bad(Info::ReservedField);
    return Verdict::of(targets_.translator.invalidate_contexts(
        granularity, word16(field::Domain::get(one.low)), {word16(field::Source::get(one.low))},
        static_cast<unsigned>(field::FunctionMask::get(one.low))));
}

Verdict Commands::iotlb(const Descriptor& one) {
    namespace field = descriptor::iotlb;
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0)
        return Verdict::bad(Info::ReservedField);
    const PageRange range{.domain = word16(field::Domain::get(one.low)),
                          .pasid = {},
                          .address = {one.high & field::address},
                          .mask = static_cast<unsigned>(field::AddressMask::get(one.high))};
    switch (field::Granularity::get(one.low)) {
        case vtd::IotlbGranularity::Global: return Verdict::of(targets_.translator.invalidate_iotlb());
        case vtd::IotlbGranularity::Domain: return Verdict::of(targets_.translator.invalidate_iotlb(range.domain));
        case vtd::IotlbGranularity::Page:
            if (range.mask > maximum_address_mask) break;
            return Verdict::of(targets_.translator.invalidate_iotlb(range, field::LeavesOnly::get(one.high)));
        case vtd::IotlbGranularity::None: break;
    }
    return Verdict::bad(Info::ReservedField);
}

Verdict Commands::pasids(const Descriptor& one) {
    namespace field = descriptor::pasid;
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0)
        return Verdict::bad(Info::ReservedField);
    const std::uint16_t domain = word16(field::Domain::get(one.low));
    const Pasid pasid{static_cast<std::uint32_t>(field::Pasid::get(one.low))};
    switch (field::Scope::get(one.low)) {
        case field::Granularity::Global: return Verdict::of(targets_.translator.invalidate_pasids({}, {}));
        case field::Granularity::Domain: return Verdict::of(targets_.translator.invalidate_pasids(domain, {}));
        case field::Granularity::Pasid: return Verdict::of(targets_.translator.invalidate_pasids(domain, pasid));
        case field::Granularity::Reserved: break;
    }
    return Verdict::bad(Info::ReservedField);
}

Verdict Commands::pasid_iotlb(const Descriptor& one) {
    namespace field = descriptor::pasid_iotlb;
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0)
        return Verdict::bad(Info::ReservedField);
    const std::uint16_t domain = word16(field::Domain::get(one.low));
    const Pasid pasid{static_cast<std::uint32_t>(field::Pasid::get(one.low))};
    const PageRange range{.domain = domain,
                          .pasid = pasid,
                          .address = {one.high & field::address},
                          .mask = static_cast<unsigned>(field::AddressMask::get(one.high))};
    switch (field::Scope::get(one.low)) {
        case field::Granularity::Pasid: return Verdict::of(targets_.translator.invalidate_pasid_iotlb(domain, pasid));
        case field::Granularity::Page:
            return Verdict::of(targets_.translator.invalidate_pasid_iotlb(range, field::LeavesOnly::get(one.high)));
    }
    return Verdict::bad(Info::ReservedField);
}

Verdict Commands::interrupt_entries(const Descriptor& one) {
    namespace field = descriptor::interrupt_entry;
    const auto mask = static_cast<unsigned>(field::IndexMask::get(one.low));
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0)
        return Verdict::bad(Info::ReservedField);
    if (!field::Selective::get(one.low)) return Verdict::of(targets_.interrupts.invalidate());
    if (mask > maximum_handle_mask) return Verdict::bad(Info::ReservedField);
    return Verdict::of(targets_.interrupts.invalidate(word16(field::Index::get(one.low)), mask));
}

Verdict Commands::device_tlb(const Descriptor& one, Outbox& outbox) {
    namespace field = descriptor::device_tlb;
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0)
        return Verdict::bad(Info::ReservedField);
    const vtd::descriptor::DeviceRange range =
        descriptor::device_range(one.high & field::address, field::Size::get(one.high));
    const DeviceInvalidation invalidation{
        .source = {word16(field::Source::get(one.low))}, .first = {range.first}, .last = {range.last}};
    return Verdict::blocked_unless(
        targets_.devices.send(invalidation, limit_of(one, field::Pending::get(one.low)), outbox));
}

Verdict Commands::pasid_device_tlb(const Descriptor& one, Outbox& outbox) {
    namespace field = descriptor::pasid_device_tlb;
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0)
        return Verdict::bad(Info::ReservedField);
    const vtd::descriptor::DeviceRange range =
        descriptor::device_range(one.high & field::address, field::Size::get(one.high));
    const DeviceInvalidation invalidation{.source = {word16(field::Source::get(one.low))},
                                          .first = {range.first},
                                          .last = {range.last},
                                          .pasid = Pasid{static_cast<std::uint32_t>(field::Pasid::get(one.low))},
                                          .every_pasid = field::Global::get(one.high)};
    return Verdict::blocked_unless(
        targets_.devices.send(invalidation, limit_of(one, field::Pending::get(one.low)), outbox));
}

Verdict Commands::page_response(const Descriptor& one, Outbox& outbox) {
    namespace field = descriptor::page_response;
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0)
        return Verdict::bad(Info::ReservedField);
    PageAnswer answer{.source = {word16(field::Source::get(one.low))},
                      .group = word16(field::Group::get(one.high)),
                      .code = field::Code::get(one.low)};
    if (field::PasidPresent::get(one.low)) answer.pasid = Pasid{static_cast<std::uint32_t>(field::Pasid::get(one.low))};
    outbox.push(answer);
    return {};
}

}  // namespace remap::iommu
