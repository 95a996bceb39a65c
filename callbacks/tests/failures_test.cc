// SPDX-License-Identifier: MIT
// Failure on demand: which calls a rule hits.
#include "callbacks/core/failures.h"

#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace remap::callbacks::tests {
namespace {

constexpr NTSTATUS none = STATUS_SUCCESS;

std::vector<bool> hits(Failures& failures, Callback callback, unsigned calls) {
    std::vector<bool> result;
    for (unsigned i = 0; i < calls; ++i) result.push_back(failures.next(callback) != none);
    return result;
}

TEST(Failures, TheNthCallFailsOnceAndWithItsStatus) {
    Failures failures;
    ASSERT_TRUE(failures.set({.callback = Callback::AllocateAdl, .nth = 3, .status = STATUS_NO_MEMORY}));
    EXPECT_EQ(failures.next(Callback::AllocateAdl), none);
    EXPECT_EQ(failures.next(Callback::MapPhysicalMemory), none);  // is not counted
    EXPECT_EQ(failures.next(Callback::AllocateAdl), none);
    EXPECT_EQ(failures.injected(), 0u);
    EXPECT_EQ(failures.next(Callback::AllocateAdl), STATUS_NO_MEMORY);
    EXPECT_EQ(failures.next(Callback::AllocateAdl), none);
    EXPECT_EQ(failures.injected(), 1u);
}

TEST(Failures, ARuleForAllCountsCallsTogether) {
    Failures failures;
    ASSERT_TRUE(failures.set({.callback = {}, .nth = 2}));
    EXPECT_EQ(failures.next(Callback::DestroyPhysicalMemoryObject), none);  // has no status: is not counted
    EXPECT_EQ(failures.next(Callback::CreatePhysicalMemoryObject), none);
    EXPECT_EQ(failures.next(Callback::OpenPhysicalMemoryObject), STATUS_INSUFFICIENT_RESOURCES);
}

TEST(Failures, ChanceIsReproducibleAndHitsAboutAsOftenAsAsked) {
    Failures failures;
    const FailureRule rule{.callback = Callback::MapPhysicalMemory, .per_million = 250'000, .seed = 7};
    ASSERT_TRUE(failures.set(rule));
    const auto first = hits(failures, Callback::MapPhysicalMemory, 4000);
    ASSERT_TRUE(failures.set(rule));
    EXPECT_EQ(hits(failures, Callback::MapPhysicalMemory, 4000), first);
    const auto count = std::count(first.begin(), first.end(), true);
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1150);
    FailureRule other = rule;
    other.seed = 8;
    ASSERT_TRUE(failures.set(other));
    EXPECT_NE(hits(failures, Callback::MapPhysicalMemory, 4000), first);
}

TEST(Failures, AMillionIsAlwaysAndTheFirstRuleThatHitsDecides) {
    Failures failures;
    const FailureRule rules[] = {{.callback = Callback::AllocateAdl, .nth = 2, .status = STATUS_NO_MEMORY},
                                 {.callback = {}, .per_million = 1'000'000, .status = STATUS_INVALID_DEVICE_STATE}};
    ASSERT_TRUE(failures.set(rules));
    EXPECT_EQ(failures.next(Callback::AllocateAdl), STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(failures.next(Callback::AllocateAdl), STATUS_NO_MEMORY);
    EXPECT_EQ(failures.next(Callback::AllocateAdl), STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(failures.injected(), 3u);
    failures.clear();
    EXPECT_EQ(failures.injected(), 0u);
    EXPECT_EQ(failures.next(Callback::AllocateAdl), none);
}

TEST(Failures, RulesThatMakeNoSenseChangeNothing) {
    Failures failures;
    ASSERT_TRUE(failures.set({.callback = Callback::AllocateAdl, .per_million = 1'000'000}));
    EXPECT_FALSE(failures.set({.callback = Callback::AllocateAdl, .nth = 1, .status = STATUS_SUCCESS}));
    EXPECT_FALSE(failures.set({.callback = Callback::AllocateAdl, .per_million = 1'000'001}));
    EXPECT_FALSE(failures.set({.callback = Callback::FreeAdl, .nth = 1}));
    EXPECT_FALSE(failures.set({.callback = Callback::SwitchDomain, .nth = 1}));
    EXPECT_FALSE(failures.set(std::vector<FailureRule>(Failures::most_rules + 1)));
    EXPECT_EQ(failures.next(Callback::AllocateAdl), STATUS_INSUFFICIENT_RESOURCES);
}

TEST(Failures, EachCallbackWithAStatusThatReportsNoSuccessfulFreeCanFail) {
    unsigned count = 0;
    for (unsigned i = 0; i < callback_count; ++i) count += can_fail(static_cast<Callback>(i));
    EXPECT_EQ(count, 10u);  // Create, Map, AllocateAdl, Open, five of the older ones, and PinFrameBufferForSave2
}

TEST(Failures, ACallAtTheWrongIrqlIsNoneThatWasMadeToFail) {
    World world;
    ASSERT_TRUE(world.dxgkrnl->failures().set({.callback = {}, .nth = 1, .status = STATUS_NO_MEMORY}));
    world.execution.level = DISPATCH_LEVEL;
    auto args = mdl_of(4096);
    EXPECT_EQ(world.dxgkrnl->create(&args), STATUS_INVALID_DEVICE_STATE);
    EXPECT_TRUE(world.reported(Check::WrongIrql));
    EXPECT_EQ(world.dxgkrnl->failures().injected(), 0u);
    world.execution.level = APC_LEVEL;
    EXPECT_EQ(world.dxgkrnl->create(&args), STATUS_NO_MEMORY);
    EXPECT_EQ(world.dxgkrnl->failures().injected(), 1u);
}

}  // namespace
}  // namespace remap::callbacks::tests
