// SPDX-License-Identifier: MIT
// Random histories of a pool against the plainest model there is, a set of page numbers: as they are, and with each
// allocation of memory failing once before it succeeds.
#include "base/extents.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <random>
#include <set>

namespace {

bool allocations_fail = false;
unsigned allocations_failed = 0;

}  // namespace

// Only the code under test allocates with nothrow.
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    if (!allocations_fail) return ::operator new[](bytes);
    ++allocations_failed;
    return nullptr;
}

namespace remap {
namespace {

using From = ExtentPool::From;
using Range = ExtentPool::Range;
using Request = ExtentPool::Request;

constexpr std::uint64_t pages = 512;

// The pages from `origin` on; positions are relative to it, so that none wraps.
class Model {
public:
    explicit Model(std::uint64_t origin) : origin_(origin) {}

    bool is_free(std::uint64_t position) const { return free_.count(position) != 0; }

    bool give(Range range) {
        for (std::uint64_t i = 0; i < range.count; ++i)
            if (is_free(range.first - origin_ + i)) return false;
        for (std::uint64_t i = 0; i < range.count; ++i) free_.insert(range.first - origin_ + i);
        return true;
    }

    bool take_exactly(Range range) {
        for (std::uint64_t i = 0; i < range.count; ++i)
            if (!is_free(range.first - origin_ + i)) return false;
        for (std::uint64_t i = 0; i < range.count; ++i) free_.erase(range.first - origin_ + i);
        return true;
    }

    std::optional<std::uint64_t> take(const Request& request) {
        if (request.count == 0) return std::nullopt;
        for (std::uint64_t i = 0; i + request.count <= pages; ++i) {
            const std::uint64_t position = request.from == From::Bottom ? i : pages - request.count - i;
            const Range range{origin_ + position, request.count};
            if (allows(request, range) && take_exactly(range)) return range.first;
        }
        return std::nullopt;
    }

    Range largest(std::uint64_t lowest, std::uint64_t highest, From from) const {
        Range best;
        Range run;
        for (std::uint64_t position = 0; position < pages; ++position) {
            const std::uint64_t page = origin_ + position;
            if (!is_free(position) || page < lowest || page > highest) {
                run = {};
                continue;
            }
            if (run.count == 0) run.first = page;
            ++run.count;
            if (run.count > best.count || (run.count == best.count && from == From::Top)) best = run;
        }
        return best;
    }

    std::uint64_t free_pages() const { return free_.size(); }

    std::uint64_t extents() const {
        std::uint64_t count = 0;
        for (const std::uint64_t position : free_) count += position == 0 || !is_free(position - 1);
        return count;
    }

private:
    static bool allows(const Request& request, Range range) {
        return range.first % request.alignment == 0 && range.first >= request.lowest &&
               range.last() <= request.highest &&
               (request.boundary == 0 || range.first / request.boundary == range.last() / request.boundary);
    }

    std::uint64_t origin_;
    std::set<std::uint64_t> free_;
};

struct Case {
    const char* name;
    std::uint64_t origin;
    bool starved;  // each allocation fails once
};

class ExtentHistory : public testing::TestWithParam<Case> {
protected:
    // What the call gives when memory is there. In a starved history it is made once without: then it fails with
    // nothing changed, or needs none and is done.
    template <typename Call>
    auto outcome_of(Call call) {
        const unsigned failed_before = allocations_failed;
        allocations_fail = GetParam().starved;
        auto outcome = call();
        allocations_fail = false;
        if (allocations_failed == failed_before) return outcome;
        EXPECT_FALSE(outcome);
        expect_same();
        outcome = call();
        EXPECT_TRUE(outcome);
        return outcome;
    }

    void expect_same() const {
        ASSERT_EQ(pool.free_pages(), model.free_pages());
        ASSERT_EQ(pool.extents(), model.extents());
        for (std::uint64_t position = 0; position < pages; ++position) {
            const std::uint64_t page = GetParam().origin + position;
            ASSERT_EQ(pool.largest(page, page, From::Bottom).count, model.is_free(position) ? 1u : 0u) << page;
        }
    }

    std::uint64_t below(std::uint64_t limit) { return random() % limit; }
    std::uint64_t any_count() { return below(4) != 0 ? 1 : 1 + below(20); }
    From any_end() { return below(2) != 0 ? From::Bottom : From::Top; }

    Range any_range() {
        const std::uint64_t count = any_count();
        return {GetParam().origin + below(pages - count + 1), count};
    }

    // Windows are open on a side, reach beyond the pages, cut them, hold one page or none.
    Request any_request() {
        Request request{.count = below(50) == 0 ? 0 : any_count(),
                        .alignment = std::uint64_t{1} << below(5),
                        .boundary = below(2) != 0 ? 0 : std::uint64_t{8} << below(3),
                        .from = any_end()};
        if (below(3) != 0) request.lowest = GetParam().origin + below(pages);
        if (below(3) != 0) request.highest = GetParam().origin + below(pages);
        return request;
    }

    void step() {
        const Range range = any_range();
        const Request request = any_request();
        switch (below(5)) {
            case 0: {
                const auto taken = outcome_of([&] { return pool.take(request); });
                ASSERT_EQ(taken, model.take(request));
                break;
            }
            case 1: {
                const bool taken = outcome_of([&] { return pool.take_exactly(range); });
                ASSERT_EQ(taken, model.take_exactly(range));
                break;
            }
            case 2: {
                const Range largest = pool.largest(request.lowest, request.highest, request.from);
                const Range expected = model.largest(request.lowest, request.highest, request.from);
                ASSERT_EQ(largest.count, expected.count);
                ASSERT_EQ(largest.first, expected.first);
                break;
            }
            default: {
                const bool given = outcome_of([&] { return pool.give(range); });
                ASSERT_EQ(given, model.give(range));
                break;
            }
        }
    }

    std::mt19937_64 random{1};
    ExtentPool pool;
    Model model{GetParam().origin};
};

TEST_P(ExtentHistory, AgreesWithASetOfPages) {
    allocations_failed = 0;
    for (unsigned i = 0; i < 20'000; ++i) {
        step();
        if (i % 64 == 0) expect_same();
        if (HasFailure()) FAIL() << "in step " << i;
    }
    expect_same();
    // The pool was in so many pieces that it asked for memory again and again.
    EXPECT_GE(allocations_failed, GetParam().starved ? 4u : 0u);
}

INSTANTIATE_TEST_SUITE_P(All, ExtentHistory,
                         testing::Values(Case{"FromPageZero", 0, false}, Case{"InTheMiddle", 1000, false},
                                         Case{"ToTheLastPage", ~0ull - (pages - 1), false},
                                         Case{"FromPageZeroStarved", 0, true}, Case{"InTheMiddleStarved", 1000, true},
                                         Case{"ToTheLastPageStarved", ~0ull - (pages - 1), true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace remap
