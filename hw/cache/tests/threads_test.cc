// SPDX-License-Identifier: MIT
// Processors, a device and whoever tracks pages, each on a thread of its own.
#include "hw/cache/tests/rig.h"

#include <atomic>
#include <set>
#include <thread>

namespace remap::cache::test {
namespace {

class Threads : public Rule {};
INSTANTIATE_TEST_SUITE_P(Modes, Threads, testing::Values(Mode::Report, Mode::Strict), mode_name);

constexpr unsigned rounds = 4000;

// A processor keeps to a page of its own and does everything right: it never gets another value than it stored.
void correct_processor(Rig& rig, unsigned cpu, std::atomic<unsigned>& wrong) {
    const std::uint64_t page = Rig::page + cpu * page_size;
    static constexpr MemoryType types[] = {wb, wc, uc, wt};
    for (unsigned round = 0; round < rounds; ++round) {
        const std::uint64_t at = page + round % 8 * 64;
        const MemoryType type = types[round / 8 % 4];
        const std::uint64_t value = (std::uint64_t{cpu} << 32) | round;
        rig.model.store(Rig::access(type, at, 0x100, cpu), &value);
        rig.model.flush(Rig::access(type, at, 0x300, cpu), static_cast<Flush>(round % 2));
        if (rig.model.pending(cpu)) rig.model.fence(cpu, Fence::Full);
        std::uint64_t seen = 0;
        rig.model.load(Rig::access(type, at, 0x200, cpu), &seen);
        wrong += seen != value;
        rig.model.dma_read(Rig::dma(at, false, no_snoop), &seen);
        wrong += seen != value;
        rig.model.flush(Rig::access(type, at, 0x300, cpu), Flush::Clflush);
    }
}

TEST_P(Threads, correct_processors_do_not_disturb_each_other) {
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> threads;
    for (unsigned cpu = 0; cpu < 3; ++cpu) threads.emplace_back([&, cpu] { correct_processor(rig, cpu, wrong); });
    threads.emplace_back([&] {  // the fourth page comes and goes, with pages that are far away
        for (unsigned round = 0; round < rounds; ++round) {
            rig.model.track({(Rig::page >> page_shift) + 3}, 1 + std::uint64_t{round % 2} * 100'000);
            const std::uint64_t value = round;
            rig.model.store(Rig::access(wb, Rig::page + 3 * page_size, 0x100, 700), &value);
            rig.model.untrack({(Rig::page >> page_shift) + 3}, 100'001);
            EXPECT_TRUE(rig.model.tracked({Rig::page >> page_shift}));
            (void)rig.model.idle();
        }
    });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(rig.news(), "");
    EXPECT_TRUE(rig.model.idle());
}

TEST_P(Threads, mistakes_on_one_page_are_all_told) {
    std::vector<std::thread> threads;
    for (unsigned cpu = 0; cpu < 3; ++cpu) {
        threads.emplace_back([&, cpu] {
            for (unsigned round = 1; round <= rounds; ++round) {
                const std::uint64_t value = round;
                rig.model.store(Rig::access(cpu == 0 ? wb : wc, at + cpu * 64, 0x100 + cpu, cpu), &value);
                (void)rig.model.pending(cpu);
                std::uint64_t seen = 0;
                rig.model.dma_read(Rig::dma(at + cpu * 64, false, no_snoop), &seen);
                if (round % 16 == 0) rig.model.flush_all(cpu, true);
                (void)rig.model.finding(rig.model.finding_count());
                (void)rig.model.counters();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    std::set<std::uint64_t> codes;
    for (std::size_t i = 0; i < rig.model.finding_count(); ++i) codes.insert(rig.model.finding(i)->store->code);
    EXPECT_EQ(codes, (std::set<std::uint64_t>{0x100, 0x101, 0x102}));
    EXPECT_EQ(rig.told.size(), 3u);
}

}  // namespace
}  // namespace remap::cache::test
