// SPDX-License-Identifier: MIT
#include "callbacks/tests/model/rounds.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

namespace remap::callbacks::tests {

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

// One adapter in each mode, the last of them a chain.
std::vector<reference::Adapter> start_shared(Platform& platform) {
    std::vector<reference::Adapter> shared;
    for (const DmaMode mode : {DmaMode::Physical, DmaMode::Isolation, DmaMode::Remapping}) {
        reference::Adapter adapter;
        adapter.slot = static_cast<unsigned>(shared.size());
        adapter.shared = adapter.iommu = true;
        adapter.mode = mode;
        adapter.highest_page = ~std::uint64_t{0} >> page_shift;
        const std::vector<PhysicalAddress> visible(adapter.slot + 1, {~std::uint64_t{0}});
        AdapterDescription asked{.highest_visible = visible};
        asked.iommu.DmaRemappingSupported = mode == DmaMode::Remapping;
        asked.iommu.IommuIsolationSupported = mode == DmaMode::Isolation;
        asked.map_aperture2 = true;
        asked.preferred = mode;
        asked.dma = platform.dma(adapter.slot);
        HANDLE handles[8] = {};
        EXPECT_EQ(platform.dxgkrnl().start_adapter(asked, handles), STATUS_SUCCESS);
        EXPECT_EQ(platform.dxgkrnl().mode(handles[0]), mode);
        adapter.handles.assign(handles, handles + visible.size());
        shared.push_back(std::move(adapter));
    }
    return shared;
}

using Left = Actor::Left;

// Whether exactly these counts are reported.
void expect_leaks(const std::vector<Seen>& seen, const std::vector<std::pair<Check, std::uint64_t>>& wanted) {
    std::size_t found = 0;
    for (const auto& [check, count] : wanted) {
        if (count == 0) continue;
        ++found;
        EXPECT_TRUE(std::ranges::any_of(seen,
                                        [&, check = check, count = count](const Seen& report) {
                                            return report.check == check &&
                                                   std::strtoull(report.message.c_str(), nullptr, 10) == count;
                                        }))
            << text_of(check).name << " with " << count;
    }
    EXPECT_EQ(seen.size(), found);
}

void stop_shared(Platform& platform, const std::vector<reference::Adapter>& shared, const std::deque<Actor>& actors) {
    for (unsigned i = 0; i < shared.size(); ++i) {
        Left all;
        for (const Actor& actor : actors) {
            const Left left = actor.left_on(i);
            all.lists += left.lists;
            all.opened += left.opened;
            all.views += left.views;
            all.tracked += left.tracked;
        }
        platform.dxgkrnl().stop_adapter(shared[i].handles[0]);
        expect_leaks(platform.take_reports(), {{Check::AdlsLeaked, all.lists},
                                               {Check::AdapterObjectsLeaked, all.opened},
                                               {Check::ViewsLeft, all.views},
                                               {Check::TrackingLeaked, all.tracked}});
    }
}

}  // namespace

std::uint64_t model_calls(std::uint64_t otherwise) {
#ifdef __SANITIZE_THREAD__
    otherwise /= 8;  // each call takes many times as long
#endif
    return from_environment("REMAP_MODEL_CALLS", otherwise);
}
std::uint64_t model_seed(std::uint64_t otherwise) { return from_environment("REMAP_MODEL_SEED", otherwise); }

void run_model(Platform& platform, const Round& round) {
    const auto shared = start_shared(platform);
    EXPECT_TRUE(platform.dxgkrnl().failures().set(
        {.callback = {}, .per_million = round.fail_per_million, .seed = round.seed, .status = injected_status}));
    Contended contended(platform);
    std::deque<Actor> actors;
    for (unsigned i = 0; i < round.threads; ++i)
        actors.emplace_back(platform,
                            ActorOptions{.index = i,
                                         .first_slot = static_cast<unsigned>(shared.size()) + 2 * i,
                                         .seed = round.seed * 1'000 + i,
                                         .verifier = round.verifier,
                                         .moves = round.moves,
                                         .has_io = round.has_io},
                            shared, contended);
    std::vector<std::thread> threads;
    for (Actor& actor : actors)
        threads.emplace_back([&] { (void)(actor.run(round.calls / round.threads) && actor.stop_own()); });
    for (std::thread& thread : threads) thread.join();
    if (testing::Test::HasFailure()) return;

    std::uint64_t injected = 0;
    std::uint64_t not_open = 0;
    for (const Actor& actor : actors) {
        injected += actor.injected();
        not_open += actor.objects_not_open();
    }
    EXPECT_EQ(platform.dxgkrnl().failures().injected(), injected) << "each call that was made to fail said so";
    contended.end();
    stop_shared(platform, shared, actors);
    const Leftovers left = platform.end();
    expect_leaks(platform.take_reports(), {{Check::ObjectsLeaked, not_open}});
    EXPECT_EQ(left.frames, 0u);
    EXPECT_EQ(left.views, 0u);
    EXPECT_EQ(left.mapped, 0u);
}

}  // namespace remap::callbacks::tests
