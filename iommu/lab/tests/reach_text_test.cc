// SPDX-License-Identifier: MIT
// What a device can reach, as people read it.
#include "iommu/lab/reach_text.h"

#include <gtest/gtest.h>

namespace remap::lab {
namespace {

using iommu::Reach;

iommu::ReachedRun run(std::uint64_t logical, std::uint64_t bytes, std::uint64_t physical) {
    return {{logical}, bytes, {physical}, true, true, false, 12};
}

TEST(ReachText, RunsAreCutWhereTheOwnerChanges) {
    Objects objects;
    objects.happened({.kind = Kind::Object, .address = 0xfeed, .length = 0x2000, .detail = 1, .code = 4});
    objects.happened({.kind = Kind::Frames, .address = 0x101000, .length = 0x2000, .detail = 1});
    objects.happened({.kind = Kind::Frames, .address = 0x103000, .length = 0x1000, .detail = 2});
    Reach reach{.how = Reach::How::Tables, .domain = 5, .runs = {run(0x10800, 0x3c00, 0x100800)}};
    const ReachReport report = report_on({.source = {0x10}}, reach, &objects, 100);
    EXPECT_EQ(text_of(report), R"(device 00:02.0, without PASID: second stage, domain 5
0x000000010800-0x000000010fff      2 KiB  -> 0x000000100800  rw  4 KiB pages
0x000000011000-0x000000012fff      8 KiB  -> 0x000000101000  rw  4 KiB pages  object 0x1 (IO space, 8 KiB, Context 0xfeed)
0x000000013000-0x000000013fff      4 KiB  -> 0x000000103000  rw  4 KiB pages  object 0x2
0x000000014000-0x0000000143ff      1 KiB  -> 0x000000104000  rw  4 KiB pages
)");
    EXPECT_FALSE(report.cut_off_at);
}

TEST(ReachText, NoMoreLinesThanAreAskedFor) {
    Objects objects;
    for (std::uint64_t page = 0; page < 0x1000; page += 2)
        objects.happened({.kind = Kind::Frames, .address = page << 12, .length = 0x1000, .detail = 1});
    Reach reach{.how = Reach::How::Tables, .runs = {run(0, std::uint64_t{1} << 40, 0)}};
    const ReachReport report = report_on({.source = {0x10}}, reach, &objects, 10);
    EXPECT_EQ(report.lines.size(), 10u);
    EXPECT_EQ(report.cut_off_at, LogicalAddress{0xa000});
    EXPECT_NE(text_of(report).find("... cut off at 0xa000: ask again from there\n"), std::string::npos);
    reach.cut_off_at = LogicalAddress{0x5000};
    EXPECT_EQ(report_on({.source = {0x10}}, reach, nullptr, 10).cut_off_at, LogicalAddress{0x5000});
}

TEST(ReachText, WhatIsNotTranslated) {
    const auto text = [](const Reach& reach) {
        return text_of(report_on({.source = {0x10}, .pasid = iommu::Pasid{3}}, reach, nullptr, 10));
    };
    EXPECT_EQ(text({.how = Reach::How::NotTranslated, .runs = {}}),
              "device 00:02.0, PASID 3: translation is off, every address is a physical one\n");
    EXPECT_EQ(text({.how = Reach::How::PassThrough, .domain = 6, .runs = {}}),
              "device 00:02.0, PASID 3: passes through (domain 6), every address is a physical one\n");
    EXPECT_EQ(text({.how = Reach::How::Tables, .kind = iommu::TranslationKind::Nested, .runs = {}}),
              "device 00:02.0, PASID 3: first stage nested in a second one, domain 0\nnothing\n");
}

TEST(ReachText, SizesInTheLargestUnitWithoutAFraction) {
    EXPECT_EQ(text_of_bytes(0), "0 bytes");
    EXPECT_EQ(text_of_bytes(4097), "4097 bytes");
    EXPECT_EQ(text_of_bytes(65536), "64 KiB");
    EXPECT_EQ(text_of_bytes(std::uint64_t{3} << 40), "3 TiB");
}

}  // namespace
}  // namespace remap::lab
