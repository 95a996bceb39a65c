// SPDX-License-Identifier: MIT
// What people read.
#include "hw/cache/finding.h"

#include <gtest/gtest.h>

namespace remap::cache {
namespace {

TEST(Describe, missed_flush_names_store_and_access_and_says_what_to_do) {
    Finding finding;
    finding.kind = FindingKind::MissedFlush;
    finding.first = {0x12345678};
    finding.bytes = 4;
    finding.store = Origin{0xffff'8000'0010'0abc, {0xffff'9000'0000'0678}, 3, MemoryType::WriteBack};
    finding.dma = DmaOrigin{0x0321, {0xfeed'0678}, 64, false, false};
    finding.count = 5;
    EXPECT_EQ(
        describe(finding),
        "missed-flush: a device reads old bytes: the new ones are in a processor's cache\n"
        "  bytes: 0x12345678-0x1234567b\n"
        "  store: cpu 3, code at 0xffff800000100abc, address 0xffff900000000678, mapped write-back\n"
        "  DMA: device 03:04.1, read of 64 bytes at bus address 0xfeed0678, no-snoop\n"
        "  seen 5 times\n"
        "  advice: CLFLUSH the line, or CLFLUSHOPT or CLWB it and SFENCE, after the store and before the device is "
        "told; or map the page uncached or write-combining; or have the device snoop.");
}

TEST(Describe, every_part_of_a_finding_is_told) {
    Finding finding;
    finding.kind = FindingKind::OverwrittenByLine;
    finding.store = Origin{0xa1, {0xb1}, 1, MemoryType::WriteThrough};
    finding.flush = Origin{0xa2, {0xb2}, 2, MemoryType::WriteCombining};
    finding.load = Origin{0xa3, {0xb3}, 3, MemoryType::Uncacheable};
    finding.lost = Origin{0xa4, {0xb4}, 4, MemoryType::UncachedMinus};
    finding.other_mapping = Origin{0xa5, {0xb5}, 5, MemoryType::WriteProtected};
    const std::string text = describe(finding);
    for (const char* part : {"\n  store: cpu 1, code at 0xa1, address 0xb1, mapped write-through",
                             "\n  flush: cpu 2, code at 0xa2, address 0xb2, mapped write-combining",
                             "\n  load: cpu 3, code at 0xa3, address 0xb3, mapped uncacheable",
                             "\n  lost store: cpu 4, code at 0xa4, address 0xb4, mapped uncached-minus",
                             "\n  other mapping: cpu 5, code at 0xa5, address 0xb5, mapped write-protected"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
    }
    EXPECT_EQ(text.find("seen"), std::string::npos);
}

TEST(Describe, every_kind_has_a_name_and_advice_and_others_do_no_harm) {
    const char* const names[] = {"unknown",       "missed-flush",     "missed-fence",        "undrained-store",
                                 "stale-read",    "stale-alias-read", "overwritten-by-line", "overwritten-by-store",
                                 "type-conflict", "unknown"};
    for (unsigned kind = 0; kind < 10; ++kind) {
        Finding finding;
        finding.kind = static_cast<FindingKind>(kind);
        finding.store = Origin{};
        finding.store->type = static_cast<MemoryType>(0x55);
        EXPECT_STREQ(name_of(finding.kind), names[kind]);
        const std::string text = describe(finding);
        EXPECT_EQ(text.find(names[kind]), 0u);
        EXPECT_EQ(text.find("advice: ") != std::string::npos, kind != 0 && kind != 9);
    }
}

TEST(Describe, type_conflict_names_both_mappings) {
    Finding finding;
    finding.kind = FindingKind::TypeConflict;
    finding.store = Origin{0xa1, {0xb1}, 1, MemoryType::WriteCombining};
    finding.other_mapping = Origin{0xa5, {0xb5}, 5, MemoryType::WriteBack};
    const std::string text = describe(finding);
    EXPECT_NE(text.find("\n  mapping: cpu 1"), std::string::npos);
    EXPECT_NE(text.find("\n  other mapping: cpu 5"), std::string::npos);
    EXPECT_EQ(text.find("store: "), std::string::npos);
}

}  // namespace
}  // namespace remap::cache
