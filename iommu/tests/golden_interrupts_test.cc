// SPDX-License-Identifier: MIT
// Interrupt requests, entries and messages as the manual draws them (VT-d sections 5.1 and 9.9).
#include "iommu/spec/interrupts.h"

#include <gtest/gtest.h>

namespace remap::vtd {
namespace {

TEST(GoldenInterrupts, RemappableRequest) {
    const InterruptMessage request{0xfee1'2358, 0x0};  // HANDLE[14:0] 0x91a, SHV, format 1
    EXPECT_TRUE(remappable::Remappable::get(request.address));
    EXPECT_EQ(remappable::handle_of(request.address), 0x91au);
    EXPECT_EQ(remappable::index_of(request), 0x91au);
    EXPECT_EQ(remappable::index_of({0xfee1'2358, 0x3}), 0x91du);
    EXPECT_EQ(remappable::index_of({0xfee1'2350, 0x3}), 0x91au) << "no SHV";
    EXPECT_EQ(remappable::handle_of(0xfee0'0014), 0x8000u);
    EXPECT_EQ(remappable::index_of({0xfeef'fffc, 0xffff}), 0x1'fffeu) << "no wrap";
    EXPECT_EQ(remappable::make_request(0x91a, true, 3), (InterruptMessage{0xfee1'2358, 3}));
    EXPECT_EQ(remappable::make_request(0xffff, false, 0), (InterruptMessage{0xfeef'fff4, 0}));
    EXPECT_EQ(remappable::HighHandle::mask, 0x4u);
    EXPECT_EQ(remappable::SubhandleValid::mask, 0x8u);
    EXPECT_EQ(remappable::Remappable::mask, 0x10u);
    EXPECT_EQ(remappable::LowHandle::mask, 0xf'ffe0u);
    EXPECT_EQ(remappable::Subhandle::mask, 0xffffu);
    EXPECT_EQ(remappable::reserved_data, 0xffff'0000u);
}

TEST(GoldenInterrupts, CompatibilityRequest) {
    EXPECT_EQ(message::Remappable::mask, 0x10u);
    EXPECT_EQ(message::Destination::get(0xfeea'500c), 0xa5u);
    EXPECT_EQ(message::LogicalDestination::mask, 0x4u);
    EXPECT_EQ(message::RedirectionHint::mask, 0x8u);
    EXPECT_EQ(message::Destination::mask, 0xf'f000u);
    EXPECT_EQ(message::UpperDestination::mask, 0xffff'ff00'0000'0000u);
    EXPECT_EQ(message::Vector::mask, 0xffu);
    EXPECT_EQ(message::Delivery::mask, 0x700u);
    EXPECT_EQ(message::Delivery::get(0xc131), DeliveryMode::LowestPriority);
    EXPECT_EQ(message::Assert::mask, 0x4000u);
    EXPECT_EQ(message::LevelTriggered::mask, 0x8000u);
}

TEST(GoldenInterrupts, RedirectionEntries) {
    EXPECT_EQ(redirection::make(0x91a, 0x31, false), 0x1235'0000'0000'0031u);
    EXPECT_EQ(redirection::make(0x8001, 0x42, true), 0x0003'0000'0000'8842u);
    EXPECT_EQ(redirection::Masked::mask, 0x10000u);
}

TEST(GoldenInterrupts, EntryFields) {
    namespace entry = interrupt_entry;
    EXPECT_EQ(entry::bytes, 16u);
    EXPECT_EQ(entry::Present::mask, 0x1u);
    EXPECT_EQ(entry::FaultProcessingDisable::mask, 0x2u);
    EXPECT_EQ(entry::LogicalDestination::mask, 0x4u);
    EXPECT_EQ(entry::RedirectionHint::mask, 0x8u);
    EXPECT_EQ(entry::LevelTriggered::mask, 0x10u);
    EXPECT_EQ(entry::Delivery::mask, 0xe0u);
    EXPECT_EQ(entry::Available::mask, 0xf00u);
    EXPECT_EQ(entry::Posted::mask, 0x8000u);
    EXPECT_EQ(entry::Vector::mask, 0xff'0000u);
    EXPECT_EQ(entry::Destination::mask, 0xffff'ffff'0000'0000u);
    EXPECT_EQ(entry::ShortDestination::mask, 0x0000'ff00'0000'0000u);
    EXPECT_EQ(entry::Source::mask, 0xffffu);
    EXPECT_EQ(entry::Qualifier::mask, 0x3'0000u);
    EXPECT_EQ(entry::SourceValidation::mask, 0xc'0000u);
    EXPECT_EQ(entry::reserved_low(true), 0x0000'0000'ff00'f000u);
    EXPECT_EQ(entry::reserved_low(false), 0xffff'00ff'ff00'f000u);
    EXPECT_EQ(entry::reserved_high, 0xffff'ffff'fff0'0000u);
}

TEST(GoldenInterrupts, MessagesToProcessors) {
    namespace entry = interrupt_entry;
    // APIC id 0xa5, vector 0x31, fixed, edge, physical
    EXPECT_EQ(entry::message_of(0x0000'a500'0031'0001, false), (InterruptMessage{0xfeea'5000, 0x4031}));
    // logical, redirection hint, lowest priority, level
    EXPECT_EQ(entry::message_of(0x0000'0300'0040'003d, false), (InterruptMessage{0xfee0'300c, 0xc140}));
    // x2APIC id 0x12345: bits 7:0 where an APIC id is, the others in the upper address
    EXPECT_EQ(entry::message_of(0x0001'2345'0031'0001, true), (InterruptMessage{0x0001'2300'fee4'5000, 0x4031}));
    EXPECT_EQ(entry::message_of(0x0000'0000'00ff'0081, true), (InterruptMessage{0xfee0'0000, 0x44ff})) << "NMI";
}

TEST(GoldenInterrupts, SourceValidation) {
    namespace entry = interrupt_entry;
    EXPECT_TRUE(entry::allows(0x0'1234, 0xffff)) << "none";
    EXPECT_TRUE(entry::allows(0x4'1234, 0x1234));
    for (unsigned bit = 0; bit < 16; ++bit) {
        const auto other = static_cast<std::uint16_t>(0x1234 ^ 1u << bit);
        EXPECT_FALSE(entry::allows(0x4'1234, other)) << bit;
        EXPECT_EQ(entry::allows(0x5'1234, other), bit == 2) << bit;
        EXPECT_EQ(entry::allows(0x6'1234, other), bit == 1 || bit == 2) << bit;
        EXPECT_EQ(entry::allows(0x7'1234, other), bit <= 2) << bit;
    }
    EXPECT_FALSE(entry::allows(0x8'0305, 0x02ff)) << "buses 3 to 5";
    EXPECT_TRUE(entry::allows(0x8'0305, 0x0300));
    EXPECT_TRUE(entry::allows(0x8'0305, 0x05ff));
    EXPECT_FALSE(entry::allows(0x8'0305, 0x0600));
    EXPECT_FALSE(entry::allows(0xc'1234, 0x1234)) << "reserved";
}

}  // namespace
}  // namespace remap::vtd
