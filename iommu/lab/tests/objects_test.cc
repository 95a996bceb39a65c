// SPDX-License-Identifier: MIT
// Whose memory a page is, by what drivers tell: also when they tell it in the wrong order, twice, or without end.
#include "iommu/lab/objects.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

namespace remap::lab {
namespace {

constexpr std::uint64_t page = 0x1000;

Event object(std::uint64_t number, std::uint32_t sort = 1, std::uint64_t length = page, std::uint64_t context = 0) {
    return {.kind = Kind::Object, .address = context, .length = length, .detail = number, .code = sort};
}
Event ended(Event event) {
    event.flags |= flag::ended;
    return event;
}
Event frames(std::uint64_t number, std::uint64_t first, std::uint64_t pages) {
    return {.kind = Kind::Frames, .address = first * page, .length = pages * page, .detail = number};
}
Event map(std::uint64_t number, std::uint64_t logical, std::uint64_t physical, std::uint64_t pages) {
    return {.kind = Kind::Map,
            .source = 0x10,
            .address = logical * page,
            .length = pages * page,
            .result = physical * page,
            .detail = number};
}
Event unmap(std::uint64_t logical, std::uint64_t pages) {
    return {.kind = Kind::Unmap, .source = 0x10, .address = logical * page, .length = pages * page};
}

// The number of the object that owns a page, 0 for nobody.
std::uint64_t owner(const Objects& objects, std::uint64_t number) {
    const auto found = objects.owner_of({number});
    return found ? found->number : 0;
}

TEST(Objects, AnObjectAndItsFrames) {
    Objects objects;
    objects.happened(object(7, 3, 5 * page, 0xabc));
    objects.happened(frames(7, 0x100, 3));
    objects.happened(frames(7, 0x200, 2));
    EXPECT_EQ(owner(objects, 0xff), 0u);
    EXPECT_EQ(owner(objects, 0x100), 7u);
    EXPECT_EQ(owner(objects, 0x102), 7u);
    EXPECT_EQ(owner(objects, 0x103), 0u);
    const auto info = objects.find(7);
    ASSERT_TRUE(info);
    EXPECT_TRUE(info->announced);
    EXPECT_EQ(info->sort, 3u);
    EXPECT_EQ(info->length, 5 * page);
    EXPECT_EQ(info->context, 0xabcu);
    EXPECT_EQ(objects.frames_of(7, 10), (std::vector<ObjectFrames>{{{0x100}, 3}, {{0x200}, 2}}));
    EXPECT_EQ(objects.frames_of(7, 1).size(), 1u);
    objects.happened(ended(object(7)));
    EXPECT_EQ(owner(objects, 0x100), 0u);
    EXPECT_FALSE(objects.find(7));
    EXPECT_TRUE(objects.frames_of(7, 10).empty());
}

TEST(Objects, TheNewerWordCounts) {
    Objects objects;
    objects.happened(frames(1, 0x100, 0x10));
    objects.happened(frames(2, 0x104, 4));
    EXPECT_EQ(owner(objects, 0x103), 1u);
    EXPECT_EQ(owner(objects, 0x104), 2u);
    EXPECT_EQ(owner(objects, 0x107), 2u);
    EXPECT_EQ(owner(objects, 0x108), 1u);
    EXPECT_EQ(objects.frames_of(1, 10), (std::vector<ObjectFrames>{{{0x100}, 4}, {{0x108}, 8}}));
    objects.happened(ended(frames(1, 0x10c, 100)));
    EXPECT_EQ(owner(objects, 0x10b), 1u);
    EXPECT_EQ(owner(objects, 0x10c), 0u);
}

TEST(Objects, InWhateverOrder) {
    Objects objects;
    objects.happened(frames(5, 0x100, 1));  // before the object
    ASSERT_TRUE(objects.find(5));
    EXPECT_FALSE(objects.find(5)->announced);
    objects.happened(object(5, 9));
    EXPECT_EQ(objects.find(5)->sort, 9u);
    EXPECT_EQ(owner(objects, 0x100), 5u);
    objects.happened(object(5, 8));  // a new one of that number: the old one's frames are not its
    EXPECT_EQ(owner(objects, 0x100), 0u);
    objects.happened(ended(object(77)));    // never heard of
    objects.happened(frames(0, 0x100, 1));  // nobody
    objects.happened(frames(5, 0x100, 0));
    EXPECT_EQ(owner(objects, 0x100), 0u);
    EXPECT_EQ(objects.list(10).size(), 1u);
    EXPECT_EQ(objects.left_out(), 0u);
}

TEST(Objects, MappingsToldByTheirPages) {
    Objects objects;
    objects.happened(object(3));
    objects.happened(map(3, 0x40, 0x900, 4));
    EXPECT_EQ(owner(objects, 0x903), 3u);
    const auto found = objects.mapping_at(0x10, no_pasid, {0x42});
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, (ObjectMapping{0x10, no_pasid, {0x40}, 4, {0x900}, 3}));
    EXPECT_FALSE(objects.mapping_at(0x10, 1, {0x42})) << "another PASID";
    EXPECT_FALSE(objects.mapping_at(0x18, no_pasid, {0x42})) << "another device";
    objects.happened(unmap(0x41, 1));
    EXPECT_EQ(objects.mappings_of(3, 10), (std::vector<ObjectMapping>{{0x10, no_pasid, {0x40}, 1, {0x900}, 3},
                                                                      {0x10, no_pasid, {0x42}, 2, {0x902}, 3}}));
    EXPECT_EQ(owner(objects, 0x901), 3u) << "the memory is its all the same";
    objects.happened(frames(4, 0x901, 1));
    EXPECT_EQ(owner(objects, 0x901), 4u) << "frames say it better than mappings";
    objects.happened(ended(object(3)));
    EXPECT_EQ(owner(objects, 0x900), 0u);
    EXPECT_FALSE(objects.mapping_at(0x10, no_pasid, {0x40}));
}

// Whoever had a place before has it no more, also when nobody is known to have it now.
TEST(Objects, WhatIsNobodysIsNotTheOldOwners) {
    Objects objects({.objects = 2, .frame_runs = 8, .mappings = 8});
    objects.happened(frames(1, 0x100, 4));
    objects.happened(map(2, 0x40, 0x900, 4));
    objects.happened(frames(3, 0x101, 1));  // one too many
    objects.happened(map(3, 0x41, 0xa00, 1));
    EXPECT_EQ(objects.left_out(), 2u);
    EXPECT_EQ(owner(objects, 0x100), 1u);
    EXPECT_EQ(owner(objects, 0x101), 0u);
    EXPECT_TRUE(objects.mapping_at(0x10, no_pasid, {0x40}));
    EXPECT_FALSE(objects.mapping_at(0x10, no_pasid, {0x41}));
}

TEST(Objects, RunsOfOneOwner) {
    Objects objects;
    objects.happened(frames(1, 0x100, 4));
    objects.happened(frames(2, 0x110, 4));
    const auto run = [&](std::uint64_t first, std::uint64_t pages) {
        const OwnedRun found = objects.owned_run({first}, pages);
        return std::pair{found.owner ? found.owner->number : 0, found.pages};
    };
    EXPECT_EQ(run(0xf0, 0x100), (std::pair<std::uint64_t, std::uint64_t>{0, 0x10}));
    EXPECT_EQ(run(0x102, 0x100), (std::pair<std::uint64_t, std::uint64_t>{1, 2}));
    EXPECT_EQ(run(0x102, 1), (std::pair<std::uint64_t, std::uint64_t>{1, 1}));
    EXPECT_EQ(run(0x104, 0x100), (std::pair<std::uint64_t, std::uint64_t>{0, 0xc}));
    EXPECT_EQ(run(0x114, 0x100), (std::pair<std::uint64_t, std::uint64_t>{0, 0x100}));
}

TEST(Objects, AMachinesResetEndsAll) {
    Objects objects;
    objects.happened(object(1));
    objects.happened(frames(1, 0x100, 4));
    objects.happened({.kind = Kind::Reset, .source = 0x10});
    EXPECT_EQ(owner(objects, 0x100), 1u) << "of a device";
    objects.happened({.kind = Kind::Reset});
    EXPECT_EQ(owner(objects, 0x100), 0u);
    EXPECT_TRUE(objects.list(10).empty());
}

TEST(Objects, NothingGrowsWithoutBound) {
    Objects objects({.objects = 4, .frame_runs = 8, .mappings = 8});
    for (std::uint64_t number = 1; number <= 100; ++number) objects.happened(object(number));
    EXPECT_EQ(objects.list(1000).size(), 4u);
    EXPECT_EQ(objects.left_out(), 96u);
    for (std::uint64_t i = 0; i < 100; ++i) objects.happened(frames(1, 0x100 + 2 * i, 1));
    EXPECT_EQ(objects.frames_of(1, 1000).size(), 8u);
    EXPECT_EQ(objects.left_out(), 96u + 92);
    for (std::uint64_t i = 0; i < 100; ++i) objects.happened(map(1, 2 * i, 0x1000 + 2 * i, 1));
    EXPECT_EQ(objects.mappings_of(1, 1000).size(), 8u);
}

// A large run that is taken away page by page becomes many.
TEST(Objects, HolesAreBoundedToo) {
    Objects objects({.objects = 4, .frame_runs = 8, .mappings = 8});
    objects.happened(map(1, 0, 0x1000, 1000));
    for (std::uint64_t i = 1; i < 1000; i += 2) objects.happened(unmap(i, 1));
    EXPECT_LE(objects.mappings_of(1, 1000).size(), 8u);
    EXPECT_GT(objects.left_out(), 0u);
    EXPECT_TRUE(objects.mapping_at(0x10, no_pasid, {0}));
    EXPECT_FALSE(objects.mapping_at(0x10, no_pasid, {1}));
}

TEST(Objects, AnythingMayBeTold) {
    std::mt19937_64 random(1);
    Objects objects({.objects = 16, .frame_runs = 32, .mappings = 32});
    for (int i = 0; i < 20000; ++i) {
        Event event{.kind = static_cast<Kind>(random() % (kinds + 3)), .flags = static_cast<std::uint8_t>(random())};
        event.source = random() % 64 == 0 ? no_source : static_cast<std::uint16_t>(random() % 3);
        event.pasid = random() % 2 == 0 ? no_pasid : static_cast<std::uint32_t>(random());
        const auto odd = [&] { return random() >> (random() % 64); };
        event.address = odd();
        event.length = odd();
        event.result = odd();
        event.detail = random() % 8;
        objects.happened(event);
        objects.owner_of({odd()});
        const OwnedRun run = objects.owned_run({odd() >> 12}, 1 + (odd() >> 13));
        ASSERT_GT(run.pages, 0u);
    }
    EXPECT_LE(objects.list(1000).size(), 16u);
}

// Against a plain map of pages.
TEST(Objects, AsAPlainMapOfPagesSays) {
    std::mt19937_64 random(2);
    Objects objects;
    std::map<std::uint64_t, std::uint64_t> plain;
    for (int step = 0; step < 3000; ++step) {
        const std::uint64_t number = 1 + random() % 6, first = random() % 100, count = 1 + random() % 20;
        const unsigned what = random() % 10;
        if (what == 0) {
            objects.happened(ended(object(number)));
            std::erase_if(plain, [&](const auto& entry) { return entry.second == number; });
        } else if (what < 3) {
            objects.happened(ended(frames(number, first, count)));
            for (std::uint64_t i = first; i < first + count; ++i) plain.erase(i);
        } else {
            objects.happened(frames(number, first, count));
            for (std::uint64_t i = first; i < first + count; ++i) plain[i] = number;
        }
        for (std::uint64_t i = 0; i < 125; ++i) {
            const auto found = plain.find(i);
            ASSERT_EQ(owner(objects, i), found == plain.end() ? 0 : found->second) << "step " << step << " page " << i;
        }
    }
}

TEST(Objects, FromManyThreads) {
    Objects objects;
    std::vector<std::jthread> threads;
    for (std::uint64_t number = 1; number <= 4; ++number) {
        threads.emplace_back([&objects, number] {
            for (std::uint64_t i = 0; i < 500; ++i) {
                objects.happened(object(number));
                objects.happened(frames(number, 0x100 * number + i % 16, 2));
                objects.owner_of({0x100 * number});
                objects.frames_of(number, 10);
            }
        });
    }
    threads.clear();
    EXPECT_EQ(objects.list(10).size(), 4u);
}

}  // namespace
}  // namespace remap::lab
