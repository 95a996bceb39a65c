// SPDX-License-Identifier: MIT
#include "iommu/engine/reached_pages.h"

#include "iommu/spec/fault.h"

#include <algorithm>
#include <cstddef>

namespace remap::iommu {

namespace {

// What is collected at most; more is told in several pieces.
constexpr std::size_t most_collected = 1 << 20;

constexpr PhysicalPage interrupts_first = PhysicalAddress{vtd::interrupt_range_first}.page();
constexpr PhysicalPage interrupts_end = PhysicalAddress{vtd::interrupt_range_last}.page() + 1;

// Nobody is translated to the interrupt range (VT-d section 3.15).
void append_memory(std::vector<PageRun>& runs, PageRun run) {
    const PhysicalPage end = run.first + run.pages;
    const PhysicalPage below = std::min(end, interrupts_first);
    const PhysicalPage above = std::max(run.first, interrupts_end);
    if (run.first < below) append(runs, {run.first, below - run.first});
    if (above < end) append(runs, {above, end - above});
}

}  // namespace

void ReachedPages::add(PageRun run) {
    if (added_.size() + removed_.size() >= most_collected) take_in();
    append_memory(added_, run);
}

void ReachedPages::remove(PageRun run) {
    if (added_.size() + removed_.size() >= most_collected) take_in();
    append_memory(removed_, run);
}

void ReachedPages::take_in() {
    std::vector<PageRun> changed;
    for (const PageRun& run : added_) counts_.add(run, changed);
    for (const PageRun& run : changed) port_.reachable(run.first, run.pages);
    changed.clear();
    for (const PageRun& run : removed_) counts_.remove(run, changed);
    for (const PageRun& run : changed) port_.unreachable(run.first, run.pages);
    added_.clear();
    removed_.clear();
}

bool ReachedPages::tell() {
    take_in();
    return counts_.runs() <= most_runs_;
}

void ReachedPages::clear() {
    std::vector<PageRun> gone;
    added_.clear();
    removed_.clear();
    counts_.clear(gone);
    for (const PageRun& run : gone) port_.unreachable(run.first, run.pages);
}

}  // namespace remap::iommu
