// SPDX-License-Identifier: MIT
#include "hw/capi/reach.h"

#include <algorithm>

namespace remap::capi {

using iommu::PageRun;
using iommu::SourceId;

Reach::~Reach() {
    for (const auto& device : devices_) engine_.unfollow(*device);
}

void Reach::follow(SourceId source) {
    if (told_ == nullptr) return;
    const std::lock_guard guard(lock_);
    for (const auto& device : devices_) {
        if (device->source == source) return;
    }
    devices_.push_back(std::make_unique<Device>(*this, source));
    engine_.follow(source, *devices_.back(), {.past_caches_only = true});
}

void Reach::unfollow(SourceId source) {
    const std::lock_guard guard(lock_);
    const auto found =
        std::ranges::find_if(devices_, [source](const auto& device) { return device->source == source; });
    if (found == devices_.end()) return;
    engine_.unfollow(**found);
    devices_.erase(found);
}

// The pieces of a run between the tables in it.
template <typename Visitor>
void Reach::each_without_tables(const PageRun& run, Visitor&& visit) const {
    const PhysicalPage end = run.first + run.pages;
    PhysicalPage first = run.first;
    for (auto table = tables_.lower_bound(first); table != tables_.end() && table->first < end; ++table) {
        if (first < table->first) visit(first, table->first - first);
        first = table->first + 1;
    }
    if (first < end) visit(first, end - first);
}

void Reach::add(PageRun run) {
    std::vector<PageRun> changed;
    reached_.add(run, changed);
    for (const PageRun& fresh : changed) {
        each_without_tables(
            fresh, [this](PhysicalPage first, std::uint64_t pages) { told_->reachable(opaque_, first.number, pages); });
    }
}

void Reach::remove(PageRun run) {
    std::vector<PageRun> changed;
    reached_.remove(run, changed);
    for (const PageRun& gone : changed) {
        each_without_tables(gone, [this](PhysicalPage first, std::uint64_t pages) {
            told_->unreachable(opaque_, first.number, pages);
        });
    }
}

void Reach::watch(PhysicalPage page) {
    if (++tables_[page] != 1) return;
    watched_.set(page, 1, true);
    told_->watch(opaque_, page.number);
}

void Reach::unwatch(PhysicalPage page) {
    const auto found = tables_.find(page);
    if (found == tables_.end() || --found->second != 0) return;
    tables_.erase(found);
    watched_.set(page, 1, false);
    if (reached_.any(page)) told_->reachable(opaque_, page.number, 1);
}

}  // namespace remap::capi
