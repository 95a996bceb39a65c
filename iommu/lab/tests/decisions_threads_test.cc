// SPDX-License-Identifier: MIT
// Rules change while others decide.
#include "iommu/lab/decisions.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace remap::lab {
namespace {

Rule refuse(std::string name, Kind kind) {
    return {std::move(name), {.pattern = {.kind = kind}}, {.deed = Deed::Refuse}};
}

class Threads {
public:
    template <typename Body>
    void start(Body body) {
        threads_.emplace_back(body);
    }
    ~Threads() {
        for (std::thread& thread : threads_) thread.join();
    }

private:
    std::vector<std::thread> threads_;
};

TEST(DecisionsThreads, NoEventIsLostOrCountedTwice) {
    constexpr unsigned deciders = 3, events = 20000;
    Decisions decisions;
    std::array<RuleCounter, 4> table;
    decisions.publish_to(table);
    ASSERT_EQ(decisions.replace({1, {refuse("always", Kind::Dma), refuse("never first", Kind::Dma)}}), "");
    std::atomic<unsigned> orders{0};
    {
        Threads threads;
        for (unsigned i = 0; i < deciders; ++i)
            threads.start([&] {
                for (unsigned event = 0; event < events; ++event)
                    if (decisions.decide({.kind = Kind::Dma}).deed == Deed::Refuse) orders.fetch_add(1);
            });
    }
    EXPECT_EQ(orders.load(), deciders * events);
    EXPECT_EQ(decisions.counts()[0].matched, deciders * events);
    EXPECT_EQ(decisions.counts()[0].acted, deciders * events);
    EXPECT_EQ(decisions.counts()[1].acted, 0u);
    EXPECT_EQ(table[1].matched.load(), deciders * events);
}

TEST(DecisionsThreads, WhoAsksIsAnsweredByTheOldRulesOrTheNew) {
    Decisions decisions;
    const RuleSet refusing{1, {refuse("old", Kind::Dma)}};
    const RuleSet delaying{2,
                           {{"new", {.pattern = {.kind = Kind::Dma}}, {.deed = Deed::Delay, .nanoseconds = 5}},
                            refuse("other", Kind::Translation)}};
    ASSERT_EQ(decisions.replace(refusing), "");
    std::atomic<bool> over{false};
    std::atomic<unsigned> wrong{0}, asked{0};
    {
        Threads threads;
        for (unsigned i = 0; i < 2; ++i)
            threads.start([&] {
                while (!over.load()) {
                    Order order = decisions.decide({.kind = Kind::Dma});
                    order.acted = 0;
                    order.rule = 0;
                    const bool old_one = order == Order{.deed = Deed::Refuse};
                    const bool new_one = order == Order{.deed = Deed::Delay, .nanoseconds = 5};
                    if (!old_one && !new_one) wrong.fetch_add(1);
                    asked.fetch_add(1);
                }
            });
        threads.start([&] {
            while (!over.load()) {
                const std::size_t counts = decisions.counts().size();
                if (counts < 1 || counts > 3 || decisions.rules().rules.empty()) wrong.fetch_add(1);
            }
        });
        for (unsigned i = 0; i < 300 || asked.load() < 1000; ++i) {
            EXPECT_EQ(decisions.replace(i % 2 ? refusing : delaying), "");
            EXPECT_EQ(decisions.add(refuse("added", Kind::Translation)), "");
            EXPECT_EQ(decisions.remove("added"), "");
        }
        over.store(true);
    }
    EXPECT_EQ(wrong.load(), 0u);
}

}  // namespace
}  // namespace remap::lab
