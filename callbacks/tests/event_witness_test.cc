// SPDX-License-Identifier: MIT
// Events of the trace, with their fields as numbers.
#include "callbacks/lab/event_witness.h"

#include "callbacks/tests/fakes.h"
#include "hw/driver/laboratory.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>
#include <vector>

namespace remap::callbacks::tests {
namespace {

using spec::lab::DriverEvent;
using spec::lab::DriverKind;
using Events = std::vector<DriverEvent>;

class Kept final : public DriverEventPort {
public:
    void post(const DriverEvent& event) override {
        EXPECT_TRUE(event.is_drivers());
        events.push_back(event);
    }
    Events take() { return std::exchange(events, {}); }

    Events events;
};

struct EventsOf : testing::Test {
    static const void* at(std::uintptr_t address) { return reinterpret_cast<const void*>(address); }

    Kept kept;
    EventWitness witness{kept};
};

TEST_F(EventsOf, CallIsItsNumberAndCaller) {
    witness.call_began({Callback::AllocateAdl, at(0x401000)});
    witness.call_ended({Callback::AllocateAdl, at(0x401000)}, STATUS_NO_MEMORY, 7);
    witness.call_ended({Callback::StartAdapter, nullptr}, STATUS_SUCCESS, 0);
    EXPECT_EQ(
        kept.take(),
        (Events{{.kind = DriverKind{24}, .code = 4, .address = 0x401000},
                {.kind = DriverKind{25}, .flags = 2, .code = 4, .address = 0x401000, .result = 0xc0000017, .detail = 7},
                {.kind = DriverKind{25}, .code = 64}}));
}

TEST_F(EventsOf, ObjectIsFollowedByItsFrames) {
    FrameList frames;
    ASSERT_TRUE(frames.add({{0x100}, 2}) && frames.add({{0x80}, 1}) && frames.add({{0x300}, 5}));
    const WitnessedObject object{{.handle = 0xbeef, .context = 0xc0ffee, .number = 3}, ObjectSort::Section, 4};
    witness.object_made(object, frames);
    const Events all{
        {.kind = DriverKind{22}, .code = 3, .address = 0xc0ffee, .length = 0x4000, .result = 0xbeef, .detail = 3},
        {.kind = DriverKind{23}, .address = 0x100000, .length = 0x2000, .result = 0, .detail = 3},
        {.kind = DriverKind{23}, .address = 0x80000, .length = 0x1000, .result = 0x2000, .detail = 3},
        {.kind = DriverKind{23}, .address = 0x300000, .length = 0x1000, .result = 0x3000, .detail = 3}};
    EXPECT_EQ(kept.take(), all);
    FrameList left;
    ASSERT_TRUE(left.add({{0x700}, 3}));
    witness.object_moved(object, left, frames);
    Events moved{{.kind = DriverKind{23}, .flags = 0x40, .address = 0x700000, .length = 0x3000, .detail = 3}};
    moved.insert(moved.end(), all.begin() + 1, all.end());
    EXPECT_EQ(kept.take(), moved);
    witness.object_ended(object);
    DriverEvent ended = all[0];
    ended.flags = 0x40;
    EXPECT_EQ(kept.take(), (Events{ended}));
}

TEST_F(EventsOf, ReachIsOneForEachDevice) {
    const std::uint16_t sources[] = {0x10, 0x118};
    witness.mapped({sources, {0x20}, {0x500}, 2, 9});
    witness.unmapped({sources, {0x20}, {}, 2, 9});
    const auto event = [](unsigned kind, std::uint16_t source, std::uint64_t to) {
        return DriverEvent{.kind = static_cast<DriverKind>(kind),
                           .source = source,
                           .address = 0x20000,
                           .length = 0x2000,
                           .result = to,
                           .detail = 9};
    };
    EXPECT_EQ(kept.take(),
              (Events{event(20, 0x10, 0x500000), event(20, 0x118, 0x500000), event(21, 0x10, 0), event(21, 0x118, 0)}));
}

TEST_F(EventsOf, ViewIsOfNoDevice) {
    const LiveView view{.base = reinterpret_cast<void*>(0x7000'0000),
                        .pages = 3,
                        .cache = CacheType::WriteCombined,
                        .mode = AccessMode::User,
                        .writable = false,
                        .origin = {.object = {.number = 5}}};
    FrameList frames;
    ASSERT_TRUE(frames.add({{0x11}, 1}) && frames.add({{0x44}, 1}) && frames.add({{0x33}, 2}));
    witness.view_made(view, frames, 1);
    witness.view_ended(view);
    const auto event = [](unsigned kind, std::uint64_t address, std::uint64_t length, std::uint64_t to) {
        return DriverEvent{.kind = static_cast<DriverKind>(kind),
                           .source = 0xffff,
                           .code = 0x202,
                           .address = address,
                           .length = length,
                           .result = to,
                           .detail = 5};
    };
    EXPECT_EQ(kept.take(), (Events{event(20, 0x7000'0000, 0x1000, 0x44000), event(20, 0x7000'1000, 0x2000, 0x33000),
                                   event(21, 0x7000'0000, 0x3000, 0)}));
}

// ---- the registers -------------------------------------------------------------------------------------------------

TEST(DriverEvents, HeadIsOneWordThatReadsBack) {
    const DriverEvent event{.kind = DriverKind::Return, .flags = 2, .source = 0x1234, .code = 0x89abcdef};
    EXPECT_EQ(event.head(), 0x89abcdef12340219u);
    DriverEvent read;
    read.set_head(event.head());
    EXPECT_EQ(read, event);
}

TEST(DriverEvents, OnlyWhatADriverDoesIsADrivers) {
    for (unsigned kind = 0; kind < 256; ++kind)
        for (unsigned flags = 0; flags < 256; ++flags) {
            const DriverEvent event{.kind = static_cast<DriverKind>(kind), .flags = static_cast<std::uint8_t>(flags)};
            const bool may =
                kind >= 20 && kind <= 25 &&
                (flags == 0 || ((kind == 22 || kind == 23) && flags == 0x40) || (kind == 25 && flags == 2));
            EXPECT_EQ(event.is_drivers(), may) << kind << " " << flags;
        }
}

TEST(DriverEvents, AreWrittenFieldByFieldAndCommitted) {
    std::array<std::uint64_t, 512> page{};
    page[1] = 5;
    page[2] = 6;
    const lab_driver::Laboratory laboratory(page.data());
    EXPECT_FALSE(laboratory.is_there());
    page[0] = 0x3162616c70616d52;
    EXPECT_TRUE(laboratory.is_there());
    EXPECT_EQ(laboratory.taken(), 5u);
    EXPECT_EQ(laboratory.refused(), 6u);
    laboratory.post({.kind = DriverKind::Map, .source = 0x10, .address = 1, .length = 2, .result = 3, .detail = 4});
    EXPECT_EQ((std::array{page[4], page[5], page[6], page[7], page[8]}),
              (std::array<std::uint64_t, 5>{1, 2, 3, 4, 0x100014}));
}

}  // namespace
}  // namespace remap::callbacks::tests
