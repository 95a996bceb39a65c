// SPDX-License-Identifier: MIT
#include "hw/hosted/memory.h"

#include "hw/hosted/tests/second_process.h"
#include "hw/hosted/view.h"

#include <gtest/gtest.h>
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/permissions.hpp>
#include <boost/interprocess/shared_memory_object.hpp>

#include <cstring>
#include <filesystem>

namespace remap::hosted {
namespace {

namespace ipc = boost::interprocess;

constexpr PhysicalPage high{std::uint64_t{1} << 28};  // 1 TiB

std::unique_ptr<Memory> two_ranges(const std::string& name = {}) {
    const MemoryRange ranges[] = {{{0}, 16}, {high, 16}};
    auto memory = Memory::create(name, ranges);
    EXPECT_TRUE(memory) << memory.error();
    return std::move(*memory);
}

TEST(HostedMemory, AnswersAtItsPhysicalAddressesOnly) {
    const auto memory = two_ranges();
    const std::uint32_t word = 0x12345678;
    std::uint32_t back = 0;
    EXPECT_TRUE(memory->write(high.address() + 8, &word, sizeof word));
    EXPECT_TRUE(memory->read(high.address() + 8, &back, sizeof back));
    EXPECT_EQ(back, word);
    EXPECT_FALSE(memory->read({16 * page_size}, &back, sizeof back));
    EXPECT_FALSE(memory->read({~std::uint64_t{0} - 1}, &back, sizeof back));
}

TEST(HostedMemory, AnAccessThatLeavesMemoryTransfersNothing) {
    const auto memory = two_ranges();
    const std::vector<std::byte> ones(8, std::byte{0xff});
    EXPECT_FALSE(memory->write({16 * page_size - 4}, ones.data(), ones.size()));
    std::uint32_t last = 1;
    ASSERT_TRUE(memory->read({16 * page_size - 4}, &last, sizeof last));
    EXPECT_EQ(last, 0u);
}

TEST(HostedMemory, RefusesRangesThatMakeNoSense) {
    const std::vector<std::vector<MemoryRange>> bad = {
        {}, {{{0}, 0}}, {{{0}, 16}, {{8}, 16}}, {{{64}, 16}, {{0}, 16}}, {{{0}, std::uint64_t{1} << 60}}};
    for (const auto& ranges : bad) EXPECT_FALSE(Memory::create("", ranges));
}

TEST(HostedMemory, ANameThatIsTakenIsAnErrorThatSaysSo) {
    const auto memory = two_ranges(shared_name());
    const MemoryRange range{{0}, 1};
    const auto second = Memory::create(memory->name(), {&range, 1});
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().find(memory->name()), std::string::npos);
}

TEST(HostedMemory, TheNameIsGoneWithItsOwner) {
    const std::string name = two_ranges(shared_name())->name();
    EXPECT_FALSE(Memory::attach(name));
}

TEST(HostedMemory, ANameWhoseOwnerCrashedIsTakenOver) {
    const std::string name = shared_name();
    EXPECT_TRUE(in_second_process([&] {
        two_ranges(name).release();  // as a process leaves it that ends without destructors
        return true;
    }));
    EXPECT_TRUE(Memory::attach(name));
    const auto memory = two_ranges(name);
    ASSERT_TRUE(memory);
    std::byte first{1};
    EXPECT_TRUE(memory->read({0}, &first, sizeof first));
    EXPECT_EQ(first, std::byte{0});
}

TEST(HostedMemory, WithoutANameNothingIsLeftWhateverHappens) {
    const auto memory = two_ranges();
    EXPECT_EQ(memory->name(), "");
    const auto descriptor = std::to_string(memory->object().get_mapping_handle().handle);
    EXPECT_TRUE(std::filesystem::read_symlink("/proc/self/fd/" + descriptor).string().ends_with(" (deleted)"));
}

TEST(HostedMemory, AnotherProcessSeesTheSameBytes) {
    const auto memory = two_ranges(shared_name());
    const char text[] = "written by the owner";
    ASSERT_TRUE(memory->write(high.address(), text, sizeof text));
    EXPECT_TRUE(in_second_process([&] {
        auto attached = Memory::attach(memory->name());
        char seen[sizeof text] = {};
        return attached && (*attached)->read(high.address(), seen, sizeof seen) &&
               std::memcmp(seen, text, sizeof text) == 0 && (*attached)->write(high.address() + 64, "answer", 7);
    }));
    char answer[7] = {};
    ASSERT_TRUE(memory->read(high.address() + 64, answer, sizeof answer));
    EXPECT_STREQ(answer, "answer");
}

TEST(HostedMemory, AttachingToAnythingElseIsAnError) {
    const std::string name = shared_name();
    EXPECT_FALSE(Memory::attach(name));
    ipc::shared_memory_object foreign(ipc::create_only, name.c_str(), ipc::read_write, ipc::permissions(0600));
    EXPECT_FALSE(Memory::attach(name));
    foreign.truncate(64 * 1024 * 1024);
    EXPECT_FALSE(Memory::attach(name));
    ipc::shared_memory_object::remove(name.c_str());
}

TEST(HostedMemory, AHeaderThatLiesIsRefused) {
    const auto memory = two_ranges(shared_name());
    const ipc::mapped_region header(memory->object(), ipc::read_write, 0, page_size);
    auto* words = static_cast<std::uint64_t*>(header.get_address());
    const std::uint64_t honest[4] = {words[0], words[1], words[2], words[3]};
    const std::uint64_t lies[][2] = {{0, 7}, {1, 17}, {1, ~0ull}, {2, ~0ull}, {3, 1ull << 40}, {3, 0}};
    for (const auto& [word, value] : lies) {
        words[word] = value;
        EXPECT_FALSE(Memory::attach(memory->name())) << "word " << word << " = " << value;
        words[word] = honest[word];
    }
    EXPECT_TRUE(Memory::attach(memory->name()));
}

TEST(HostedView, ScatteredPagesLieSideBySide) {
    const auto memory = two_ranges();
    const PhysicalPage pages[] = {high + 3, {2}, {1}, high + 4, high + 5};
    auto view = View::map(*memory, pages, true);
    ASSERT_TRUE(view) << view.error();
    ASSERT_EQ((*view)->size(), 5 * page_size);
    for (std::size_t i = 0; i < (*view)->size(); ++i) (*view)->base()[i] = static_cast<std::byte>(i / page_size + 1);
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(memory->bytes_of(pages[i])[0], static_cast<std::byte>(i + 1));
        EXPECT_EQ(memory->bytes_of(pages[i])[page_size - 1], static_cast<std::byte>(i + 1));
    }
}

TEST(HostedView, OnePageMayAppearTwice) {
    const auto memory = two_ranges();
    const PhysicalPage pages[] = {{7}, {7}};
    auto view = View::map(*memory, pages, true);
    ASSERT_TRUE(view);
    (*view)->base()[5] = std::byte{42};
    EXPECT_EQ((*view)->base()[page_size + 5], std::byte{42});
}

TEST(HostedView, AReadOnlyViewCannotBeWritten) {
    const auto memory = two_ranges();
    const PhysicalPage page{3};
    auto view = View::map(*memory, {&page, 1}, false);
    ASSERT_TRUE(view);
    EXPECT_EQ((*view)->base()[0], std::byte{0});
    EXPECT_FALSE(in_second_process([&] {
        const_cast<volatile std::byte*>((*view)->base())[0] = std::byte{1};
        return true;
    }));
}

TEST(HostedView, RefusesPagesThatAreNotThere) {
    const auto memory = two_ranges();
    const PhysicalPage pages[] = {{3}, {17}};
    EXPECT_FALSE(View::map(*memory, pages, true));
    EXPECT_FALSE(View::map(*memory, std::span<const PhysicalPage>(), true));
}

}  // namespace
}  // namespace remap::hosted
