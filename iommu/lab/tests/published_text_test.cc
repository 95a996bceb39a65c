// SPDX-License-Identifier: MIT
#include "iommu/lab/published_text.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace remap::lab {
namespace {

struct PublishedText : testing::Test {
    std::vector<std::uint64_t> words = std::vector<std::uint64_t>(64);
    std::span<std::byte> memory = std::as_writable_bytes(std::span(words));
    TextPublisher publisher{memory};
};

TEST_F(PublishedText, OfWhichThereIsNoneIsNothing) {
    EXPECT_EQ(published_text(memory), std::nullopt);
    EXPECT_EQ(published_text({}), std::nullopt);
}

TEST_F(PublishedText, IsWhatWasPublishedLast) {
    for (const std::string text : {"", "a", "12345678", "a text of more than one word"}) {
        ASSERT_TRUE(publisher.publish(text));
        EXPECT_EQ(published_text(memory), text);
    }
}

TEST_F(PublishedText, FillsItsMemoryAndNoMore) {
    EXPECT_EQ(publisher.room(), memory.size() - 16);
    const std::string full(publisher.room(), 'x');
    ASSERT_TRUE(publisher.publish(full));
    EXPECT_FALSE(publisher.publish(full + 'y'));
    EXPECT_EQ(published_text(memory), full);
}

TEST_F(PublishedText, WhoseOwnerDiedInTheMiddleIsNothing) {
    ASSERT_TRUE(publisher.publish("whole"));
    words[0] |= 1;
    EXPECT_EQ(published_text(memory), std::nullopt);
}

TEST_F(PublishedText, OfAnyBytesIsReadWithinTheMemory) {
    std::mt19937_64 random(5);
    for (int round = 0; round < 2000; ++round) {
        for (std::uint64_t& word : words) word = random() >> (random() % 64);
        if (const auto text = published_text(memory)) {
            EXPECT_LE(text->size(), publisher.room());
        }
    }
}

TEST_F(PublishedText, IsNeverHalfOfOneAndHalfOfAnother) {
    std::atomic<bool> stop = false;
    std::jthread writer([&] {
        for (unsigned n = 0; !stop; ++n) publisher.publish(std::string(1 + n % 400, static_cast<char>('a' + n % 26)));
    });
    unsigned seen = 0;
    while (seen < 20000) {
        const auto text = published_text(memory);
        if (!text) continue;
        ++seen;
        ASSERT_EQ(text->find_first_not_of((*text)[0]), std::string::npos) << *text;
    }
    stop = true;
}

}  // namespace
}  // namespace remap::lab
