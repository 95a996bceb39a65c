// SPDX-License-Identifier: MIT
#include "tools/export/injection_targets.h"

#include <gtest/gtest.h>

namespace remap::tools {
namespace {

using lab::Event;
using lab::Kind;

Event injection(std::uint16_t source) {
    return {.kind = Kind::Injection, .source = source, .result = static_cast<std::uint64_t>(Kind::Dma)};
}
Event dma(std::uint16_t source, bool tampered) {
    return {.kind = Kind::Dma, .flags = tampered ? lab::flag::tampered : std::uint8_t{0}, .source = source};
}

TEST(InjectionTargets, TheNextEventOfItsDeviceAndKindThatARuleHadPartIn) {
    const Event events[] = {injection(1),
                            dma(1, false),
                            dma(2, true),
                            {.kind = Kind::Translation, .flags = lab::flag::tampered, .source = 1},
                            dma(1, true)};
    EXPECT_EQ(injection_targets(events), (std::vector<InjectionTarget>{{0, 4}}));
}

TEST(InjectionTargets, OrOneBeforeWhenNoneFollows) {
    const Event events[] = {dma(1, true), dma(1, true), injection(1)};
    EXPECT_EQ(injection_targets(events), (std::vector<InjectionTarget>{{2, 1}}));
}

TEST(InjectionTargets, EachEventBelongsToOneInjection) {
    const Event events[] = {injection(1), injection(1), dma(1, true), injection(1), dma(1, true)};
    EXPECT_EQ(injection_targets(events), (std::vector<InjectionTarget>{{0, 2}, {1, 4}}));
}

TEST(InjectionTargets, FarAwayIsNotItsDoing) {
    std::vector<Event> events(5000, dma(1, false));
    events.front() = injection(1);
    events.back() = dma(1, true);
    EXPECT_TRUE(injection_targets(events).empty());
}

}  // namespace
}  // namespace remap::tools
