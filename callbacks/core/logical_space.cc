// SPDX-License-Identifier: MIT
#include "callbacks/core/logical_space.h"

#include <algorithm>
#include <optional>

namespace remap::callbacks {

namespace {

constexpr std::uint64_t interrupt_first = 0xfee00;
constexpr std::uint64_t interrupt_last = 0xfeeff;

// Leaves of 1 GiB and 2 MiB in the tables want logical and physical pages that are both multiples of these.
constexpr std::uint64_t large_pages[] = {512 * 512, 512};

}  // namespace

bool LogicalSpace::open(LogicalPage highest) {
    highest_ = highest;
    pages_ = std::min(highest.number, interrupt_first - 1);
    if (pages_ == 0 || !pool_.give({1, pages_})) return false;
    if (highest.number <= interrupt_last) return true;
    const std::uint64_t above = highest.number - interrupt_last;
    pages_ += above;
    return pool_.give({interrupt_last + 1, above});
}

// From the top down: an address that a driver cuts off at 32 bits, or takes for a physical one, is then a wrong one.
bool LogicalSpace::take_single(std::uint64_t count, PageRuns& runs) {
    ExtentPool::Request request{.count = count, .highest = highest_.number, .from = ExtentPool::From::Top};
    std::optional<std::uint64_t> first;
    for (const std::uint64_t large : large_pages) {
        request.alignment = large;
        if (!first && count >= large) first = pool_.take(request);
    }
    request.alignment = 1;
    if (!first) first = pool_.take(request);
    if (!first) return false;
    if (runs.add({*first, count})) return true;
    pool_.give({*first, count});
    return false;
}

bool LogicalSpace::take_several(std::uint64_t count, PageRuns& runs) {
    while (count != 0) {
        auto range = pool_.largest(0, highest_.number, ExtentPool::From::Top);
        range.count = std::min(range.count, count);
        if (range.count == 0 || !pool_.take_exactly(range)) return false;
        if (!runs.add({range.first, range.count})) {
            pool_.give(range);
            return false;
        }
        count -= range.count;
    }
    return true;
}

bool LogicalSpace::take(std::uint64_t count, bool single, PageRuns& runs) {
    if (take_single(count, runs)) return true;
    if (single || pool_.free_pages() < count) return false;
    if (take_several(count, runs)) return true;
    give(runs);
    runs = {};
    return false;
}

bool LogicalSpace::give(const PageRuns& runs) {
    bool all = true;
    for (const PageRun& run : runs) all &= give(run);
    return all;
}

bool LogicalSpace::withhold(const PageRun& run) {
    for (;;) {
        const auto part = pool_.largest(run.first, run.first + (run.count - 1), ExtentPool::From::Bottom);
        if (part.count == 0) return true;
        if (!pool_.take_exactly(part)) return false;
        pages_ -= part.count;
    }
}

}  // namespace remap::callbacks
