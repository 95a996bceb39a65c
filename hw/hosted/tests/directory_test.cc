// SPDX-License-Identifier: MIT
#include "hw/hosted/directory.h"

#include "hw/hosted/tests/second_process.h"
#include "hw/hosted/view.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace remap::hosted {
namespace {

class HostedDirectory : public testing::Test {
protected:
    static std::unique_ptr<Memory> create() {
        const MemoryRange range{{0}, 2048};
        auto memory = Memory::create(shared_name(), {&range, 1});
        return std::move(*memory);
    }

    static PublishedObject object(std::uint64_t name, std::size_t pages) {
        PublishedObject object{.name = name, .cache_type = 1, .pages = {}};
        for (std::size_t i = 0; i < pages; ++i) object.pages.push_back({(i * 7 + name) % 2048});
        return object;
    }

    std::unique_ptr<Memory> memory = create();
    Directory directory{*memory};
};

TEST_F(HostedDirectory, FindsWhatWasPublished) {
    ASSERT_TRUE(directory.publish(object(1, 3)));
    ASSERT_TRUE(directory.publish(object(2, 1500)));
    const auto found = directory.find(2);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->pages, object(2, 1500).pages);
    EXPECT_EQ(found->cache_type, 1u);
    EXPECT_FALSE(directory.find(3));
}

TEST_F(HostedDirectory, RefusesNamesThatAreTakenAndPagesThatAreNotThere) {
    ASSERT_TRUE(directory.publish(object(1, 3)));
    EXPECT_FALSE(directory.publish(object(1, 3)));
    EXPECT_FALSE(directory.publish(object(0, 3)));
    EXPECT_FALSE(directory.publish(object(5, 0)));
    PublishedObject beyond = object(6, 1);
    beyond.pages[0] = {4096};
    EXPECT_FALSE(directory.publish(beyond));
}

TEST_F(HostedDirectory, WithdrawnSpaceIsUsedAgain) {
    for (int round = 0; round < 3; ++round) {
        std::uint64_t published = 0;
        while (directory.publish(object(published + 1, 500))) ++published;
        EXPECT_EQ(published, Directory::max_objects / 2);  // 500 pages take two shares
        for (std::uint64_t name = 1; name <= published; ++name) directory.withdraw(name);
    }
}

TEST_F(HostedDirectory, AnotherProcessMapsTheSameObject) {
    const PublishedObject published = object(77, 40);
    auto view = View::map(*memory, published.pages, true);
    ASSERT_TRUE(view);
    std::strcpy(reinterpret_cast<char*>((*view)->base() + 39 * page_size), "last page");
    ASSERT_TRUE(directory.publish(published));
    EXPECT_TRUE(in_second_process([&] {
        auto attached = Memory::attach(memory->name());
        if (!attached) return false;
        const auto found = Directory(**attached).find(77);
        if (!found) return false;
        auto other = View::map(**attached, found->pages, true);
        if (!other) return false;
        std::strcpy(reinterpret_cast<char*>((*other)->base()), "first page");
        return std::strcmp(reinterpret_cast<char*>((*other)->base() + 39 * page_size), "last page") == 0;
    }));
    EXPECT_STREQ(reinterpret_cast<char*>((*view)->base()), "first page");
}

TEST_F(HostedDirectory, SurvivesAnythingAnotherProcessWritesIntoIt) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 200; ++round) {
        const auto bytes = memory->directory();
        for (std::size_t at = 0; at < 64 * 1024; at += 8) {
            const std::uint64_t word = random() % 4 == 0 ? random() : random() % 4;
            std::memcpy(bytes.data() + at, &word, sizeof word);
        }
        for (std::uint64_t name = 0; name < 4; ++name) {
            if (const auto found = directory.find(name)) {
                for (const PhysicalPage page : found->pages) ASSERT_TRUE(memory->offset_of(page));
            }
            directory.publish(object(name, 600));
            directory.withdraw(name);
        }
    }
}

}  // namespace
}  // namespace remap::hosted
