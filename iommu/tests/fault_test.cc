// SPDX-License-Identifier: MIT
#include "iommu/spec/fault.h"
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace remap::iommu {
namespace {

using test::Machine;
constexpr std::uint64_t hole = 0x3f0000000000;  // below the host width, no memory there

class FaultReasons : public testing::Test {
protected:
    FaultReasons() { machine.start(); }

    // Changes one word of the tables, and makes the unit see it.
    void with(std::uint64_t address, std::uint64_t word) {
        machine.ram.set(address, word);
        machine.invalidate_all();
    }

    Machine machine;
};

TEST_F(FaultReasons, Reason1RootEntryNotPresent) {
    with(0x10000, 0x11000);
    EXPECT_EQ(machine.reason(0x10, 0), 0x1u);
    EXPECT_EQ(machine.reason(0x110, 0), 0x1u) << "bus 1";
}

TEST_F(FaultReasons, Reason2ContextEntryNotPresent) { EXPECT_EQ(machine.reason(0x11, 0), 0x2u); }

TEST_F(FaultReasons, Reason3ContextEntryInvalid) {
    with(0x11108, 0x703);
    EXPECT_EQ(machine.reason(0x10, 0), 0x3u) << "57 bits";
    with(0x11108, 0x700);
    EXPECT_EQ(machine.reason(0x10, 0), 0x3u) << "30 bits";
    with(0x11108, 0x701);
    with(0x11100, 0x12005);
    EXPECT_EQ(machine.reason(0x10, 0), 0x3u) << "translation type 1 needs device TLBs";
    with(0x11100, 0x1200d);
    EXPECT_EQ(machine.reason(0x10, 0), 0x3u) << "translation type 3 is reserved";
    with(0x11100, hole | 1);
    EXPECT_EQ(machine.reason(0x10, 0), 0x3u) << "LCT.4.3: the top paging entry cannot be read";
}

TEST_F(FaultReasons, Reason4AddressBeyondTheWidth) {
    EXPECT_EQ(machine.reason(0x10, 0x8000000000), 0x4u);
    EXPECT_EQ(machine.reason(0x10, 0x7fffffffff), 0x6u) << "the last byte of 39 bits";
}

TEST_F(FaultReasons, Reason5And6NoPermission) {
    EXPECT_EQ(machine.reason(0x10, 0x1000, Access::Write), 0x5u);
    EXPECT_EQ(machine.reason(0x10, 0x2000, Access::Read), 0x6u);
    EXPECT_EQ(machine.reason(0x10, 0x3000, Access::Write), 0x5u) << "not present";
    EXPECT_EQ(machine.reason(0x10, 0x3000, Access::Read), 0x6u) << "not present";
    with(0x13000, 0x14001);
    EXPECT_EQ(machine.reason(0x10, 0, Access::Write), 0x5u) << "a table above gives no write";
}

TEST_F(FaultReasons, Reason7PagingEntryUnreadable) {
    with(0x13000, hole | 3);
    EXPECT_EQ(machine.reason(0x10, 0), 0x7u);
}

TEST_F(FaultReasons, Reason8RootEntryUnreadable) {
    machine.set_root(hole);
    machine.invalidate_all();
    EXPECT_EQ(machine.reason(0x10, 0), 0x8u);
}

TEST_F(FaultReasons, Reason9ContextEntryUnreadable) {
    with(0x10000, hole | 1);
    EXPECT_EQ(machine.reason(0x10, 0), 0x9u);
}

TEST_F(FaultReasons, ReasonARootEntryReserved) {
    with(0x10000, 0x11003);
    EXPECT_EQ(machine.reason(0x10, 0), 0xau);
    with(0x10000, 0x400000011001);
    EXPECT_EQ(machine.reason(0x10, 0), 0xau) << "beyond the host width";
    with(0x10000, 0x11001);
    with(0x10008, 1);
    EXPECT_EQ(machine.reason(0x10, 0), 0xau) << "high word";
}

TEST_F(FaultReasons, ReasonBContextEntryReserved) {
    with(0x11100, 0x12011);
    EXPECT_EQ(machine.reason(0x10, 0), 0xbu);
    with(0x11100, 0x400000012001);
    EXPECT_EQ(machine.reason(0x10, 0), 0xbu);
    with(0x11100, 0x12001);
    with(0x11108, 0x781);
    EXPECT_EQ(machine.reason(0x10, 0), 0xbu);
    with(0x11108, 0x1000701);
    EXPECT_EQ(machine.reason(0x10, 0), 0xbu);
    with(0x11108, 0x741);
    EXPECT_EQ(machine.reason(0x10, 0), 0x0u) << "bits 6:3 are software's";
}

TEST_F(FaultReasons, ReasonCPagingEntryReserved) {
    with(0x14000, 0x55803);
    EXPECT_EQ(machine.reason(0x10, 0), 0xcu) << "snoop control without ECAP.SC";
    with(0x14000, 0x4000000000055003);
    EXPECT_EQ(machine.reason(0x10, 0), 0xcu) << "transient mapping without ECAP.DT";
    with(0x14000, 0x400000055003);
    EXPECT_EQ(machine.reason(0x10, 0), 0xcu) << "beyond the host width";
    with(0x14000, 0xbff00000000557fb & ~0xf8ull);
    EXPECT_EQ(machine.reason(0x10, 0), 0x0u) << "ignored bits";
    with(0x13008, 0x601083);
    EXPECT_EQ(machine.reason(0x10, 0x200000), 0xcu) << "2 MiB leaf not aligned";
    with(0x12008, 0x40200083);
    EXPECT_EQ(machine.reason(0x10, 0x40000000), 0xcu) << "1 GiB leaf not aligned";
}

TEST(FaultReason, CHugeLeavesWhereNotOffered) {
    Machine machine({.huge_pages = false});
    machine.start();
    EXPECT_EQ(machine.reason(0x10, 0x200000), 0xcu);
    EXPECT_EQ(machine.reason(0x10, 0x40000000), 0xcu);
}

TEST_F(FaultReasons, ReasonDRequestTypeBlocked) {
    for (const RequestType type : {RequestType::Translation, RequestType::Translated}) {
        const Translation refused = machine.unit.translate({0x10}, {0}, Access::Read, type);
        EXPECT_FALSE(refused.allowed);
        EXPECT_EQ(refused.fault_reason, 0xdu);
    }
}

TEST_F(FaultReasons, ReasonETranslatedIntoTheInterruptRange) {
    with(0x14000, 0xfee00003);
    EXPECT_EQ(machine.reason(0x10, 0), 0xeu);
    with(0x12008, 0xc0000083);
    EXPECT_EQ(machine.reason(0x10, 0x40000000), 0u);
    EXPECT_EQ(machine.access(0x10, 0x40000000).granule, 0x100000u) << "the leaf holds the range";
    EXPECT_EQ(machine.reason(0x10, 0x7ee12345), 0xeu) << "also from the IOTLB";
}

TEST_F(FaultReasons, Reason30TranslationModeNotThere) {
    machine.set_root(0x10400);
    machine.invalidate_all();
    EXPECT_EQ(machine.reason(0x10, 0), 0x30u);
}

TEST(FaultReason, EveryLegacyReasonHasATextOfItsOwn) {
    std::set<std::string> texts;
    for (unsigned reason = 0; reason <= 0xe; ++reason)
        texts.insert(vtd::text_of(static_cast<vtd::FaultReason>(reason)));
    EXPECT_EQ(texts.size(), 15u);
    EXPECT_EQ(texts.count(vtd::text_of(static_cast<vtd::FaultReason>(0xff))), 0u);
}

TEST_F(FaultReasons, FpdKeepsQualifiedFaultsOutOfTheLog) {
    with(0x11100, 0x12003);
    EXPECT_EQ(machine.reason(0x10, 0x3000), 0x6u);
    EXPECT_EQ(machine.reason(0x10, 0x1000), 0u);
    EXPECT_EQ(machine.reason(0x10, 0x1000, Access::Write), 0x5u) << "from the IOTLB";
    with(0x11100, 0x2);
    EXPECT_EQ(machine.reason(0x10, 0), 0x2u) << "FPD counts in an entry that is not present";
    EXPECT_EQ(machine.read32(0x34), 0u);
    with(0x10000, 0);
    EXPECT_EQ(machine.reason(0x10, 0), 0x1u);
    EXPECT_EQ(machine.read32(0x34), 2u) << "root faults are not qualified";
}

TEST_F(FaultReasons, ProbeLeavesNoTrace) {
    EXPECT_EQ(machine.unit.probe({0x10}, {0x3000}, Access::Read).fault_reason, 6u);
    EXPECT_EQ(machine.read32(0x34), 0u);
    EXPECT_EQ(machine.unit.probe({0x10}, {0}, Access::Read).address.value, 0x55000u);
    machine.ram.set(0x14000, 0x66003);
    EXPECT_EQ(machine.access(0x10, 0).address.value, 0x66000u) << "nothing was cached";
}

class FaultLogs : public FaultReasons {
protected:
    void fault(std::uint64_t address = 0x3000) { machine.access(0x10, address); }
    void clear_record(unsigned index) { machine.write32(0x22c + 16 * index, 0x80000000); }
};

TEST_F(FaultLogs, EightRecordsThenOverflow) {
    for (unsigned i = 0; i < 8; ++i) machine.access(0x10, 0x3000 + i * 0x1000);
    EXPECT_EQ(machine.read32(0x34), 0x2u);
    machine.access(0x10, 0x20000);
    EXPECT_EQ(machine.read32(0x34), 0x3u);
    for (unsigned i = 0; i < 8; ++i) {
        EXPECT_EQ(machine.read64(0x220 + 16 * i), 0x3000 + i * 0x1000u);
        clear_record(i);
    }
    fault();
    EXPECT_EQ(machine.read32(0x34), 0x1u) << "nothing is recorded while PFO is set";
    machine.write32(0x34, 0x1);
    fault();
    EXPECT_EQ(machine.read32(0x34), 0x2u);
}

TEST_F(FaultLogs, FriPointsAtTheFirstPendingRecord) {
    for (std::uint64_t i = 0; i < 3; ++i) fault(0x3000 + i * 0x1000);
    for (unsigned i = 0; i < 3; ++i) clear_record(i);
    EXPECT_EQ(machine.read32(0x34), 0u);
    fault(0x3000);
    fault(0x4000);
    EXPECT_EQ(machine.read32(0x34), 0x302u);
}

TEST_F(FaultLogs, TheIndexStartsAgainWhenTranslationIsSwitchedOff) {
    fault();
    clear_record(0);
    machine.write32(0x18, 0);
    machine.enable();
    fault();
    EXPECT_EQ(machine.read32(0x34), 0x2u);
}

TEST_F(FaultLogs, EventIsSentOnceUntilServiced) {
    machine.write32(0x3c, 0x4041);
    machine.write32(0x40, 0xfee00003);
    machine.write32(0x44, 0x12);
    machine.write32(0x38, 0);
    fault(0x3000);
    fault(0x4000);
    ASSERT_EQ(machine.interrupts.sent.size(), 1u);
    EXPECT_EQ(machine.interrupts.sent[0].source, InterruptSource::FaultEvent);
    EXPECT_EQ(machine.interrupts.sent[0].address, 0x12fee00000u);
    EXPECT_EQ(machine.interrupts.sent[0].data, 0x4041u);
    clear_record(0);
    fault(0x5000);
    EXPECT_EQ(machine.interrupts.sent.size(), 1u) << "a record is still pending";
    clear_record(1);
    clear_record(2);
    fault(0x6000);
    EXPECT_EQ(machine.interrupts.sent.size(), 2u);
}

TEST_F(FaultLogs, AnOverflowIsNoEvent) {
    machine.write32(0x38, 0);
    for (std::uint64_t i = 0; i < 12; ++i) fault(0x3000 + i * 0x1000);
    EXPECT_EQ(machine.read32(0x34), 0x3u);
    EXPECT_EQ(machine.interrupts.sent.size(), 1u);
    EXPECT_EQ(machine.read32(0x38), 0u) << "nor is one pending";
}

TEST_F(FaultLogs, AFaultThatIsInTheLogAlreadyIsCollapsed) {
    for (int i = 0; i < 20; ++i) fault(0x3000);
    EXPECT_EQ(machine.read32(0x34), 0x2u) << "pending, no overflow";
    EXPECT_EQ(machine.read64(0x238), 0u) << "one record";
    fault(0x4000);
    EXPECT_EQ(machine.read64(0x230), 0x4000u) << "another page is another fault";
    clear_record(0);
    fault(0x3000);
    EXPECT_EQ(machine.read64(0x240), 0x3000u) << "it is recorded again once software has seen it";
}

TEST_F(FaultLogs, AMaskedEventIsHeldPending) {
    EXPECT_EQ(machine.read32(0x38), 0x80000000u) << "masked at reset";
    fault();
    EXPECT_EQ(machine.read32(0x38), 0xc0000000u);
    EXPECT_TRUE(machine.interrupts.sent.empty());
    machine.write32(0x38, 0);
    EXPECT_EQ(machine.read32(0x38), 0u);
    EXPECT_EQ(machine.interrupts.sent.size(), 1u);
}

TEST_F(FaultLogs, ServicingDropsAPendingEvent) {
    fault();
    clear_record(0);
    EXPECT_EQ(machine.read32(0x38), 0x80000000u);
    machine.write32(0x38, 0);
    EXPECT_TRUE(machine.interrupts.sent.empty());
}

// The receiver may use the unit: no lock of the engine is held.
TEST_F(FaultLogs, InterruptsAreSentWithoutTheLock) {
    std::uint64_t status = 0;
    machine.interrupts.on_send = [&] {
        status = machine.read32(0x34);
        machine.access(0x10, 0);
        machine.write32(0x38, 0x80000000);
    };
    machine.write32(0x38, 0);
    fault();
    EXPECT_EQ(status, 0x2u);
    EXPECT_EQ(machine.read32(0x38), 0x80000000u);
}

}  // namespace
}  // namespace remap::iommu
