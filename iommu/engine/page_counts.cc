// SPDX-License-Identifier: MIT
#include "iommu/engine/page_counts.h"

#include <algorithm>
#include <iterator>

namespace remap::iommu {

void append(std::vector<PageRun>& runs, PageRun run) {
    if (!runs.empty() && runs.back().first + runs.back().pages == run.first) {
        runs.back().pages += run.pages;
    } else {
        runs.push_back(run);
    }
}

// The first run that begins at this page or behind it. One that goes over it is cut in two.
PageCounts::Runs::iterator PageCounts::from(std::uint64_t page) {
    const auto next = runs_.lower_bound(page);
    if (next == runs_.begin()) return next;
    Counted& before = std::prev(next)->second;
    if (before.end <= page) return next;
    const Counted behind = before;
    before.end = page;
    return runs_.emplace_hint(next, page, behind);
}

// Where two runs with the same count touch at this page they become one.
void PageCounts::join(std::uint64_t page) {
    const auto right = runs_.find(page);
    if (right == runs_.end() || right == runs_.begin()) return;
    const auto left = std::prev(right);
    if (left->second.end != page || left->second.ways != right->second.ways) return;
    left->second.end = right->second.end;
    runs_.erase(right);
}

void PageCounts::add(PageRun run, std::vector<PageRun>& changed) {
    if (run.pages == 0) return;
    const std::uint64_t end = run.first.number + run.pages;
    from(end);
    auto next = from(run.first.number);
    for (std::uint64_t page = run.first.number; page < end;) {
        if (next != runs_.end() && next->first == page) {
            ++next->second.ways;
            page = next->second.end;
            ++next;
            continue;
        }
        const std::uint64_t hole_end = next == runs_.end() ? end : std::min(end, next->first);
        runs_.emplace_hint(next, page, Counted{.end = hole_end, .ways = 1});
        append(changed, {{page}, hole_end - page});
        page = hole_end;
    }
    join(run.first.number);
    join(end);
}

void PageCounts::remove(PageRun run, std::vector<PageRun>& changed) {
    if (run.pages == 0) return;
    const std::uint64_t end = run.first.number + run.pages;
    from(end);
    for (auto next = from(run.first.number); next != runs_.end() && next->first < end;) {
        if (--next->second.ways != 0) {
            ++next;
            continue;
        }
        append(changed, {{next->first}, next->second.end - next->first});
        next = runs_.erase(next);
    }
    join(run.first.number);
    join(end);
}

bool PageCounts::any(PhysicalPage page) const {
    const auto behind = runs_.upper_bound(page.number);
    return behind != runs_.begin() && std::prev(behind)->second.end > page.number;
}

void PageCounts::clear(std::vector<PageRun>& gone) {
    for (const auto& [first, counted] : runs_) append(gone, {{first}, counted.end - first});
    runs_.clear();
}

}  // namespace remap::iommu
