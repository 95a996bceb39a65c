// SPDX-License-Identifier: MIT
// What draining waits for (VT-d section 6.5.4): every access that began before, and no later one.
#include "iommu/engine/access_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace remap::iommu {
namespace {

using namespace std::chrono_literals;

// A drain on a thread of its own, and whether it has come to its end.
class Drain {
public:
    explicit Drain(AccessGate& gate)
        : thread_([this, &gate] {
              started_ = true;
              gate.drain();
              ended_ = true;
          }) {
        while (!started_) std::this_thread::yield();
        std::this_thread::sleep_for(20ms);  // it is waiting by now, or has ended
    }
    ~Drain() { thread_.join(); }

    bool ended() const { return ended_; }
    bool ends() const {
        for (int i = 0; i < 2000 && !ended_; ++i) std::this_thread::sleep_for(1ms);
        return ended_;
    }

private:
    std::atomic<bool> started_{false};
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

TEST(AccessGate, WithoutAccessesADrainEndsAtOnce) {
    AccessGate gate;
    EXPECT_TRUE(gate.try_drain());
    for (int i = 0; i < 5; ++i) gate.drain();
    gate.end(gate.begin());
    EXPECT_TRUE(gate.try_drain());
    gate.drain();
}

TEST(AccessGate, ADrainWaitsForAnAccessThatBeganBefore) {
    AccessGate gate;
    for (int round = 0; round < 4; ++round) {  // in each of the two phases
        const AccessGate::Ticket access = gate.begin();
        EXPECT_FALSE(gate.try_drain());
        Drain drain(gate);
        EXPECT_FALSE(drain.ended());
        gate.end(access);
        EXPECT_TRUE(drain.ends());
    }
}

TEST(AccessGate, ADrainDoesNotWaitForAnAccessThatBeganLater) {
    AccessGate gate;
    for (int round = 0; round < 4; ++round) {
        const AccessGate::Ticket before = gate.begin();
        Drain drain(gate);
        const AccessGate::Ticket later = gate.begin();
        EXPECT_FALSE(drain.ended());
        gate.end(before);
        EXPECT_TRUE(drain.ends());
        EXPECT_FALSE(gate.try_drain());
        gate.end(later);
    }
}

TEST(AccessGate, ANextDrainWaitsForWhatTheFirstDidNot) {
    AccessGate gate;
    const AccessGate::Ticket before = gate.begin();
    AccessGate::Ticket later;
    {
        Drain first(gate);
        later = gate.begin();
        gate.end(before);
    }
    Drain second(gate);
    EXPECT_FALSE(second.ended());
    gate.end(later);
    EXPECT_TRUE(second.ends());
}

TEST(AccessGate, AnAccessMayEndOnAnotherThread) {
    AccessGate gate;
    const AccessGate::Ticket access = gate.begin();
    Drain drain(gate);
    std::thread([&] { gate.end(access); }).join();
    EXPECT_TRUE(drain.ends());
}

// Readers use what is published; the writer takes it back, drains, and spoils it. A reader that still uses it then
// would see the spoiled value. Under the thread sanitizer the plain integer says that drains order what they have to.
TEST(AccessGate, NobodyUsesWhatWasRemovedBeforeADrain) {
    constexpr int readers = 3;
    constexpr int rounds = 3000;
    AccessGate gate;
    std::vector<int> values(2, 1);
    std::atomic<int*> published{&values[0]};
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < readers; ++i) {
        threads.emplace_back([&] {
            while (!stop) {
                const AccessGate::Ticket access = gate.begin();
                const int* const value = published.load(std::memory_order_seq_cst);
                std::this_thread::yield();
                if (*value != 1) ++wrong;
                gate.end(access);
            }
        });
    }
    for (int round = 0; round < rounds; ++round) {
        int* const old = published;
        published.store(old == &values[0] ? &values[1] : &values[0], std::memory_order_seq_cst);
        gate.drain();
        *old = 0;
        *old = 1;
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace remap::iommu
