// SPDX-License-Identifier: MIT
// Descriptors of the invalidation and page request queues as the manual draws them (VT-d sections 6.5.2 and 7.6.1).
#include "iommu/spec/invalidation.h"

#include <gtest/gtest.h>

namespace remap::vtd::descriptor {
namespace {

WideDescriptor words(std::uint64_t low, std::uint64_t high) { return {{low, high, 0, 0}}; }

TEST(GoldenDescriptors, TypesLieInTwoPlaces) {
    EXPECT_EQ(type_of({0x9, 0}), Type::PageGroupResponse);
    EXPECT_EQ(static_cast<unsigned>(type_of({0x9, 0})), 9u);
    EXPECT_EQ(static_cast<unsigned>(type_of({0x205, 0})), 0x15u);
    EXPECT_EQ(static_cast<unsigned>(type_of({0xe00, 0})), 0x70u);
    EXPECT_EQ(descriptor_bytes, 16u);
    EXPECT_EQ(wide_descriptor_bytes, 32u);
    EXPECT_EQ(sizeof(WideDescriptor), 32u);
}

TEST(GoldenDescriptors, Fields) {
    EXPECT_EQ(context::Granularity::mask, 0x30u);
    EXPECT_EQ(context::Domain::mask, 0xffff'0000u);
    EXPECT_EQ(context::Source::mask, 0x0000'ffff'0000'0000u);
    EXPECT_EQ(context::FunctionMask::mask, 0x0003'0000'0000'0000u);
    EXPECT_EQ(context::reserved_low, 0xfffc'0000'0000'f1c0u);
    EXPECT_EQ(iotlb::Granularity::mask, 0x30u);
    EXPECT_EQ(iotlb::DrainWrites::mask, 0x40u);
    EXPECT_EQ(iotlb::DrainReads::mask, 0x80u);
    EXPECT_EQ(iotlb::Domain::mask, 0xffff'0000u);
    EXPECT_EQ(iotlb::AddressMask::mask, 0x3fu);
    EXPECT_EQ(iotlb::LeavesOnly::mask, 0x40u);
    EXPECT_EQ(iotlb::address, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(iotlb::reserved_low, 0xffff'ffff'0000'f100u);
    EXPECT_EQ(iotlb::reserved_high, 0xf80u);
    EXPECT_EQ(pasid::Scope::mask, 0x30u);
    EXPECT_EQ(pasid::Domain::mask, 0xffff'0000u);
    EXPECT_EQ(pasid::Pasid::mask, 0x000f'ffff'0000'0000u);
    EXPECT_EQ(pasid_iotlb::Scope::mask, 0x30u);
    EXPECT_EQ(pasid_iotlb::Domain::mask, 0xffff'0000u);
    EXPECT_EQ(pasid_iotlb::Pasid::mask, 0x000f'ffff'0000'0000u);
    EXPECT_EQ(pasid_iotlb::AddressMask::mask, 0x3fu);
    EXPECT_EQ(pasid_iotlb::LeavesOnly::mask, 0x40u);
    EXPECT_EQ(pasid_iotlb::address, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(PhysicalFunctionLow::mask, 0xf000u);
    EXPECT_EQ(PhysicalFunctionHigh::mask, 0xfff0'0000'0000'0000u);
    EXPECT_EQ(device_tlb::Pending::mask, 0x1f'0000u);
    EXPECT_EQ(device_tlb::Source::mask, 0x0000'ffff'0000'0000u);
    EXPECT_EQ(device_tlb::Size::mask, 0x1u);
    EXPECT_EQ(device_tlb::address, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(pasid_device_tlb::Pending::mask, 0x1f0u);
    EXPECT_EQ(pasid_device_tlb::Source::mask, 0xffff'0000u);
    EXPECT_EQ(pasid_device_tlb::Pasid::mask, 0x000f'ffff'0000'0000u);
    EXPECT_EQ(pasid_device_tlb::Global::mask, 0x1u);
    EXPECT_EQ(pasid_device_tlb::Size::mask, 0x800u);
    EXPECT_EQ(pasid_device_tlb::address, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(interrupt_entry::Selective::mask, 0x10u);
    EXPECT_EQ(interrupt_entry::IndexMask::mask, 0xf800'0000u);
    EXPECT_EQ(interrupt_entry::Index::mask, 0x0000'ffff'0000'0000u);
    EXPECT_EQ(wait::Interrupt::mask, 0x10u);
    EXPECT_EQ(wait::StatusWrite::mask, 0x20u);
    EXPECT_EQ(wait::Fence::mask, 0x40u);
    EXPECT_EQ(wait::PageDrain::mask, 0x80u);
    EXPECT_EQ(wait::StatusData::mask, 0xffff'ffff'0000'0000u);
    EXPECT_EQ(page_response::PasidPresent::mask, 0x10u);
    EXPECT_EQ(page_response::Code::mask, 0xf000u);
    EXPECT_EQ(page_response::Source::mask, 0xffff'0000u);
    EXPECT_EQ(page_response::Pasid::mask, 0x000f'ffff'0000'0000u);
    EXPECT_EQ(page_response::Last::mask, 0x4u);
    EXPECT_EQ(page_response::Group::mask, 0xff8u);
}

TEST(GoldenDescriptors, PasidCache) {
    using pasid::Granularity;
    EXPECT_EQ(make_pasid(Granularity::Domain, 0x1234, 0), words(0x0000'0000'1234'0007, 0));
    EXPECT_EQ(make_pasid(Granularity::Pasid, 0x1234, 0xa'bcde), words(0x000a'bcde'1234'0017, 0));
    EXPECT_EQ(make_pasid(Granularity::Global, 0, 0), words(0x37, 0));
    EXPECT_EQ(pasid::reserved_low, 0xfff0'0000'0000'f1c0u);
    EXPECT_EQ(pasid::reserved_high, ~0ull);
}

TEST(GoldenDescriptors, PasidIotlb) {
    EXPECT_EQ(make_pasid_iotlb(0x1234, 0xa'bcde), words(0x000a'bcde'1234'0026, 0));
    EXPECT_EQ(make_pasid_iotlb_pages(0x1234, 0xa'bcde, 0xdcba'9876'5432'1fff, 0x12, true),
              words(0x000a'bcde'1234'0036, 0xdcba'9876'5432'1052));
    EXPECT_EQ(make_pasid_iotlb_pages(1, 2, 0x5000, 0, false), words(0x0000'0002'0001'0036, 0x5000));
    EXPECT_EQ(pasid_iotlb::reserved_low, 0xfff0'0000'0000'f1c0u);
    EXPECT_EQ(pasid_iotlb::reserved_high, 0xf80u);
}

TEST(GoldenDescriptors, DeviceTlb) {
    const DeviceTlbTarget target{.source = 0x1234, .physical_function = 0xabcd, .pending = 0x1f};
    EXPECT_EQ(make_device_tlb(target, 0x7000, 0), (Descriptor{0xabc0'1234'001f'd003, 0x7000}));
    EXPECT_EQ(make_device_tlb(target, 0x7000, 1), (Descriptor{0xabc0'1234'001f'd003, 0x6001})) << "8 KiB: bit 12 is 0";
    EXPECT_EQ(make_device_tlb(target, 0x1'2000, 4).high, 0x1'7001u) << "64 KiB: bits 15:12 are 0111";
    EXPECT_EQ(make_device_tlb(target, 0, 52).high, 0x7fff'ffff'ffff'f001u) << "all pages";
    EXPECT_EQ(make_device_tlb(target, 0x8000'0000'0000'5000, 0).high, 0x8000'0000'0000'5000u);
    EXPECT_EQ(physical_function_of({0xabc0'0000'0000'd003, 0}), 0xabcdu);
    EXPECT_EQ(device_tlb::reserved_low, 0x000f'0000'ffe0'01f0u);
    EXPECT_EQ(device_tlb::reserved_high, 0xffeu);
}

TEST(GoldenDescriptors, PasidDeviceTlb) {
    const DeviceTlbTarget target{.source = 0x1234, .physical_function = 0xabcd, .pending = 0x1f};
    EXPECT_EQ(make_pasid_device_tlb(target, 0x5'4321, 0x7000, 0), words(0xabc5'4321'1234'd1f8, 0x7000));
    EXPECT_EQ(make_pasid_device_tlb(target, 0x5'4321, 0x7000, 1), words(0xabc5'4321'1234'd1f8, 0x6800));
    EXPECT_EQ(pasid_device_tlb::reserved_low, 0u);
    EXPECT_EQ(pasid_device_tlb::reserved_high, 0x7feu);
}

// PCIe ATS: S and the lowest clear bit from 12 on.
TEST(GoldenDescriptors, DeviceRanges) {
    const auto is = [](std::uint64_t address, bool size, std::uint64_t first, std::uint64_t last) {
        const DeviceRange range = device_range(address, size);
        return range.first == first && range.last == last;
    };
    EXPECT_TRUE(is(0x7000, false, 0x7000, 0x7fff));
    EXPECT_TRUE(is(0x6000, true, 0x6000, 0x7fff));
    EXPECT_TRUE(is(0x5000, true, 0x4000, 0x7fff));
    EXPECT_TRUE(is(0x1'7000, true, 0x1'0000, 0x1'ffff));
    EXPECT_TRUE(is(0x7fff'ffff'ffff'f000, true, 0, ~0ull));
    EXPECT_TRUE(is(0xffff'ffff'ffff'f000, true, 0, ~0ull));
}

TEST(GoldenDescriptors, InterruptEntryCache) {
    EXPECT_EQ(make_interrupt_entry_all(), (Descriptor{0x4, 0}));
    EXPECT_EQ(make_interrupt_entry(0xabc0, 5), (Descriptor{0x0000'abc0'2800'0014, 0}));
    EXPECT_EQ(interrupt_entry::reserved_low, 0xffff'0000'07ff'f1e0u);
    EXPECT_EQ(interrupt_entry::reserved_high, ~0ull);
}

TEST(GoldenDescriptors, WaitThatDrainsPageRequests) {
    EXPECT_EQ(make_wait_drained(0x3'0004, 0xcafe'1234), (Descriptor{0xcafe'1234'0000'00e5, 0x3'0004}));
    EXPECT_EQ(wait::reserved_low, 0xffff'f180u);
    EXPECT_EQ(wait::reserved_high, 0x3u);
}

TEST(GoldenDescriptors, PageRequestAndItsResponse) {
    // PASID 0xabcde of 0x1234 wants to read and write 0x7fff5000 with privilege, the last of group 0x1a5
    const page_request::Words request{0x002a'bcde'1234'0101, 0x7fff'5d2f, 0, 0};
    EXPECT_EQ(page_request::bytes, 32u);
    EXPECT_EQ(page_request::type, 1u);
    EXPECT_EQ(page_request::Type::mask, 0xffu);
    EXPECT_EQ(page_request::PasidPresent::mask, 0x100u);
    EXPECT_EQ(page_request::Source::mask, 0xffff'0000u);
    EXPECT_EQ(page_request::Pasid::mask, 0x000f'ffff'0000'0000u);
    EXPECT_EQ(page_request::Execute::mask, 0x0010'0000'0000'0000u);
    EXPECT_EQ(page_request::Privileged::mask, 0x0020'0000'0000'0000u);
    EXPECT_EQ(page_request::Read::mask, 0x1u);
    EXPECT_EQ(page_request::Write::mask, 0x2u);
    EXPECT_EQ(page_request::Last::mask, 0x4u);
    EXPECT_EQ(page_request::Group::mask, 0xff8u);
    EXPECT_EQ(page_request::address, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(static_cast<unsigned>(PageResponse::Success), 0u);
    EXPECT_EQ(static_cast<unsigned>(PageResponse::InvalidRequest), 1u);
    EXPECT_EQ(static_cast<unsigned>(PageResponse::Failure), 15u);

    EXPECT_EQ(make_page_response(request, PageResponse::Success), words(0x000a'bcde'1234'0019, 0xd2c));
    EXPECT_EQ(make_page_response(request, PageResponse::InvalidRequest), words(0x000a'bcde'1234'1019, 0xd2c));
    EXPECT_EQ(make_page_response(request, PageResponse::Failure), words(0x000a'bcde'1234'f019, 0xd2c));
    EXPECT_EQ(make_page_response({0x1234'0001, 0x5009, 0, 0}, PageResponse::Success), words(0x1234'0009, 0x8));
    EXPECT_EQ(page_response::reserved_low, 0xfff0'0000'0000'01e0u);
    EXPECT_EQ(page_response::reserved_high, 0xffff'ffff'ffff'f003u);
}

}  // namespace
}  // namespace remap::vtd::descriptor
