// SPDX-License-Identifier: MIT
// Which views show a page, and which of them disagree about its cache type.
#include "callbacks/core/findings.h"
#include "callbacks/core/ports.h"

#include "callbacks/tests/failing_memory.h"
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace remap::callbacks::tests {
namespace {

void* base_of(std::uint64_t number) { return reinterpret_cast<void*>(number << page_shift); }

FrameList list_of(std::initializer_list<FrameRun> runs) {
    FrameList list;
    for (const FrameRun& run : runs) EXPECT_TRUE(list.add(run));
    return list;
}

class Audit : public testing::Test {
protected:
    void add(AuditedView& view, const FrameList& frames, CacheType cache, std::uint64_t base) {
        ASSERT_TRUE(
            audit.add(view, {.frames = frames, .pages = frames.size(), .cache = cache}, {.base = base_of(base)}));
    }
    std::vector<std::pair<void*, std::uint64_t>> views_of(std::uint64_t page) const {
        std::vector<std::pair<void*, std::uint64_t>> found;
        audit.for_each_view_of({page},
                               [&](const ShownPage& shown) { found.emplace_back(shown.view.base, shown.index); });
        return found;
    }

    ViewAudit audit;
};

TEST_F(Audit, FindsThePlaceOfAFrameInEveryViewOfIt) {
    AuditedView one, other;
    add(one, list_of({{{100}, 4}, {{50}, 2}, {{200}, 1}}), CacheType::WriteBack, 0x1000);
    add(other, list_of({{{51}, 1}}), CacheType::WriteBack, 0x2000);
    EXPECT_EQ(views_of(50), (std::vector<std::pair<void*, std::uint64_t>>{{base_of(0x1000), 4}}));
    EXPECT_EQ(views_of(51), (std::vector<std::pair<void*, std::uint64_t>>{{base_of(0x1000), 5}, {base_of(0x2000), 0}}));
    EXPECT_EQ(views_of(103), (std::vector<std::pair<void*, std::uint64_t>>{{base_of(0x1000), 3}}));
    EXPECT_EQ(views_of(200), (std::vector<std::pair<void*, std::uint64_t>>{{base_of(0x1000), 6}}));
    EXPECT_TRUE(views_of(104).empty());
    audit.remove(one);
    EXPECT_EQ(views_of(51).size(), 1u);
    audit.remove(one);  // nothing
    audit.remove(other);
    EXPECT_TRUE(views_of(51).empty());
}

TEST_F(Audit, ShowsThePartOfAListThatTheViewShows) {
    AuditedView view;
    const FrameList frames = list_of({{{100}, 4}, {{50}, 4}});
    ASSERT_TRUE(audit.add(view, {.frames = frames, .first = 3, .pages = 3, .cache = CacheType::Uncached}, {}));
    EXPECT_TRUE(views_of(102).empty());
    EXPECT_EQ(views_of(103).size(), 1u);
    EXPECT_EQ(views_of(51).size(), 1u);
    EXPECT_TRUE(views_of(52).empty());
    audit.remove(view);
}

TEST_F(Audit, FindsTheFirstPageThatTwoTypesShare) {
    AuditedView cached, uncached, same;
    add(cached, list_of({{{10}, 10}}), CacheType::WriteBack, 0x1000);
    add(same, list_of({{{12}, 10}}), CacheType::WriteBack, 0x2000);
    EXPECT_FALSE(audit.conflict_of(same));
    add(uncached, list_of({{{1}, 2}, {{5}, 8}}), CacheType::Uncached, 0x3000);
    const auto conflict = audit.conflict_of(uncached);
    ASSERT_TRUE(conflict);
    EXPECT_EQ(conflict->page.number, 10u);
    EXPECT_EQ(conflict->other.base, base_of(0x1000));
    EXPECT_EQ(conflict->other.pages, 10u);
    EXPECT_EQ(conflict->other.cache, CacheType::WriteBack);
    EXPECT_TRUE(audit.conflict_of(cached));  // it has two sides
    audit.remove(uncached);
    EXPECT_FALSE(audit.conflict_of(cached));
    audit.remove(cached);
    audit.remove(same);
}

TEST_F(Audit, FollowsFramesThatMove) {
    AuditedView view, other;
    add(view, list_of({{{10}, 4}}), CacheType::WriteBack, 0x1000);
    add(other, list_of({{{31}, 1}}), CacheType::WriteCombined, 0x2000);
    audit.change_frames(view, list_of({{{7}, 1}, {{30}, 2}, {{20}, 2}}), 1);
    EXPECT_TRUE(views_of(10).empty());
    EXPECT_TRUE(views_of(7).empty());
    EXPECT_EQ(views_of(20), (std::vector<std::pair<void*, std::uint64_t>>{{base_of(0x1000), 2}}));
    EXPECT_TRUE(audit.conflict_of(other));
    audit.remove(view);
    EXPECT_FALSE(audit.conflict_of(other));
    audit.change_frames(view, list_of({{{31}, 4}}), 0);  // it is gone, and stays so
    EXPECT_FALSE(audit.conflict_of(other));
    audit.remove(other);
}

TEST_F(Audit, KnowsNothingOfAViewForWhichThereIsNoMemory) {
    AuditedView view;
    const FrameList scattered = list_of({{{10}, 1}, {{12}, 1}});
    const FrameList elsewhere = list_of({{{20}, 1}, {{22}, 1}});
    {
        const FailingMemory failing(0);
        EXPECT_FALSE(audit.add(view, {.frames = scattered, .pages = 2}, {}));
        EXPECT_FALSE(audit.conflict_of(view));
    }
    EXPECT_TRUE(views_of(10).empty());
    add(view, scattered, CacheType::WriteBack, 1);
    {
        const FailingMemory failing(0);
        audit.change_frames(view, elsewhere, 0);
    }
    EXPECT_TRUE(views_of(10).empty());
    EXPECT_TRUE(views_of(20).empty());
    audit.remove(view);
}

// Against a plain list of pages.
TEST_F(Audit, AgreesWithAListOfPagesOverARandomHistory) {
    struct Known {
        AuditedView view;
        std::vector<std::uint64_t> pages;
        CacheType cache;
    };
    std::vector<std::unique_ptr<Known>> known;
    std::mt19937 random(3);
    for (int step = 0; step < 4000; ++step) {
        if (known.size() > 40 || (!known.empty() && random() % 3 == 0)) {
            const std::size_t at = random() % known.size();
            audit.remove(known[at]->view);
            known.erase(known.begin() + static_cast<std::ptrdiff_t>(at));
            continue;
        }
        auto made = std::make_unique<Known>();
        made->cache = static_cast<CacheType>(random() % 3);
        FrameList frames;
        for (unsigned runs = 1 + random() % 4; runs != 0; --runs) {
            const FrameRun run{{random() % 2000}, 1 + random() % 5};
            ASSERT_TRUE(frames.add(run));
            for (std::uint64_t i = 0; i < run.pages; ++i) made->pages.push_back(run.first.number + i);
        }
        add(made->view, frames, made->cache, step);
        bool conflicts = false;
        for (const auto& other : known)
            for (const std::uint64_t page : other->pages)
                conflicts = conflicts ||
                            (other->cache != made->cache && std::ranges::find(made->pages, page) != made->pages.end());
        const auto conflict = audit.conflict_of(made->view);
        ASSERT_EQ(conflict.has_value(), conflicts);
        if (conflict) {
            ASSERT_NE(std::ranges::find(made->pages, conflict->page.number), made->pages.end());
        }
        known.push_back(std::move(made));
        std::size_t shown = 0;
        const std::uint64_t page = random() % 2000;
        for (const auto& one : known) shown += static_cast<std::size_t>(std::ranges::count(one->pages, page));
        ASSERT_EQ(views_of(page).size(), shown);
    }
    for (const auto& one : known) audit.remove(one->view);
}

TEST_F(Audit, OfAMillionViewsIsAsQuickAsOfAFew) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr std::uint64_t count = 100'000;
#else
    constexpr std::uint64_t count = 1'000'000;
#endif
    const auto begin = std::chrono::steady_clock::now();
    std::vector<AuditedView> views(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        FrameList frames;
        ASSERT_TRUE(frames.add({{4 * (i * 7919 % count)}, 3}));
        add(views[i], frames, static_cast<CacheType>(i % 3), i);
        ASSERT_FALSE(audit.conflict_of(views[i]));
    }
    EXPECT_EQ(views_of(4).size(), 1u);
    for (AuditedView& view : views) audit.remove(view);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

// The sentence names both: where, how long, which type; and of the older one who made it, and for which object.
TEST(ConflictingViews, AreReportedWithBothViewsAndWhoMadeThem) {
    World world;
    auto one = io_space_of(0xe000'0000, 16 * KiB);
    auto other = io_space_of(0xe000'2000, 16 * KiB);
    one.Context = 0x1234;
    other.Context = 0x5678;
    other.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    ASSERT_EQ(world.dxgkrnl->create(&one), STATUS_SUCCESS);
    ASSERT_EQ(world.dxgkrnl->create(&other), STATUS_SUCCESS);
    world.reports.kept.clear();
    const int first_caller = 0, second_caller = 0;
    DXGKARGCB_MAP_PHYSICAL_MEMORY first{one.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, 16 * KiB, nullptr};
    DXGKARGCB_MAP_PHYSICAL_MEMORY second{other.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, 4 * KiB,
                                         nullptr};
    ASSERT_EQ(world.dxgkrnl->map(&first, &first_caller), STATUS_SUCCESS);
    EXPECT_TRUE(world.reports.kept.empty());
    ASSERT_EQ(world.dxgkrnl->map(&second, &second_caller), STATUS_SUCCESS);
    ASSERT_EQ(world.reports.kept.size(), 1u);
    const FakeReports::Kept report = world.reports.kept[0];
    EXPECT_EQ(report.check, Check::ConflictingViews);
    EXPECT_EQ(report.severity, Severity::Warning);
    EXPECT_EQ(report.callback, Callback::MapPhysicalMemory);
    EXPECT_EQ(report.caller, &second_caller);
    EXPECT_EQ(report.object, reinterpret_cast<std::uintptr_t>(other.hPhysicalMemoryObject));
    EXPECT_EQ(report.context, 0x5678u);
    Text expected;
    expected.add("page 0xe0002 is now mapped write-combined at ").add_pointer(second.pMappedAddress);
    expected.add(" (1 pages), and uncached at ").add_pointer(first.pMappedAddress);
    expected.add(" (4 pages) by DxgkCbMapPhysicalMemory from ").add_pointer(&first_caller);
    expected.add(", object ").add_pointer(one.hPhysicalMemoryObject).add(" with context 0x1234");
    EXPECT_EQ(report.message, expected.c_str());
    world.reports.kept.clear();
    world.unmap(one.hPhysicalMemoryObject, first.pMappedAddress, first.Size);
    world.unmap(other.hPhysicalMemoryObject, second.pMappedAddress, second.Size);
    for (const auto* args : {&one, &other}) world.destroy(args->hPhysicalMemoryObject, nullptr);
}

}  // namespace
}  // namespace remap::callbacks::tests
