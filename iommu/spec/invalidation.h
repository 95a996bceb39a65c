// SPDX-License-Identifier: MIT
// Descriptors of the invalidation queue as software writes them; their fields are in the file that this one includes.
#pragma once

#include "iommu/spec/invalidation_fields.h"

#include <cstdint>

namespace remap::vtd::descriptor {

constexpr Descriptor make_context(ContextGranularity granularity, std::uint16_t domain, std::uint16_t source,
                                  unsigned function_mask) {
    return {TypeLow::of(Type::Context) | context::Granularity::of(granularity) | context::Domain::of(domain) |
                context::Source::of(source) | context::FunctionMask::of(function_mask),
            0};
}

// `drains` is of DrainReads and DrainWrites, where CAP offers them.
constexpr Descriptor make_iotlb(IotlbGranularity granularity, std::uint16_t domain, std::uint64_t address,
                                unsigned address_mask, std::uint64_t drains) {
    return {TypeLow::of(Type::Iotlb) | iotlb::Granularity::of(granularity) | iotlb::Domain::of(domain) | drains,
            (address & iotlb::address) | iotlb::AddressMask::of(address_mask)};
}

constexpr Descriptor make_wait_status(std::uint64_t status_address, std::uint32_t status_data) {
    return {TypeLow::of(Type::Wait) | wait::StatusWrite::of(true) | wait::Fence::of(true) |
                wait::StatusData::of(status_data),
            status_address & wait::status_address};
}

// As make_wait_status, and the unit puts all page requests that came before it into their queue first.
constexpr Descriptor make_wait_drained(std::uint64_t status_address, std::uint32_t status_data) {
    const Descriptor plain = make_wait_status(status_address, status_data);
    return {plain.low | wait::PageDrain::mask, plain.high};
}

// Entries index to index + 2^index_mask - 1; the index is a multiple of that number.
constexpr Descriptor make_interrupt_entry(std::uint16_t index, unsigned index_mask) {
    return {TypeLow::of(Type::InterruptEntry) | interrupt_entry::Selective::of(true) |
                interrupt_entry::IndexMask::of(index_mask) | interrupt_entry::Index::of(index),
            0};
}

constexpr Descriptor make_interrupt_entry_all() { return {TypeLow::of(Type::InterruptEntry), 0}; }

// Who a device-TLB descriptor goes to.
struct DeviceTlbTarget {
    std::uint16_t source = 0;
    std::uint16_t physical_function = 0;  // the source itself, unless that is a virtual function
    std::uint8_t pending = 0;             // the device's invalidate queue depth of PCIe; 0 is 32
};

// 2^order pages.
constexpr Descriptor make_device_tlb(const DeviceTlbTarget& target, std::uint64_t address, unsigned order) {
    return {TypeLow::of(Type::DeviceTlb) | device_tlb::Source::of(target.source) |
                physical_function(target.physical_function) | device_tlb::Pending::of(target.pending),
            device_address<device_tlb::Size>(address, order)};
}

constexpr WideDescriptor wide(Descriptor descriptor) { return {{descriptor.low, descriptor.high, 0, 0}}; }

// `domain` and `pasid` as the granularity needs them.
constexpr WideDescriptor make_pasid(pasid::Granularity granularity, std::uint16_t domain, std::uint32_t number) {
    return wide({TypeLow::of(Type::Pasid) | pasid::Scope::of(granularity) | pasid::Domain::of(domain) |
                     pasid::Pasid::of(number),
                 0});
}

constexpr WideDescriptor make_pasid_iotlb(std::uint16_t domain, std::uint32_t number) {
    return wide({TypeLow::of(Type::PasidIotlb) | pasid_iotlb::Scope::of(pasid_iotlb::Granularity::Pasid) |
                     pasid_iotlb::Domain::of(domain) | pasid_iotlb::Pasid::of(number),
                 0});
}

// 2^address_mask pages; `leaves_only` when no entry that points to a table was changed.
constexpr WideDescriptor make_pasid_iotlb_pages(std::uint16_t domain, std::uint32_t number, std::uint64_t address,
                                                unsigned address_mask, bool leaves_only) {
    return wide({TypeLow::of(Type::PasidIotlb) | pasid_iotlb::Scope::of(pasid_iotlb::Granularity::Page) |
                     pasid_iotlb::Domain::of(domain) | pasid_iotlb::Pasid::of(number),
                 (address & pasid_iotlb::address) | pasid_iotlb::AddressMask::of(address_mask) |
                     pasid_iotlb::LeavesOnly::of(leaves_only)});
}

// 2^order pages.
constexpr WideDescriptor make_pasid_device_tlb(const DeviceTlbTarget& target, std::uint32_t number,
                                               std::uint64_t address, unsigned order) {
    return wide({TypeLow::of(Type::PasidDeviceTlb) | pasid_device_tlb::Source::of(target.source) |
                     physical_function(target.physical_function) | pasid_device_tlb::Pending::of(target.pending) |
                     pasid_device_tlb::Pasid::of(number),
                 device_address<pasid_device_tlb::Size>(address, order)});
}

// Answers the group of a page request, given by words 0 and 1 of any request of it.
constexpr WideDescriptor make_page_response(const page_request::Words& request, PageResponse code) {
    return wide({TypeLow::of(Type::PageGroupResponse) |
                     page_response::PasidPresent::of(page_request::PasidPresent::get(request[0])) |
                     page_response::Code::of(code) | page_response::Source::of(page_request::Source::get(request[0])) |
                     page_response::Pasid::of(page_request::Pasid::get(request[0])),
                 page_response::Last::of(page_request::Last::get(request[1])) |
                     page_response::Group::of(page_request::Group::get(request[1]))});
}

}  // namespace remap::vtd::descriptor
