// SPDX-License-Identifier: MIT
#include "iommu/engine/commands.h"

namespace remap::iommu {

namespace descriptor = vtd::descriptor;
using vtd::Descriptor;
using Info = Verdict::Info;

namespace {

std::uint16_t word16(std::uint64_t value) { return static_cast<std::uint16_t>(value); }

}  // namespace

Verdict Commands::execute(const vtd::WideDescriptor& wide, bool scalable) {
    const Descriptor one = wide.lower();
    if (wide.words[2] != 0 || wide.words[3] != 0) return Verdict::bad(Info::ReservedField);
    switch (descriptor::type_of(one)) {
        case descriptor::Type::Context: return contexts(one);
        case descriptor::Type::Iotlb: return iotlb(one);
        case descriptor::Type::Pasid: return scalable ? pasids(one) : Verdict::bad(Info::BadType);
        case descriptor::Type::PasidIotlb: return scalable ? pasid_iotlb(one) : Verdict::bad(Info::BadType);
        case descriptor::Type::InterruptEntry:
            return configuration_.interrupt_remapping ? interrupt_entries(one) : Verdict::bad(Info::BadType);
        default: return Verdict::bad(Info::BadType);  // needs ECAP.DT or PRS
    }
}

Verdict Commands::contexts(const Descriptor& one) {
    namespace field = descriptor::context;
    const vtd::ContextGranularity granularity = field::Granularity::get(one.low);
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0 ||
        granularity == vtd::ContextGranularity::None)
        return Verdict::bad(Info::ReservedField);
    translator_.invalidate_contexts(granularity, word16(field::Domain::get(one.low)),
                                    {word16(field::Source::get(one.low))},
                                    static_cast<unsigned>(field::FunctionMask::get(one.low)));
    return {};
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
        case vtd::IotlbGranularity::Global: translator_.invalidate_iotlb(); return {};
        case vtd::IotlbGranularity::Domain: translator_.invalidate_iotlb(range.domain); return {};
        case vtd::IotlbGranularity::Page:
            if (range.mask > maximum_address_mask) break;
            translator_.invalidate_iotlb(range, field::LeavesOnly::get(one.high));
            return {};
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
        case field::Granularity::Global: translator_.invalidate_pasids({}, {}); return {};
        case field::Granularity::Domain: translator_.invalidate_pasids(domain, {}); return {};
        case field::Granularity::Pasid: translator_.invalidate_pasids(domain, pasid); return {};
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
        case field::Granularity::Pasid: translator_.invalidate_pasid_iotlb(domain, pasid); return {};
        case field::Granularity::Page:
            translator_.invalidate_pasid_iotlb(range, field::LeavesOnly::get(one.high));
            return {};
    }
    return Verdict::bad(Info::ReservedField);
}

Verdict Commands::interrupt_entries(const Descriptor& one) {
    namespace field = descriptor::interrupt_entry;
    const auto mask = static_cast<unsigned>(field::IndexMask::get(one.low));
    if ((one.low & field::reserved_low) != 0 || (one.high & field::reserved_high) != 0)
        return Verdict::bad(Info::ReservedField);
    if (!field::Selective::get(one.low)) {
        interrupts_.invalidate();
        return {};
    }
    if (mask > maximum_handle_mask) return Verdict::bad(Info::ReservedField);
    interrupts_.invalidate(word16(field::Index::get(one.low)), mask);
    return {};
}

}  // namespace remap::iommu
