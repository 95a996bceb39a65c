// SPDX-License-Identifier: MIT
#include "iommu/driver/commands.h"
#include "iommu/driver/invalidator.h"

namespace remap::vtd_driver {

// The smallest aligned block of 2^n pages that holds the range.
Forget Forget::pages_of(const Capabilities& capabilities, std::uint16_t domain, LogicalPage first, LogicalPage last) {
    unsigned mask = 0;
    while (first.number >> mask != last.number >> mask) ++mask;
    if (!capabilities.page_selective() || mask > capabilities.maximum_address_mask()) return translations_of(domain);
    return {.translations = vtd::IotlbGranularity::Page,
            .domain = domain,
            .page = {round_down(first.number, std::uint64_t{1} << mask)},
            .address_mask = mask};
}

Error RegisterInvalidator::run(std::span<const Forget> list) {
    for (const Forget& one : list) {
        if (one.interrupts != Forget::Interrupts::None) return Error::NotOffered;
        Error error = Error::None;
        if (one.contexts != vtd::ContextGranularity::None) error = forget_contexts(one);
        if (error == Error::None && one.translations != vtd::IotlbGranularity::None) error = forget_translations(one);
        if (error != Error::None) return error;
    }
    return Error::None;
}

Error RegisterInvalidator::forget_contexts(const Forget& one) {
    namespace ccmd = vtd::context_command;
    registers_.write64(ccmd::offset, ccmd::Invalidate::of(true) | ccmd::Requested::of(one.contexts) |
                                         ccmd::Source::of(one.source) | ccmd::Domain::of(one.domain));
    const bool done = poll([&] { return !ccmd::Invalidate::get(registers_.read64(ccmd::offset)); });
    return done ? Error::None : Error::Timeout;
}

Error RegisterInvalidator::forget_translations(const Forget& one) {
    namespace iotlb = vtd::iotlb_invalidate;
    namespace iva = vtd::invalidate_address;
    const std::uint64_t base = capabilities_.iotlb_registers();
    if (one.translations == vtd::IotlbGranularity::Page) {
        registers_.write64(base + iva::offset_from_iro,
                           one.page.address().value | iva::AddressMask::of(one.address_mask));
    }
    registers_.write64(base + iotlb::offset_from_iro,
                       iotlb::Invalidate::of(true) | iotlb::Requested::of(one.translations) |
                           iotlb::Domain::of(one.domain) | iotlb::DrainReads::of(capabilities_.drains_reads()) |
                           iotlb::DrainWrites::of(capabilities_.drains_writes()));
    const bool done = poll([&] { return !iotlb::Invalidate::get(registers_.read64(base + iotlb::offset_from_iro)); });
    return done ? Error::None : Error::Timeout;
}

}  // namespace remap::vtd_driver
