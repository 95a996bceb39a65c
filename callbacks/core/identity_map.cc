// SPDX-License-Identifier: MIT
#include "callbacks/core/identity_map.h"

#include <algorithm>
#include <new>

namespace remap::callbacks {

namespace {

// Splits a run into what is in the pool and what is not.
bool split(const ExtentPool& pool, const PageRun& run, PageRuns& inside, PageRuns& outside) {
    PageRuns left;
    if (!left.add(run)) return false;
    while (!left.empty()) {
        const PageRun part = left.pop();
        const auto found = pool.largest(part.first, part.first + part.count - 1, ExtentPool::From::Bottom);
        if (found.count == 0) {
            if (!outside.add(part)) return false;
            continue;
        }
        if (!inside.add({found.first, found.count})) return false;
        const std::uint64_t before = found.first - part.first;
        const std::uint64_t behind = part.count - before - found.count;
        if (before != 0 && !left.add({part.first, before})) return false;
        if (behind != 0 && !left.add({found.first + found.count, behind})) return false;
    }
    return true;
}

}  // namespace

// Makes sure that a level is there.
bool IdentityMap::reach(std::uint64_t level) {
    if (level < level_count_) return true;
    if (level == level_capacity_) {
        const std::uint64_t wanted = std::max<std::uint64_t>(4, level_capacity_ * 2);
        std::unique_ptr<std::unique_ptr<ExtentPool>[]> grown(new (std::nothrow) std::unique_ptr<ExtentPool>[wanted]);
        if (!grown) return false;
        std::move(levels_.get(), levels_.get() + level_count_, grown.get());
        levels_ = std::move(grown);
        level_capacity_ = wanted;
    }
    levels_[level].reset(new (std::nothrow) ExtentPool);
    if (!levels_[level]) return false;
    ++level_count_;
    return true;
}

bool IdentityMap::put(DmaPort& port, std::uint64_t level, const PageRun& run) {
    if (!levels_[level]->give({run.first, run.count})) return false;
    if (level != 0 || port.map({run.first}, {run.first}, run.count)) return true;
    (void)levels_[level]->take_exactly({run.first, run.count});
    return false;
}

bool IdentityMap::drop(DmaPort& port, std::uint64_t level, const PageRun& run) {
    if (level == 0) port.unmap({run.first}, run.count);
    return levels_[level]->take_exactly({run.first, run.count});
}

bool IdentityMap::add(DmaPort& port, const PageRun& run) {
    PageRuns done;  // a run for each level's part, with how many are of each level behind each other
    PageRuns levels;
    PageRuns current;
    bool ok = current.add(run);
    for (std::uint64_t level = 0; ok && !current.empty(); ++level) {
        PageRuns counted_already;
        PageRuns fresh;
        ok = reach(level);
        for (const PageRun& part : current) ok = ok && split(*levels_[level], part, counted_already, fresh);
        for (const PageRun& part : fresh) {
            ok = ok && done.add(part);
            ok = ok && levels.add({level, 1});
            if (ok && !put(port, level, part)) {
                (void)done.pop();
                (void)levels.pop();
                ok = false;
            }
        }
        current = std::move(counted_already);
    }
    if (ok) return true;
    if (done.size() > levels.size()) (void)done.pop();
    while (!done.empty()) (void)drop(port, levels.pop().first, done.pop());
    return false;
}

bool IdentityMap::remove(DmaPort& port, const PageRun& run) {
    PageRuns current;
    bool ok = current.add(run);
    for (std::uint64_t level = level_count_; ok && level-- != 0 && !current.empty();) {
        PageRuns here;
        PageRuns below;
        for (const PageRun& part : current) ok = ok && split(*levels_[level], part, here, below);
        for (const PageRun& part : here) ok = ok && drop(port, level, part);
        current = std::move(below);
    }
    // Better a device that is refused than one that writes to memory of somebody else.
    if (!ok) port.unmap({run.first}, run.count);
    return ok;
}

}  // namespace remap::callbacks
