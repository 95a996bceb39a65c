// SPDX-License-Identifier: MIT
// What a number that a driver passes is: a live handle, one of another kind, one of something that is gone, or none.
#include "callbacks/core/handle_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace remap::callbacks {
namespace {

constexpr HandleKind kinds[] = {HandleKind::Adapter, HandleKind::PhysicalMemory, HandleKind::AdapterMemory,
                                HandleKind::TrackedMemory};

std::uint64_t number(HANDLE handle) { return reinterpret_cast<std::uintptr_t>(handle); }
HANDLE handle_of(std::uint64_t number) { return reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(number)); }

TEST(HandleState, FollowsAHandleThroughItsLife) {
    HandleTable table(5);
    int target = 0;
    const HANDLE handle = table.insert(HandleKind::PhysicalMemory, &target);
    EXPECT_EQ(table.state(HandleKind::PhysicalMemory, handle), HandleState::Live);
    EXPECT_EQ(table.state(HandleKind::AdapterMemory, handle), HandleState::OtherKind);
    table.remove(handle);
    EXPECT_EQ(table.state(HandleKind::PhysicalMemory, handle), HandleState::Ended);
    EXPECT_EQ(table.state(HandleKind::AdapterMemory, handle), HandleState::Ended);
    const HANDLE next = table.insert(HandleKind::AdapterMemory, &target);  // of the same slot
    EXPECT_EQ(table.state(HandleKind::PhysicalMemory, handle), HandleState::Ended);
    EXPECT_EQ(table.state(HandleKind::AdapterMemory, next), HandleState::Live);
}

TEST(HandleState, NumbersThatWereNeverHandedOutAreUnknown) {
    HandleTable table(5);
    int target = 0;
    const HANDLE handle = table.insert(HandleKind::PhysicalMemory, &target);
    constexpr std::uint64_t generation = std::uint64_t{1} << 26;  // a handle's fields: tag 63:44, generation, slot 25:2
    const std::uint64_t strange[] = {0,
                                     4,
                                     ~std::uint64_t{0},
                                     number(handle) + 1,
                                     number(handle) | 2,
                                     number(handle) + 4,           // a slot that was never used
                                     number(handle) + generation,  // a generation that is to come
                                     number(handle) - generation,  // generation 0
                                     number(handle) ^ (std::uint64_t{1} << 44)};
    for (const std::uint64_t other : strange) {
        EXPECT_EQ(table.state(HandleKind::PhysicalMemory, handle_of(other)), HandleState::Unknown) << std::hex << other;
        EXPECT_EQ(table.find(HandleKind::PhysicalMemory, handle_of(other)), nullptr);
    }
    table.remove(handle);
    for (const std::uint64_t other : {number(handle) + generation, number(handle) - generation})
        EXPECT_EQ(table.state(HandleKind::PhysicalMemory, handle_of(other)), HandleState::Unknown) << std::hex << other;
}

TEST(HandleState, AgreesWithAMapOverARandomLife) {
    HandleTable table(0xfffff);
    struct Known {
        HandleKind kind{};
        int* target = nullptr;  // null: ended
    };
    std::map<HANDLE, Known> known;
    std::vector<HANDLE> live;
    std::vector<int> targets(64);
    std::mt19937_64 random(3);
    for (unsigned step = 0; step < 20'000; ++step) {
        if (live.size() < 50 && random() % 2 == 0) {
            const Known added{kinds[random() % 4], &targets[random() % 64]};
            const HANDLE handle = table.insert(added.kind, added.target);
            ASSERT_TRUE(known.emplace(handle, added).second) << "a handle is never given out twice";
            live.push_back(handle);
        } else if (!live.empty()) {
            std::swap(live[random() % live.size()], live.back());
            table.remove(live.back());
            known[live.back()].target = nullptr;
            live.pop_back();
        }
        if (step % 500 != 0) continue;
        for (const auto& [handle, is] : known) {
            for (const HandleKind kind : kinds) {
                const bool lives = is.target != nullptr;
                const HandleState expected = !lives            ? HandleState::Ended
                                             : is.kind == kind ? HandleState::Live
                                                               : HandleState::OtherKind;
                ASSERT_EQ(table.state(kind, handle), expected);
                ASSERT_EQ(table.find(kind, handle), expected == HandleState::Live ? is.target : nullptr);
            }
        }
    }
}

}  // namespace
}  // namespace remap::callbacks
