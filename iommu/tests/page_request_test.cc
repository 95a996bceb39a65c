// SPDX-License-Identifier: MIT
// Page requests of devices, the queue they stand in, and who answers them (VT-d sections 7.4 to 7.6).
#include "iommu/tests/device_bench.h"

namespace remap::iommu {
namespace {

class PageRequests : public test::DeviceBench {
protected:
    static constexpr std::uint32_t pending = 1, overflow = 2;  // PRS

    PageRequest request(std::uint64_t address, std::uint16_t group = 0) {
        return {
            .source = {device}, .address = {address}, .read = true, .write = true, .pasid = Pasid{5}, .group = group};
    }
    std::uint64_t status() { return read32(0xdc); }
    std::uint64_t head() { return read64(0xc0); }
    std::uint64_t tail_of_requests() { return read64(0xc8); }
    std::uint64_t word(unsigned entry, unsigned n) { return ram.get(requests + 32 * entry + 8 * n); }
};

TEST_F(PageRequests, AreWrittenAsTheManualSays) {
    struct Row {
        const char* what;
        PageRequest request;
        std::uint64_t low, high;
    };
    const Row rows[] = {
        {"with a PASID",
         {.source = {0x10}, .address = {0x12345678}, .read = true, .pasid = Pasid{5}, .group = 3},
         0x0000000500100101,
         0x1234501d},
        {"for writing",
         {.source = {0x10}, .address = {0x12345000}, .write = true, .pasid = Pasid{5}, .group = 0x1ff},
         0x0000000500100101,
         0x12345ffe},
        {"privileged",
         {.source = {0x10}, .address = {0x1000}, .read = true, .pasid = Pasid{5}, .privileged = true},
         0x0020000500100101,
         0x1005},
        {"not the last of its group",
         {.source = {0x10}, .address = {0x1000}, .read = true, .pasid = Pasid{5}, .last = false},
         0x0000000500100101,
         0x1001},
        {"without a PASID",
         {.source = {0x10}, .address = {0x7000}, .read = true, .write = true},
         0x0000000000100001,
         0x7007},
        {"stop marker", {.source = {0x10}, .pasid = Pasid{5}}, 0x0000000500100101, 0x4},
    };
    unsigned entry = 0;
    for (const Row& row : rows) {
        unit.request_page(row.request);
        EXPECT_EQ(word(entry, 0), row.low) << row.what;
        EXPECT_EQ(word(entry, 1), row.high) << row.what;
        EXPECT_EQ(word(entry, 2) | word(entry, 3), 0u) << row.what;
        ++entry;
        EXPECT_EQ(tail_of_requests(), 32 * entry) << row.what;
    }
    EXPECT_EQ(status(), pending);
    EXPECT_TRUE(devices.answers.empty());
}

TEST_F(PageRequests, TheQueueWraps) {
    for (unsigned i = 0; i < 300; ++i) {
        unit.request_page(request(0x1000 * i, static_cast<std::uint16_t>(i % 512)));
        ASSERT_EQ(word(i % 128, 1), 0x1000ull * i | (i % 512) << 3 | 7);
        write64(0xc0, tail_of_requests());
    }
    EXPECT_EQ(status(), pending);
}

TEST_F(PageRequests, TheSizeOfTheQueueCounts) {
    write64(0xd0, requests | 1);  // 2 pages
    for (unsigned i = 0; i < 255; ++i) unit.request_page(request(0x1000));
    EXPECT_EQ(status(), pending);
    EXPECT_EQ(tail_of_requests(), 255u * 32);
    unit.request_page(request(0x1000));
    EXPECT_EQ(status(), pending | overflow);
}

// A device takes success for an invitation to try again.
TEST_F(PageRequests, AFullQueueDropsThemAndTheUnitAnswers) {
    for (std::uint16_t i = 0; i < 127; ++i) unit.request_page(request(0x1000));
    EXPECT_EQ(status(), pending);
    EXPECT_TRUE(devices.answers.empty());
    const std::uint64_t last = word(127, 1);
    unit.request_page(request(0x1000, 33));
    EXPECT_EQ(status(), pending | overflow);
    EXPECT_EQ(word(127, 1), last);
    ASSERT_EQ(devices.answers.size(), 1u);
    EXPECT_EQ(devices.answers[0].code, vtd::PageResponse::Success);
    EXPECT_EQ(devices.answers[0].group, 33);
    EXPECT_EQ(devices.answers[0].source.value, device);
    EXPECT_EQ(devices.answers[0].pasid, Pasid{5});

    PageRequest first_of_group = request(0x1000, 34);
    first_of_group.last = false;
    unit.request_page(first_of_group);
    unit.request_page({.source = {device}, .pasid = Pasid{5}});  // a stop marker
    EXPECT_EQ(devices.answers.size(), 1u) << "neither is answered";

    write64(0xc0, tail_of_requests());
    unit.request_page(request(0x1000, 35));
    EXPECT_EQ(devices.answers.size(), 2u) << "dropped until software clears the overflow";
    write32(0xdc, overflow);
    EXPECT_EQ(status(), pending);
    unit.request_page(request(0x1000, 36));
    EXPECT_EQ(devices.answers.size(), 2u);
    EXPECT_EQ(head() + 32, tail_of_requests() == 0 ? 4096 : tail_of_requests());
}

TEST_F(PageRequests, BlockedOnesAreRecordedAndAnswered) {
    struct Row {
        const char* what;
        std::uint16_t source;
        std::optional<std::uint32_t> pasid;
        unsigned reason;
    };
    const Row rows[] = {
        {"SRT.2", 0x110, {}, 0x39},
        {"SCT.2", 0x08, {}, 0x41},
        {"SCT.6, PASIDE clear", 0x20, 5, 0x45},
        {"SCT.7, PASID beyond the directory", device, 0x2000, 0x46},
        {"SCT.8, PRE clear", 0x20, {}, 0x47},
    };
    for (const Row& row : rows) {
        clear_faults();
        devices.answers.clear();
        PageRequest blocked{.source = {row.source}, .address = {0x12345000}, .write = true, .group = 9};
        if (row.pasid) blocked.pasid = Pasid{*row.pasid};
        unit.request_page(blocked);
        ASSERT_EQ(devices.answers.size(), 1u) << row.what;
        EXPECT_EQ(devices.answers[0].code, vtd::PageResponse::InvalidRequest) << row.what;
        EXPECT_EQ(devices.answers[0].group, 9) << row.what;
        bool found = false;
        for (unsigned n = 0; n < 8; ++n) {
            if (recorded(n) == 0) continue;
            found = true;
            EXPECT_EQ(recorded(n), row.reason) << row.what;
            const std::uint64_t high = read64(0x228 + 16 * n);
            EXPECT_EQ((high >> 62 & 1) << 1 | (high >> 28 & 1), 1u) << row.what << ": T1 and T2 are of a page request";
            EXPECT_EQ(high & 0xffff, row.source) << row.what;
            EXPECT_EQ(read64(0x220 + 16 * n), 0x12345000u) << row.what;
        }
        EXPECT_TRUE(found) << row.what;
    }
    EXPECT_EQ(tail_of_requests(), 0u);
    EXPECT_EQ(status(), 0u);
}

TEST_F(PageRequests, FaultProcessingDisableKeepsThemOutOfTheLog) {
    ram.set(0x11400, 0x12007);  // devfn 0x20: P, FPD, DTE
    unit.request_page({.source = {0x20}, .address = {0x1000}, .read = true});
    EXPECT_EQ(recorded(), 0u);
    EXPECT_EQ(devices.answers.size(), 1u);
}

TEST_F(PageRequests, InLegacyModeAreRta3) {
    write64(0x20, 0x10000);
    write32(0x18, 0xc4000000);
    unit.request_page(request(0x1000));
    EXPECT_EQ(recorded(), 0x32u);
    ASSERT_EQ(devices.answers.size(), 1u);
    EXPECT_EQ(devices.answers[0].code, vtd::PageResponse::InvalidRequest);
}

TEST_F(PageRequests, WhileTranslationIsOffAreAnsweredAlone) {
    write32(0x18, 0x04000000);
    unit.request_page(request(0x1000));
    EXPECT_EQ(recorded(), 0u);
    ASSERT_EQ(devices.answers.size(), 1u);
    EXPECT_EQ(devices.answers[0].code, vtd::PageResponse::InvalidRequest);
}

TEST_F(PageRequests, AQueueThatIsNoMemoryFailsThem) {
    write64(0xd0, 0x3f000000000);
    unit.request_page(request(0x1000));
    ASSERT_EQ(devices.answers.size(), 1u);
    EXPECT_EQ(devices.answers[0].code, vtd::PageResponse::Failure);
    EXPECT_EQ(tail_of_requests(), 0u);
    EXPECT_EQ(status(), 0u);
}

TEST_F(PageRequests, PointersBeyondTheQueueStayInIt) {
    write64(0xc0, ~std::uint64_t{0});
    write64(0xc8, ~std::uint64_t{0});
    EXPECT_EQ(read64(0xc0), 0x7ffe0u);
    for (unsigned i = 0; i < 300; ++i) unit.request_page(request(0x1000));
    EXPECT_EQ(ram.get(requests + 4096), 0u);
    EXPECT_EQ(ram.get(requests - 8), 0u);
}

TEST_F(PageRequests, TheEventIsSentOnceUntilBothConditionsAreCleared) {
    write32(0xe8, 0xfee01000);
    write32(0xec, 0x2);
    write32(0xe4, 0x41);
    unit.request_page(request(0x1000));
    EXPECT_TRUE(interrupts.sent.empty()) << "masked at reset";
    EXPECT_EQ(read32(0xe0), 0xc0000000u) << "IP and IM";
    write32(0xe0, 0);
    ASSERT_EQ(interrupts.sent.size(), 1u);
    EXPECT_EQ(interrupts.sent[0].source, InterruptSource::PageRequest);
    EXPECT_EQ(interrupts.sent[0].address, 0x2fee01000u);
    EXPECT_EQ(interrupts.sent[0].data, 0x41u);
    for (unsigned i = 0; i < 130; ++i) unit.request_page(request(0x1000));
    EXPECT_EQ(status(), pending | overflow);
    EXPECT_EQ(interrupts.sent.size(), 1u);
    write64(0xc0, tail_of_requests());
    write32(0xdc, pending);
    write32(0xdc, overflow);
    unit.request_page(request(0x1000));
    EXPECT_EQ(interrupts.sent.size(), 2u);
}

TEST_F(PageRequests, WithoutAnEventThatIsPendingThereIsNothingToSend) {
    unit.request_page(request(0x1000));
    write32(0xdc, pending);
    EXPECT_EQ(read32(0xe0), 0x80000000u) << "serviced";
    write32(0xe0, 0);
    EXPECT_TRUE(interrupts.sent.empty());
}

TEST_F(PageRequests, ResponsesReachTheDevice) {
    struct Row {
        const char* what;
        std::uint64_t low, high;
        std::optional<std::uint32_t> pasid;
        std::uint16_t group;
        unsigned code;
    };
    const Row rows[] = {
        {"success", 0x0000000500100019, 0x1c, 5, 3, 0},
        {"invalid request", 0x0000000500101019, 0xffc, 5, 0x1ff, 1},
        {"failure", 0x000000050010f019, 0x4, 5, 0, 15},
        {"without a PASID", 0x0000000000100009, 0x4, {}, 0, 0},
    };
    for (const Row& row : rows) {
        devices.answers.clear();
        put(row.low, row.high);
        put_wait(7);
        submit();
        ASSERT_EQ(devices.answers.size(), 1u) << row.what;
        EXPECT_EQ(devices.answers[0].source.value, 0x10) << row.what;
        EXPECT_EQ(devices.answers[0].pasid.has_value(), row.pasid.has_value()) << row.what;
        EXPECT_EQ(devices.answers[0].group, row.group) << row.what;
        EXPECT_EQ(static_cast<unsigned>(devices.answers[0].code), row.code) << row.what;
        EXPECT_EQ(waited(), 7u) << row.what;
    }
    EXPECT_EQ(read32(0x34), 0u);
}

TEST_F(PageRequests, ManyResponsesAtOnceAllArrive) {
    for (unsigned i = 0; i < 100; ++i) put(0x0000000500100019, i << 3 | 4);
    put_wait(1);
    submit();
    ASSERT_EQ(devices.answers.size(), 100u);
    for (unsigned i = 0; i < 100; ++i) EXPECT_EQ(devices.answers[i].group, i);
    EXPECT_EQ(waited(), 1u);
}

TEST_F(PageRequests, AWaitMayDrainThem) {
    unit.request_page(request(0x1000));
    put(0x00000009000000a5, test::DeviceBench::status);  // SW and PD
    submit();
    EXPECT_EQ(waited(), 9u);
    EXPECT_EQ(read32(0x34), 0u);
}

// Section 6.5.3.1: software gives rights without an invalidation, and the device that asked finds them.
TEST_F(PageRequests, ForgetWhatIsCachedForThePage) {
    EXPECT_FALSE(ask(0x1000, true).writable);
    ram.set(0x16008, 0x56003);
    EXPECT_FALSE(ask(0x1000, true).writable) << "the rights are cached";
    unit.request_page({.source = {device}, .address = {0x1000}, .write = true});
    EXPECT_TRUE(ask(0x1000, true).writable);

    // A first stage, and one page of it only.
    EXPECT_EQ(ask(0, true, 5).address.value, 0x65000u);
    ram.set(0x1b000, 0x99007);
    EXPECT_EQ(ask(0, true, 5).address.value, 0x65000u);
    unit.request_page(request(0));
    EXPECT_EQ(ask(0, true, 5).address.value, 0x99000u);
    EXPECT_EQ(ask(0x1000, false, 5).address.value, 0x66000u);
    ram.set(0x1b008, 0x9a005);
    unit.request_page(request(0));
    EXPECT_EQ(ask(0x1000, false, 5).address.value, 0x66000u);
}

TEST(WithoutPageRequests, RegistersReadZeroAndTheUnitRefuses) {
    test::Ram ram;
    test::Interrupts interrupts;
    test::Devices devices;
    Iommu unit({.scalable = true, .device_tlb = true}, {.memory = ram, .interrupts = interrupts, .devices = &devices});
    for (std::uint64_t offset = 0xc0; offset < 0xf0; offset += 8) {
        unit.write(offset, ~std::uint64_t{0}, 8);
        EXPECT_EQ(unit.read(offset, 8), 0u) << offset;
    }
    unit.request_page({.source = {0x10}, .read = true});
    ASSERT_EQ(devices.answers.size(), 1u);
    EXPECT_EQ(devices.answers[0].code, vtd::PageResponse::Failure);
}

}  // namespace
}  // namespace remap::iommu
