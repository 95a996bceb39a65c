// SPDX-License-Identifier: MIT
// One thread runs the engine while another uses the registers; the thread sanitizer judges.
#include "hw/tests/state_bench.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace remap::gpu {
namespace {

// Runs an engine as QEMU and the hosted machine do: asleep until there is work.
class WorkerHost : public HostPort {
public:
    void work_available() override {
        const std::lock_guard guard(lock_);
        work_ = true;
        changed_.notify_one();
    }
    void interrupt(unsigned vector) override { interrupts[vector].fetch_add(1); }

    void loop(Gpu& gpu) {
        while (wait())
            while (gpu.run() && !stop_) {
            }
    }

    void stop() {
        stop_ = true;
        work_available();
    }

    std::atomic<unsigned> interrupts[4] = {};

private:
    bool wait() {
        std::unique_lock guard(lock_);
        changed_.wait(guard, [this] { return work_; });
        work_ = false;
        return !stop_;
    }

    std::mutex lock_;
    std::condition_variable changed_;
    bool work_ = false;
    std::atomic<bool> stop_ = false;
};

class Threads : public testing::Test {
protected:
    Threads() : gpu({}, vram, bus, host) {
        bus.add_window(ring_base, 0x10000);
        bus.add_window(memory_base, memory_bytes);
        gpu.write(0x40, ring_base, 8);
        gpu.write(0x48, 8, 4);
        gpu.write(0x64, 0, 4);
        gpu.write(0x20, 1, 4);
        worker = std::thread([this] { host.loop(gpu); });
    }

    ~Threads() override {
        host.stop();
        worker.join();
    }

    void put(std::uint32_t entry, const spec::Packet& packet) {
        std::memcpy(bus.at(ring_base + entry * 64, 64), &packet, 64);
    }

    template <typename Condition>
    bool eventually(Condition condition) {
        for (int i = 0; i < 10000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return false;
    }

    std::vector<std::byte> vram = std::vector<std::byte>(vram_bytes);
    FakeBus bus;
    WorkerHost host;
    Gpu gpu;
    std::thread worker;
};

TEST_F(Threads, RegistersAnswerWhileTheEngineWorks) {
    for (std::uint32_t round = 1; round <= 60; ++round) {
        const std::uint32_t entry = (round - 1) * 3 % 256;
        put(entry, spec::fill(spec::vram(0), 0x10000, round));
        put((entry + 1) % 256, spec::copy(spec::system_memory(memory_base + 3), spec::vram(1), 0x8000));
        put((entry + 2) % 256, spec::fence(spec::vram(0x20000), round, true));
        gpu.write(0x50, (entry + 3) % 256, 4);
        ASSERT_TRUE(eventually([&] {
            gpu.read(0x24, 4);
            gpu.scanout();
            gpu.write(0x100, round & 1, 4);
            return gpu.read(0x70, 8) == round;
        }));
        // The fence register orders the engine's writes before these reads.
        EXPECT_EQ(vram[0], static_cast<std::byte>(round));
        gpu.write(0x60, 1, 4);
    }
    EXPECT_EQ(gpu.read(0xa0, 8), 180u);
    EXPECT_TRUE(eventually([&] { return host.interrupts[0] >= 1; }));
}

TEST_F(Threads, AnEngineAtWorkIsEndedByResetAndStartsAgain) {
    for (int round = 0; round < 40; ++round) {
        put(0, spec::fill(spec::system_memory(memory_base), memory_bytes, 1));
        put(1, spec::fence(spec::vram(0x20000), 1));
        gpu.write(0x50, 2, 4);
        if (round % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50 * round));
        gpu.write(0x20, 2, 4);
        EXPECT_EQ(gpu.read(0x70, 8), 0u);
        gpu.write(0x20, 1, 4);
        // Until the engine is at rest, it may still read the entry that the next round writes.
        ASSERT_TRUE(eventually([&] { return gpu.read(0x24, 4) == 1; }));
    }
}

TEST(ThreadsAndState, AStateTakenWhileRegistersAreUsedIsOneThatAPartCanBeIn) {
    Rig rig, target;
    rig.start({spec::fill(memory(0), memory_bytes, 1)});
    ASSERT_TRUE(rig.gpu->run());
    std::atomic<bool> stop = false;
    std::thread software([&] {
        for (std::uint32_t round = 0; !stop; ++round) {
            rig.write32(0x20, round % 3);
            rig.write64(0x40, ring_base + round % 8 * 64);
            rig.write32(0x48, round % 20);
            rig.write32(0x50, round % 40);
            rig.write32(0x68, round);
            rig.write32(0x60, ~round);
            rig.write32(0x100, round & 1);
        }
    });
    for (int round = 0; round < 2000; ++round) EXPECT_EQ(load(*target.gpu, save(*rig.gpu)), "");
    stop = true;
    software.join();
}

}  // namespace
}  // namespace remap::gpu
