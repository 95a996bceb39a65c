// SPDX-License-Identifier: MIT
#include "callbacks/kernel/tests/fixture.h"

#include <string>

namespace remap::kernel {

namespace {

class DebugTest : public KernelTest {
protected:
    template <typename... Values>
    std::string printed(const char* text, Values... values) {
        port.clear();
        DbgPrint(text, values...);
        return port.console();
    }
};

using AssertTest = KernelTest;

}  // namespace

TEST_F(DebugTest, integers_are_shown_as_the_crt_does) {
    EXPECT_EQ(printed("%d %i %u", -5, 7, 8u), "-5 7 8");
    EXPECT_EQ(printed("%x %X %#x %o", 0xabcu, 0xabcu, 0xabcu, 8u), "abc ABC 0xabc 10");
    EXPECT_EQ(printed("[%5d|%-5d|%05d|%+d|% d]", 42, 42, 42, 42, 42), "[   42|42   |00042|+42| 42]");
    EXPECT_EQ(printed("[%.4d|%6.3d|%08X]", 42, 42, 0xbeefu), "[0042|   042|0000BEEF]");
    EXPECT_EQ(printed("[%*d|%-*d|%.*d]", 4, 1, 3, 1, 2, 1), "[   1|1  |01]");
    EXPECT_EQ(printed("%lld %llx %I64u %Iu %zu %ld", -1LL, 1ULL << 40, 1ULL << 33, SIZE_T{9}, SIZE_T{8}, LONG{-3}),
              "-1 10000000000 8589934592 9 8 -3");
    EXPECT_EQ(printed("%hd %hhu %hx", 0x1ffff, 0x1ff, 0x12345), "-1 255 2345");
    EXPECT_EQ(printed("%u", 0xffffffffu), "4294967295");
}

TEST_F(DebugTest, pointers_have_16_digits) {
    EXPECT_EQ(printed("%p", reinterpret_cast<void*>(0xdeadbeef)), "00000000DEADBEEF");
    EXPECT_EQ(printed("0x%p", static_cast<void*>(nullptr)), "0x0000000000000000");
}

TEST_F(DebugTest, strings_are_cut_and_padded) {
    EXPECT_EQ(printed("%s|%5s|%-5s|%.2s", "abc", "abc", "abc", "abc"), "abc|  abc|abc  |ab");
    EXPECT_EQ(printed("%s %c%c %%", static_cast<char*>(nullptr), 'x', 'y'), "(null) xy %");
}

TEST_F(DebugTest, wide_and_counted_strings_are_for_passive_level) {
    static WCHAR text[] = {'w', 'i', 'd', 'e', 0x4e2d, 0};
    UNICODE_STRING counted = {8, 10, text};
    char narrow[] = "narrow";
    ANSI_STRING ansi = {3, 6, narrow};
    EXPECT_EQ(printed("%ws %ls %S %wZ %Z %wc", text, text, text, &counted, &ansi, 'q'), "wide? wide? wide? wide nar q");
    const KIRQL irql = KfRaiseIrql(APC_LEVEL);
    EXPECT_EQ(printed("%wZ %Z", &counted, &ansi), "(not at this IRQL) nar");
    KeLowerIrql(irql);
}

TEST_F(DebugTest, what_is_no_conversion_is_copied) {
    EXPECT_EQ(printed("%y %d", 5), "%y 5");
    EXPECT_EQ(printed("100%"), "100%");
    EXPECT_EQ(printed("%123456789012345678901234567890d", 1).size(), 512u);
}

TEST_F(DebugTest, a_message_has_at_most_512_bytes) {
    EXPECT_EQ(printed("%s", std::string(1000, 'a').c_str()), std::string(512, 'a'));
}

TEST_F(DebugTest, a_component_may_print_too) {
    EXPECT_EQ(DbgPrintEx(DPFLTR_IHVVIDEO_ID, DPFLTR_ERROR_LEVEL, "%u\n", 5u), 0u);
    EXPECT_EQ(port.console(), "5\n");
}

TEST_F(DebugTest, more_arguments_than_registers_arrive) {
    EXPECT_EQ(printed("%d %d %d %d %d %d %d %d %d", 1, 2, 3, 4, 5, 6, 7, 8, 9), "1 2 3 4 5 6 7 8 9");
}

TEST_F(AssertTest, a_driver_can_stop_the_machine) {
    const auto stopped = port.run([] { KeBugCheckEx(0x1234, 1, 2, 3, 4); });
    ASSERT_TRUE(stopped.has_value());
    EXPECT_EQ(stopped->code, 0x1234u);
    EXPECT_EQ(stopped->parameters[3], 4u);
    EXPECT_STOP(KeBugCheck(0xE2), 0xE2, 0);
}

TEST_F(AssertTest, a_failed_assertion_is_reported_with_its_text) {
    char text[] = "x == 1", file[] = "driver.c";
    EXPECT_STOP(RtlAssert(text, file, 17, nullptr), 0xC4, OwnCheck::AssertionFailed);
    EXPECT_NE(port.stops().back().message.find("x == 1 (driver.c:17)"), std::string::npos);
}

TEST_F(AssertTest, a_list_whose_links_disagree_stops_the_machine) {
    LIST_ENTRY head, first, second;
    InitializeListHead(&head);
    EXPECT_TRUE(IsListEmpty(&head));
    InsertTailList(&head, &second);
    InsertHeadList(&head, &first);
    EXPECT_EQ(head.Flink, &first);
    EXPECT_EQ(RemoveTailList(&head), &second);
    EXPECT_EQ(RemoveHeadList(&head), &first);
    EXPECT_TRUE(IsListEmpty(&head));
    InsertTailList(&head, &first);
    InsertTailList(&head, &second);
    EXPECT_FALSE(RemoveEntryList(&first));
    EXPECT_STOP(RemoveEntryList(&first), 0x139, 3);
    EXPECT_STOP(InsertTailList(&first, &second), 0x139, 3);
    EXPECT_TRUE(RemoveEntryList(&second));
}

}  // namespace remap::kernel
