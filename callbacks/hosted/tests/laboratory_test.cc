// SPDX-License-Identifier: MIT
// A driver's session on the hosted machine as its trace has it: callbacks, objects, maps and what the GPU did, with
// numbers that match.
#include "callbacks/driver/allocation.h"
#include "callbacks/hosted/system.h"
#include "callbacks/names/names.h"
#include "hw/hosted/tests/traced.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace remap::hosted {
namespace {

using callbacks::Callback;
using lab::Event;
using lab::Kind;
using Events = std::vector<Event>;

constexpr std::uint16_t gpu = 0x10;

struct Session : testing::Test {
    void begin(const std::string& rules = "") {
        auto created = System::create({.laboratory = LaboratoryOptions{.rules = rules, .trace = true}});
        ASSERT_TRUE(created) << created.error();
        system = std::move(*created);
        traced = std::make_unique<tests::Traced>(system->machine());
        auto started = system->start_adapter({});
        ASSERT_TRUE(started);
        adapter = *started;
        (void)traced->take();
    }
    ~Session() override {
        if (system) system->stop_adapter(adapter);
    }

    // What the driver's side said, without the unit's own events.
    static Events of_driver(Events events) {
        std::erase_if(events, [](const Event& event) { return event.kind < Kind::Map || event.kind > Kind::Return; });
        return events;
    }
    static Events of(const Events& events, Kind kind) {
        Events kept;
        std::ranges::copy_if(events, std::back_inserter(kept), [&](const Event& event) { return event.kind == kind; });
        return kept;
    }

    std::unique_ptr<System> system;
    std::unique_ptr<tests::Traced> traced;
    Adapter adapter;
};

TEST_F(Session, EachCallbackIsInTheTraceWithWhatItDid) {
    begin();
    {
        driver::Allocation buffer;
        ASSERT_EQ(buffer.make(adapter.interface, {.bytes = 3 * page_size}), STATUS_SUCCESS);
        const PhysicalAddress memory = system->dxgkrnl().frame(buffer.object(), 0).address();
        const Events events = of_driver(traced->take());

        const Events calls = of(events, Kind::Call);
        const Events returns = of(events, Kind::Return);
        ASSERT_EQ(calls.size(), 3u);
        ASSERT_EQ(returns.size(), 3u);
        const Callback order[] = {Callback::CreatePhysicalMemoryObject, Callback::AllocateAdl,
                                  Callback::MapPhysicalMemory};
        for (unsigned i = 0; i < 3; ++i) {
            EXPECT_EQ(calls[i].code, static_cast<std::uint32_t>(order[i]));
            EXPECT_EQ(returns[i].code, calls[i].code);
            EXPECT_EQ(returns[i].address, calls[i].address);
            EXPECT_NE(calls[i].address, 0u);
            EXPECT_EQ(returns[i].detail, 1u);
            EXPECT_EQ(returns[i].result, 0u);
        }

        const Events objects = of(events, Kind::Object);
        ASSERT_EQ(objects.size(), 1u);
        EXPECT_EQ(objects[0].detail, 1u);
        EXPECT_EQ(objects[0].length, 3 * page_size);
        EXPECT_EQ(of(events, Kind::Frames).at(0).address, memory.value);

        std::uint64_t reached = 0;
        std::uint64_t shown = 0;
        for (const Event& map : of(events, Kind::Map)) {
            EXPECT_EQ(map.detail, 1u);
            (map.source == gpu ? reached : shown) += map.length;
            if (map.source != gpu || map.address != buffer.address().value) continue;
            EXPECT_EQ(map.result, memory.value);
        }
        EXPECT_EQ(reached, 3 * page_size);
        EXPECT_EQ(shown, 3 * page_size);
    }
    const Events events = of_driver(traced->take());
    std::uint64_t unreached = 0;
    for (const Event& unmap : of(events, Kind::Unmap)) unreached += unmap.source == gpu ? unmap.length : 0;
    EXPECT_EQ(unreached, 3 * page_size);
    const Events ended = of(events, Kind::Object);
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].flags, lab::flag::ended);
    EXPECT_EQ(ended[0].detail, 1u);
}

TEST_F(Session, UnmapComesWithItsInvalidationInsideTheCall) {
    begin();
    driver::Allocation buffer;
    ASSERT_EQ(buffer.make(adapter.interface, {.bytes = page_size}), STATUS_SUCCESS);
    (void)traced->take();
    buffer.free_adl();
    const Events events = traced->take();
    const auto place = [&](Kind kind) { return std::ranges::find(events, kind, &Event::kind) - events.begin(); };
    EXPECT_LT(place(Kind::Call), place(Kind::Invalidation));
    EXPECT_LT(place(Kind::Invalidation), place(Kind::Unmap)) << "told when it is done";
    EXPECT_LT(place(Kind::Unmap), place(Kind::Return));
    EXPECT_LT(place(Kind::Return), std::ssize(events));
}

TEST_F(Session, ToolsAreToldWhoseMemoryADeviceReaches) {
#ifdef __SANITIZE_THREAD__
    // A tool's request orders its look behind our stores through memory that is mapped twice, which the sanitizer takes
    // for two memories.
    GTEST_SKIP() << "the thread sanitizer cannot see what orders this";
#endif
    begin();
    driver::Allocation first;
    driver::Allocation second;
    ASSERT_EQ(first.make(adapter.interface, {.bytes = page_size}), STATUS_SUCCESS);
    ASSERT_EQ(second.make(adapter.interface, {.bytes = page_size}), STATUS_SUCCESS);
    const std::string tables = traced->ask(R"({"command":"tables","device":"00:02.0"})");
    EXPECT_NE(tables.find("object 0x1"), std::string::npos) << tables;
    EXPECT_NE(tables.find("object 0x2"), std::string::npos) << tables;
    const std::string address = std::to_string(second.address().value);
    const std::string why = traced->ask(R"({"command":"explain","device":"00:02.0","address":)" + address + "}");
    EXPECT_NE(why.find("object 0x2"), std::string::npos) << why;
}

TEST_F(Session, RuleOnACallbackActsBesidesIt) {
    begin(R"({"rules":[{"name":"no second translation",
                        "when":{"on":"translation","device":"00:02.0","after":{"on":"call","code":4}},
                        "do":{"fault":5}}]})");
    std::uint32_t word = 0;
    driver::Allocation buffer;
    ASSERT_EQ(buffer.make(adapter.interface, {.bytes = page_size}), STATUS_SUCCESS);
    EXPECT_FALSE(system->machine().dma_read(gpu, buffer.address(), &word, 4));
    traced->expect_accounted(1);
    const auto fault = system->take_fault();
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->reason, 5);
}

TEST(NoLaboratory, SystemHasNoWitness) {
    auto system = System::create({});
    ASSERT_TRUE(system);
    EXPECT_EQ((*system)->machine().laboratory(), nullptr);
    auto adapter = (*system)->start_adapter({});
    ASSERT_TRUE(adapter);
    driver::Allocation buffer;
    EXPECT_EQ(buffer.make(adapter->interface, {.bytes = page_size}), STATUS_SUCCESS);
}

}  // namespace
}  // namespace remap::hosted
