// SPDX-License-Identifier: MIT
// The end of a driver's stay, and of the kernel's.
#include "callbacks/kernel/tests/fixture.h"

namespace remap::kernel {

using UnloadTest = KernelTest;

TEST_F(UnloadTest, a_driver_that_gave_everything_back_leaves_in_peace) {
    void* const memory = ExAllocatePool2(POOL_FLAG_PAGED, 10, test_tag);
    ExFreePoolWithTag(memory, test_tag);
    MmFreeContiguousMemory(MmAllocateContiguousMemory(PAGE_SIZE, address(~0ull)));
    EXPECT_EQ(unload("good.sys"), 0u);
    EXPECT_TRUE(port.stops().empty());
    EXPECT_EQ(port.console(), "");
}

TEST_F(UnloadTest, what_is_left_is_listed_reported_and_taken_back) {
    ASSERT_NE(ExAllocatePool2(POOL_FLAG_PAGED, 10, test_tag), nullptr);
    ASSERT_NE(ExAllocatePool2(POOL_FLAG_NON_PAGED, 10000, test_tag), nullptr);
    ASSERT_NE(MmAllocateContiguousMemory(3 * PAGE_SIZE, address(~0ull)), nullptr);
    PMDL const pages = MmAllocatePagesForMdlEx(address(0), address(~0ull), address(0), 5 * PAGE_SIZE, MmCached, 0);
    ASSERT_NE(pages, nullptr);
    ASSERT_NE(MmGetSystemAddressForMdlSafe(pages, NormalPagePriority), nullptr);
    std::uint64_t left = 0;
    const char name[] = "bad.sys";
    left = unload(name);
    EXPECT_EQ(left, 5u);  // the MDL's mapping is one of its own
    ASSERT_EQ(port.stops().size(), 1u);
    const auto stopped = port.stops()[0];
    EXPECT_EQ(stopped.code, 0xC4u);
    EXPECT_EQ(stopped.parameters[0], 0x62u);
    EXPECT_EQ(stopped.parameters[1], reinterpret_cast<std::uintptr_t>(name));
    EXPECT_EQ(stopped.parameters[3], 5u);
    EXPECT_NE(stopped.message.find("bad.sys"), std::string::npos) << stopped.message;
    const std::string list = port.console();
    for (const char* const expected :
         {"leak: 10 bytes of paged pool at ", "leak: 10000 bytes of nonpaged pool at ", "tag 'Test', allocated from ",
          "leak: 12288 bytes of contiguous memory at ", "bytes of an MDL mapped at ", ": an MDL with its pages"})
        EXPECT_NE(list.find(expected), std::string::npos) << expected << " is not in\n" << list;
    port.clear();
    EXPECT_EQ(unload("good.sys"), 0u);
    EXPECT_TRUE(port.stops().empty());
}

TEST_F(UnloadTest, the_list_names_the_place_in_the_driver) {
    const void* const before = __builtin_return_address(0);
    ASSERT_NE(before, nullptr);
    ASSERT_NE(ExAllocatePool2(POOL_FLAG_NON_PAGED, 24, test_tag), nullptr);
    unload("bad.sys");
    const std::string list = port.console();
    const std::size_t at = list.find("allocated from ");
    ASSERT_NE(at, std::string::npos);
    const std::uint64_t caller = std::stoull(list.substr(at + 15, 16), nullptr, 16);
    // Somewhere in this program's code, which is not far from this test's.
    const auto here = reinterpret_cast<std::uint64_t>(&initialization_data_size);
    EXPECT_LT(caller > here ? caller - here : here - caller, 1u << 26);
}

TEST_F(UnloadTest, one_kernel_runs_at_a_time) {
    EXPECT_TRUE(running());
    hosted::KernelPort second(frames_, views_);
    EXPECT_FALSE(start(second));
    stop();
    EXPECT_FALSE(running());
    stop();  // nothing runs, nothing happens
    ASSERT_TRUE(start(second));
    ASSERT_NE(ExAllocatePool2(POOL_FLAG_NON_PAGED, 24, test_tag), nullptr);  // ends with the kernel
    stop();
    EXPECT_TRUE(second.stops().empty());
    ASSERT_TRUE(start(port));
}

}  // namespace remap::kernel
