// SPDX-License-Identifier: MIT
// Registers, fault records and fault reasons as the manual has them (VT-d sections 11.4 and 7.1.3).
#include "iommu/spec/fault.h"
#include "iommu/spec/registers.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

namespace remap::vtd {
namespace {

TEST(GoldenRegisters, Capabilities) {
    namespace cap = capability;
    EXPECT_EQ(version::offset, 0x00u);
    EXPECT_EQ(version::Minor::mask, 0xfu);
    EXPECT_EQ(version::Major::mask, 0xf0u);
    EXPECT_EQ(cap::offset, 0x08u);
    EXPECT_EQ(cap::DomainsSupported::mask, 0x7u);
    EXPECT_EQ(cap::AdvancedFaultLogging::mask, 1ull << 3);
    EXPECT_EQ(cap::WriteBufferFlushing::mask, 1ull << 4);
    EXPECT_EQ(cap::ProtectedLowMemory::mask, 1ull << 5);
    EXPECT_EQ(cap::ProtectedHighMemory::mask, 1ull << 6);
    EXPECT_EQ(cap::CachingMode::mask, 1ull << 7);
    EXPECT_EQ(cap::AdjustedGuestWidths::mask, 0x1f00u);
    EXPECT_EQ(cap::MaximumGuestWidth::mask, 0x3f'0000u);
    EXPECT_EQ(cap::ZeroLengthRead::mask, 1ull << 22);
    EXPECT_EQ(cap::FaultRecordOffset::mask, 0x3ffull << 24);
    EXPECT_EQ(cap::LargePages::mask, 0xfull << 34);
    EXPECT_EQ(cap::PageSelectiveInvalidation::mask, 1ull << 39);
    EXPECT_EQ(cap::FaultRecords::mask, 0xffull << 40);
    EXPECT_EQ(cap::MaximumAddressMask::mask, 0x3full << 48);
    EXPECT_EQ(cap::DrainWrites::mask, 1ull << 54);
    EXPECT_EQ(cap::DrainReads::mask, 1ull << 55);
    EXPECT_EQ(cap::FirstStageHugePages::mask, 1ull << 56);
    EXPECT_EQ(cap::PostedInterrupts::mask, 1ull << 59);
    EXPECT_EQ(cap::FirstStageFiveLevels::mask, 1ull << 60);
    EXPECT_EQ(cap::EnhancedCommands::mask, 1ull << 61);
    EXPECT_EQ(cap::EnhancedInterruptTable::mask, 1ull << 62);
    EXPECT_EQ(cap::EnhancedRootTable::mask, 1ull << 63);
}

TEST(GoldenRegisters, ExtendedCapabilities) {
    namespace ecap = extended_capability;
    EXPECT_EQ(ecap::offset, 0x10u);
    EXPECT_EQ(ecap::Coherent::mask, 1ull << 0);
    EXPECT_EQ(ecap::QueuedInvalidation::mask, 1ull << 1);
    EXPECT_EQ(ecap::DeviceTlb::mask, 1ull << 2);
    EXPECT_EQ(ecap::InterruptRemapping::mask, 1ull << 3);
    EXPECT_EQ(ecap::ExtendedInterruptMode::mask, 1ull << 4);
    EXPECT_EQ(ecap::PassThrough::mask, 1ull << 6);
    EXPECT_EQ(ecap::SnoopControl::mask, 1ull << 7);
    EXPECT_EQ(ecap::IotlbRegisterOffset::mask, 0x3'ff00u);
    EXPECT_EQ(ecap::MaximumHandleMask::mask, 0xf0'0000u);
    EXPECT_EQ(ecap::MemoryType::mask, 1ull << 25);
    EXPECT_EQ(ecap::Nested::mask, 1ull << 26);
    EXPECT_EQ(ecap::PageRequest::mask, 1ull << 29);
    EXPECT_EQ(ecap::ExecuteRequest::mask, 1ull << 30);
    EXPECT_EQ(ecap::SupervisorRequest::mask, 1ull << 31);
    EXPECT_EQ(ecap::NoWriteFlag::mask, 1ull << 33);
    EXPECT_EQ(ecap::ExtendedAccessedFlag::mask, 1ull << 34);
    EXPECT_EQ(ecap::PasidSize::mask, 0x1full << 35);
    EXPECT_EQ(ecap::Pasid::mask, 1ull << 40);
    EXPECT_EQ(ecap::DeviceTlbThrottle::mask, 1ull << 41);
    EXPECT_EQ(ecap::PageRequestDrain::mask, 1ull << 42);
    EXPECT_EQ(ecap::ScalableMode::mask, 1ull << 43);
    EXPECT_EQ(ecap::VirtualCommands::mask, 1ull << 44);
    EXPECT_EQ(ecap::SecondStageAccessedDirty::mask, 1ull << 45);
    EXPECT_EQ(ecap::SecondStage::mask, 1ull << 46);
    EXPECT_EQ(ecap::FirstStage::mask, 1ull << 47);
    EXPECT_EQ(ecap::ScalableCoherent::mask, 1ull << 48);
    EXPECT_EQ(ecap::RequesterPasid::mask, 1ull << 49);
    EXPECT_EQ(ecap::PerformanceMonitoring::mask, 1ull << 51);
    EXPECT_EQ(ecap::AbortDmaMode::mask, 1ull << 52);
    EXPECT_EQ(ecap::RequesterPrivilege::mask, 1ull << 53);
}

TEST(GoldenRegisters, InterruptTableAndModes) {
    EXPECT_EQ(interrupt_table::offset, 0xb8u);
    EXPECT_EQ(interrupt_table::ExtendedMode::mask, 0x800u);
    EXPECT_EQ(interrupt_table::address, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(interrupt_table::entries(0x1234'580f), 65536u);
    EXPECT_EQ(interrupt_table::entries(0x1234'5000), 2u);
    EXPECT_EQ(root_table::TranslationMode::of(root_table::Mode::Scalable), 0x400u);
    EXPECT_EQ(root_table::TranslationMode::of(root_table::Mode::Abort), 0xc00u);
    EXPECT_EQ(global_command::CompatibilityInterrupt::mask, 0x0080'0000u);
    EXPECT_EQ(global_command::SetInterruptTable::mask, 0x0100'0000u);
    EXPECT_EQ(global_command::InterruptRemapping::mask, 0x0200'0000u);
}

TEST(GoldenRegisters, PageRequestQueue) {
    EXPECT_EQ(page_queue_head::offset, 0xc0u);
    EXPECT_EQ(page_queue_head::position, 0x7'ffe0u);
    EXPECT_EQ(page_queue_tail::offset, 0xc8u);
    EXPECT_EQ(page_queue_tail::position, 0x7'ffe0u);
    EXPECT_EQ(page_queue_address::offset, 0xd0u);
    EXPECT_EQ(page_queue_address::Size::mask, 0x7u);
    EXPECT_EQ(page_queue_address::address, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(page_request_status::offset, 0xdcu);
    EXPECT_EQ(page_request_status::Pending::mask, 0x1u);
    EXPECT_EQ(page_request_status::Overflow::mask, 0x2u);
    EXPECT_EQ(page_request_event.control, 0xe0u);
    EXPECT_EQ(page_request_event.data, 0xe4u);
    EXPECT_EQ(page_request_event.address, 0xe8u);
    EXPECT_EQ(page_request_event.upper_address, 0xecu);
}

TEST(GoldenRegisters, QueueErrorRecord) {
    EXPECT_EQ(queue_error::offset, 0xb0u);
    const std::uint64_t record = 0xabcd'1234'0000'0005;
    EXPECT_EQ(queue_error::Error::get(record), queue_error::Info::BadWidth);
    EXPECT_EQ(queue_error::TimeoutSource::get(record), 0x1234u);
    EXPECT_EQ(queue_error::CompletionSource::get(record), 0xabcdu);
    EXPECT_EQ(fault_status::CompletionError::mask, 0x20u);
    EXPECT_EQ(fault_status::TimeoutError::mask, 0x40u);
}

TEST(GoldenRegisters, FaultRecord) {
    using fault_record::RequestType;
    EXPECT_EQ(fault_record::address, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(fault_record::Source::mask, 0xffffu);
    EXPECT_EQ(fault_record::SecondType::mask, 0x1000'0000u);
    EXPECT_EQ(fault_record::Privileged::mask, 0x2000'0000u);
    EXPECT_EQ(fault_record::Execute::mask, 0x4000'0000u);
    EXPECT_EQ(fault_record::PasidPresent::mask, 0x8000'0000u);
    EXPECT_EQ(fault_record::Reason::mask, 0xff'0000'0000u);
    EXPECT_EQ(fault_record::Pasid::mask, 0x0fff'ff00'0000'0000u);
    EXPECT_EQ(fault_record::AddressType::mask, 0x3000'0000'0000'0000u);
    EXPECT_EQ(fault_record::Read::mask, 0x4000'0000'0000'0000u);
    EXPECT_EQ(fault_record::Fault::mask, 0x8000'0000'0000'0000u);
    EXPECT_EQ(fault_record::type_of(0x4000'0000'1000'0000), RequestType::Atomic);
    EXPECT_EQ(fault_record::type_of(0x8000'0000'1000'0000), RequestType::Page);
    EXPECT_EQ(fault_record::type(RequestType::Write), 0u);
    EXPECT_EQ(fault_record::type(RequestType::Page), 0x1000'0000u);
    EXPECT_EQ(fault_record::type(RequestType::Read), 0x4000'0000'0000'0000u);
    EXPECT_EQ(fault_record::type(RequestType::Atomic), 0x4000'0000'1000'0000u);
    EXPECT_EQ(fault_record::InterruptIndex::mask, 0xffff'0000'0000'0000u);
}

// Every reason by its number: whether a fault processing disable bit silences it, and a word of what it is about, which
// is enough to see two neighbours swapped.
TEST(GoldenRegisters, FaultReasons) {
    struct Row {
        unsigned number;
        bool qualified;
        const char* word;
    };
    const Row rows[] = {
        {0x01, false, "root entry not present"},
        {0x02, true, "context entry not present"},
        {0x03, true, "context entry invalid"},
        {0x04, true, "beyond"},
        {0x05, true, "no write"},
        {0x06, true, "no read"},
        {0x07, true, "paging entry unreadable"},
        {0x08, false, "root entry unreadable"},
        {0x09, false, "context entry unreadable"},
        {0x0a, false, "in a root entry"},
        {0x0b, true, "in a context entry"},
        {0x0c, true, "in a paging entry"},
        {0x0d, true, "request type blocked"},
        {0x0e, true, "interrupt range"},
        {0x20, false, "in an interrupt request"},
        {0x21, false, "index beyond"},
        {0x22, true, "interrupt entry not present"},
        {0x23, false, "interrupt entry unreadable"},
        {0x24, true, "in an interrupt entry"},
        {0x25, false, "compatibility"},
        {0x26, true, "source"},
        {0x30, false, "translation mode"},
        {0x31, false, "request with a PASID in legacy"},
        {0x32, false, "page request in legacy"},
        {0x38, false, "scalable root entry unreadable"},
        {0x39, false, "scalable root entry not present"},
        {0x3a, false, "in a scalable root entry"},
        {0x40, false, "scalable context entry unreadable"},
        {0x41, true, "scalable context entry not present"},
        {0x42, true, "in a scalable context entry"},
        {0x43, true, "scalable context entry invalid"},
        {0x44, true, "device TLB not enabled"},
        {0x45, true, "PASIDs not enabled"},
        {0x46, true, "PASID beyond"},
        {0x47, true, "page requests not enabled"},
        {0x48, true, "PASID of the context entry"},
        {0x50, false, "PASID directory entry unreadable"},
        {0x51, true, "PASID directory entry not present"},
        {0x52, true, "in a PASID directory entry"},
        {0x58, false, "PASID entry unreadable"},
        {0x59, true, "PASID entry not present"},
        {0x5a, true, "in a PASID entry"},
        {0x5b, true, "PASID entry invalid"},
        {0x5c, true, "execute requests not enabled"},
        {0x5d, true, "supervisor requests not enabled"},
        {0x70, true, "first-stage entry unreadable"},
        {0x71, true, "first-stage entry not present"},
        {0x72, true, "in a first-stage entry"},
        {0x73, true, "first-stage root entry unreadable"},
        {0x74, true, "first-stage table beyond"},
        {0x75, true, "no read of the first-stage root"},
        {0x76, true, "no read of a first-stage table"},
        {0x77, true, "no write of a first-stage table"},
        {0x78, true, "second-stage entry unreadable"},
        {0x79, true, "second-stage entry not present"},
        {0x7a, true, "in a second-stage entry"},
        {0x7b, true, "second-stage root entry unreadable"},
        {0x7c, true, "second-stage accessed or dirty bit without"},
        {0x7d, true, "second-stage accessed or dirty bit could not"},
        {0x80, true, "not canonical"},
        {0x81, true, "not for user"},
        {0x82, true, "no execute"},
        {0x83, true, "host width"},
        {0x84, true, "second stage's width"},
        {0x85, true, "no write permission (scalable"},
        {0x86, true, "no read permission (scalable"},
        {0x87, true, "interrupt range (scalable"},
        {0x90, true, "first-stage accessed or dirty bit without"},
        {0x91, true, "first-stage accessed or dirty bit could not"},
    };
    std::set<std::string> texts;
    std::set<unsigned> numbers;
    for (const Row& row : rows) {
        const auto reason = static_cast<FaultReason>(row.number);
        EXPECT_EQ(is_qualified(reason), row.qualified) << std::hex << row.number;
        EXPECT_NE(std::strstr(text_of(reason), row.word), nullptr) << std::hex << row.number << text_of(reason);
        EXPECT_EQ(is_interrupt_fault(reason), row.number >= 0x20 && row.number <= 0x26) << std::hex << row.number;
        texts.insert(text_of(reason));
        numbers.insert(row.number);
    }
    EXPECT_EQ(texts.size(), std::size(rows)) << "each has a text of its own";
    for (unsigned number = 1; number < 0x100; ++number) {
        const bool known = std::strcmp(text_of(static_cast<FaultReason>(number)), "unknown fault reason") != 0;
        EXPECT_EQ(known, numbers.count(number) != 0) << std::hex << number;
    }
}

}  // namespace
}  // namespace remap::vtd
