// SPDX-License-Identifier: MIT
#include "iommu/lab/names.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace remap::lab {
namespace {

TEST(Names, OfKindsAreTheLanguagesAndLeadBack) {
    std::set<std::string_view> names;
    for (unsigned i = 1; i < kinds; ++i) {
        const auto kind = static_cast<Kind>(i);
        EXPECT_EQ(kind_of(name_of(kind)), kind) << i;
        names.insert(name_of(kind));
    }
    EXPECT_EQ(names.size(), kinds - 1);
    EXPECT_EQ(name_of(Kind::UnitInterrupt), "unit-interrupt");
    EXPECT_EQ(name_of(Kind::PageRequestFault), "page-request-fault");
    EXPECT_EQ(name_of(Kind::Packet), "packet");
    EXPECT_EQ(name_of(Kind::Reset), "reset");
    EXPECT_EQ(name_of(Kind::None), "none");
    EXPECT_EQ(name_of(static_cast<Kind>(kinds)), "unknown");
    EXPECT_FALSE(kind_of("none") || kind_of("unknown") || kind_of("") || kind_of("Dma"));
}

TEST(Names, OfDeedsAreTheLanguagesAndLeadBack) {
    std::set<std::string_view> names;
    for (unsigned i = 1; i < deeds; ++i) {
        const auto deed = static_cast<Deed>(i);
        EXPECT_EQ(deed_of(name_of(deed)), deed) << i;
        names.insert(name_of(deed));
    }
    EXPECT_EQ(names.size(), deeds - 1);
    EXPECT_EQ(name_of(Deed::WrongPage), "wrong-page");
    EXPECT_EQ(name_of(Deed::Stick), "stick");
    EXPECT_EQ(name_of(Deed::Hang), "hang");
    EXPECT_EQ(name_of(static_cast<Deed>(deeds)), "unknown");
    EXPECT_FALSE(deed_of("none") || deed_of(""));
}

TEST(Names, OfFlagsDependOnTheKind) {
    EXPECT_EQ(name_of_flag(Kind::Dma, flag::write), "write");
    EXPECT_EQ(name_of_flag(Kind::Dma, flag::no_snoop), "no-snoop");
    EXPECT_EQ(name_of_flag(Kind::Completion, flag::writes), "writes");
    EXPECT_EQ(name_of_flag(Kind::Completion, flag::interrupts), "interrupts");
    EXPECT_EQ(name_of_flag(Kind::Completion, flag::tampered), "tampered");
    EXPECT_EQ(name_of_flag(Kind::Completion, flag::asks), "");
    EXPECT_EQ(name_of_flag(Kind::Dma, flag::write | flag::refused), "");
    EXPECT_EQ(name_of_flag(Kind::Dma, 0), "");
    for (unsigned bit = 1; bit < 256; bit <<= 1)
        EXPECT_EQ(flag_of(Kind::Dma, name_of_flag(Kind::Dma, static_cast<std::uint8_t>(bit))), bit);
    EXPECT_FALSE(flag_of(Kind::Completion, "write") || flag_of(Kind::Completion, ""));
}

TEST(Names, OfReasonsAreThoseThatTheSpecificationsTableHas) {
    unsigned named = 0;
    for (unsigned i = 1; i < 256; ++i) {
        const auto reason = static_cast<vtd::FaultReason>(i);
        const bool known = std::strcmp(vtd::text_of(reason), "unknown fault reason") != 0;
        EXPECT_EQ(!name_of(reason).empty(), known) << i;
        if (!known) continue;
        EXPECT_EQ(reason_of(name_of(reason)), reason);
        ++named;
    }
    EXPECT_EQ(reason_names().size(), named);
    EXPECT_EQ(name_of(vtd::FaultReason{0x5}), "NoWrite");
    EXPECT_EQ(name_of(vtd::FaultReason{0x22}), "InterruptNotPresent");
    EXPECT_EQ(name_of(vtd::FaultReason{0x87}), "ScalableInterruptOutput");
    EXPECT_EQ(name_of(vtd::FaultReason::None), "");
    EXPECT_FALSE(reason_of("None") || reason_of("") || reason_of("nowrite"));
}

TEST(Names, SourcesAreReadAsTheyAreWritten) {
    EXPECT_EQ(text_of_source(0x0010), "00:02.0");
    EXPECT_EQ(text_of_source(0xffff), "ff:1f.7");
    for (unsigned i = 0; i < 0x10000; i += 7)
        ASSERT_EQ(source_of(text_of_source(static_cast<std::uint16_t>(i))), static_cast<std::uint16_t>(i));
    EXPECT_EQ(source_of("0000:00:02.0"), 0x0010);
    EXPECT_EQ(source_of("AB:1C.3"), 0xabe3);
    for (const char* bad : {"", "00:02", "0:2.0", "00:02.8", "00:20.0", "0001:00:02.0", "00:02.00", "00-02.0",
                            "00:02,0", "0g:02.0", " 0:02.0", "00:02.0 ", "+0:02.0", "0000:00:02.", "000000:02.0"})
        EXPECT_FALSE(source_of(bad)) << bad;
}

TEST(Names, TimesAreExact) {
    EXPECT_EQ(text_of_time(0), "0 ns");
    EXPECT_EQ(text_of_time(10'000'000), "10 ms");
    EXPECT_EQ(text_of_time(1'000'000'000), "1 s");
    EXPECT_EQ(text_of_time(1'000'001), "1000001 ns");
    EXPECT_EQ(time_of("10 ms"), 10'000'000u);
    EXPECT_EQ(time_of("10ms"), 10'000'000u);
    EXPECT_EQ(time_of("3 us"), 3'000u);
    EXPECT_EQ(time_of("0 ns"), 0u);
    EXPECT_EQ(time_of("18446744073709551615 ns"), ~std::uint64_t{0});
    for (const char* bad : {"", "10", "ms", "10  ms", "-1 ms", "+1 ms", "1.5 ms", "10 m", "10 MS", "10 ms ", "0x10 ms",
                            "18446744073709551616 ns", "18446744073709552 us"})
        EXPECT_FALSE(time_of(bad)) << bad;
    for (const std::uint64_t time : {1ull, 999ull, 1000ull, 60'000'000'000ull, ~0ull})
        EXPECT_EQ(time_of(text_of_time(time)), time);
}

TEST(EventText, IsOneLineAPersonReads) {
    EXPECT_EQ(text_of({.kind = Kind::Dma,
                       .flags = flag::write,
                       .source = 0x10,
                       .address = 0x1000,
                       .length = 4096,
                       .result = 0x7f000}),
              "dma 00:02.0 write 0x1000 4096 -> 0x7f000");
    EXPECT_EQ(text_of({.kind = Kind::Dma,
                       .flags = flag::refused | flag::no_snoop | flag::tampered,
                       .source = 0x10,
                       .pasid = 3,
                       .address = 0x1000,
                       .length = 8}),
              "dma 00:02.0 pasid 3 read no-snoop 0x1000 8 refused, tampered");
    EXPECT_EQ(text_of({.kind = Kind::Translation,
                       .flags = flag::asks,
                       .source = 0x10,
                       .address = 0x2000,
                       .length = 4096,
                       .result = 0x5000}),
              "translation 00:02.0 read asks 0x2000 -> 0x5000, granule 4096");
    EXPECT_EQ(text_of({.kind = Kind::Translation,
                       .flags = flag::write | flag::refused,
                       .source = 0x10,
                       .address = 0x2000,
                       .code = 5}),
              "translation 00:02.0 write 0x2000: no write permission (0x5)");
    EXPECT_EQ(text_of({.kind = Kind::Fault, .source = 0x18, .address = 0x40, .detail = 2, .code = 6}),
              "fault 00:03.0 read 0x40: no read permission (0x6), lost");
    EXPECT_EQ(text_of({.kind = Kind::InterruptFault, .source = 0x18, .address = 9, .detail = 0, .code = 0x22}),
              "interrupt-fault 00:03.0 index 9: interrupt entry not present (0x22), recorded");
    EXPECT_EQ(text_of({.kind = Kind::Entry, .source = 0x18, .address = 0x40, .length = 8, .result = 0x9000}),
              "entry 00:03.0 read 0x40, 8 bytes at 0x9000");
    EXPECT_EQ(text_of({.kind = Kind::Invalidation, .address = 0x3000, .length = 16, .detail = 7, .code = 0x204}),
              "invalidation translations of pages domain 7 0x3000, 16 pages");
    EXPECT_EQ(text_of({.kind = Kind::Invalidation, .source = 0x10, .code = 0x002}),
              "invalidation contexts of device 00:02.0");
    EXPECT_EQ(
        text_of({.kind = Kind::Completion, .flags = flag::writes | flag::interrupts, .address = 0x8000, .detail = 2}),
        "completion 0x8000 <- 0x2 interrupts");
    EXPECT_EQ(text_of({.kind = Kind::UnitInterrupt, .address = 0xfee00000, .detail = 0x31, .code = 1}),
              "unit-interrupt completion 0xfee00000 data 0x31");
    EXPECT_EQ(text_of({.kind = Kind::Object,
                       .flags = flag::ended,
                       .address = 0xabc,
                       .length = 4096,
                       .result = 0x77,
                       .detail = 12,
                       .code = 1}),
              "object 12 destroyed, MDL, 4096 bytes, context 0xabc, handle 0x77");
    EXPECT_EQ(text_of({.kind = Kind::Frames, .address = 0x5000, .length = 8192, .result = 4096, .detail = 3}),
              "frames 0x5000 8192, object 3 at 0x1000");
    EXPECT_EQ(text_of({.kind = Kind::Call, .address = 0x4010, .code = 4}), "call DxgkCbAllocateAdl by 0x4010");
    EXPECT_EQ(text_of({.kind = Kind::Return, .address = 0x4010, .result = 0xc000009a, .detail = 2, .code = 4}),
              "return DxgkCbAllocateAdl by 0x4010, status 0xc000009a, object 2");
    EXPECT_EQ(text_of({.kind = Kind::Injection, .source = 0x10, .result = 1, .detail = 5, .code = 3}),
              "injection 00:02.0 rule 3, 5 times, on dma");
    EXPECT_EQ(text_of({.kind = Kind::Reset}), "reset");
}

TEST(EventText, OfAnythingIsPrintableAndShort) {
    const std::uint64_t all = ~std::uint64_t{0};
    for (unsigned kind = 0; kind < 256; ++kind)
        for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{0xff}, all}) {
            const auto narrow = static_cast<std::uint32_t>(value);
            const std::string text = text_of({.kind = static_cast<Kind>(kind),
                                              .flags = static_cast<std::uint8_t>(value),
                                              .source = static_cast<std::uint16_t>(value),
                                              .pasid = narrow,
                                              .address = value,
                                              .length = value,
                                              .result = value,
                                              .detail = value,
                                              .code = narrow});
            EXPECT_LT(text.size(), 200u) << text;
            EXPECT_FALSE(text.empty());
            for (const char c : text) EXPECT_TRUE(c >= ' ' && c <= '~') << text;
        }
}

}  // namespace
}  // namespace remap::lab
