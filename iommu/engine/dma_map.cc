// SPDX-License-Identifier: MIT
#include "iommu/engine/dma_map.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace remap::iommu {

namespace {

using paging::right_read;
using paging::right_user;
using paging::right_write;

// Software may change the way to the tables while it is looked for. Each store that is missed is told afterwards.
constexpr unsigned most_attempts = 16;

// Caches that nothing is ever put into.
Configuration without_caches(Configuration configuration) {
    configuration.caches = {
        .contexts = {1, 1}, .pasids = {1, 1}, .tables = {1, 1}, .iotlb = {1, 1}, .interrupts = {1, 1}};
    return configuration;
}

}  // namespace

bool DmaMap::Recorder::read(PhysicalAddress from, void* to, std::size_t bytes) {
    pages_.insert(from.page());
    return memory_.read(from, to, bytes);
}

std::set<PhysicalPage> DmaMap::Recorder::take() { return std::exchange(pages_, {}); }

DmaMap::DmaMap(const Configuration& configuration, MemoryPort& memory, SourceId source, DmaMapPort& port,
               const DmaMapOptions& options)
    : configuration_(without_caches(configuration)),
      source_(source),
      options_(options),
      port_(port),
      recorder_(memory),
      devices_(configuration_, recorder_),
      pages_(memory, port),
      reached_(port, options.limits.runs),
      tables_(configuration_, pages_, reached_, options) {}

DmaMap::Goal DmaMap::goal_of(const Route& route, const DmaMapOptions& options) {
    Goal goal;
    if (route.snooped && options.past_caches_only) return goal;
    const bool nested = route.kind == TranslationKind::Nested;
    goal.everything = route.kind == TranslationKind::PassThrough;
    if (nested || route.kind == TranslationKind::SecondStage) {
        goal.second_stage = TableKey::of(route.second_stage.value, route.second_levels,
                                         nested ? Stage::NestedSecond : Stage::Second, right_read | right_write);
    }
    if (nested || route.kind == TranslationKind::FirstStage) {
        goal.first_stage =
            TableKey::of(route.first_stage.value, route.first_levels, nested ? Stage::NestedFirst : Stage::First,
                         right_read | right_write | right_user);
    }
    return goal;
}

DmaMap::Goal DmaMap::find_goal() {
    if (!state_.enabled()) return {.everything = true};
    const bool legacy = state_.mode() == vtd::root_table::Mode::Legacy;
    if (!legacy && !(state_.scalable() && configuration_.scalable)) return {};
    const RouteOutcome found = devices_.find(state_, {.source = source_, .address = {}}, from_memory_alone);
    return found.reason == vtd::FaultReason::None ? goal_of(found.route, options_) : Goal{};
}

void DmaMap::find_way() {
    Goal goal = find_goal();
    for (unsigned attempt = 1; !pages_.set_way(recorder_.take()) && attempt < most_attempts; ++attempt)
        goal = find_goal();
    go_to(goal);
}

void DmaMap::add_roots(const Goal& goal) {
    if (goal.second_stage) tables_.add_root(*goal.second_stage);
    if (goal.first_stage) tables_.add_root(*goal.first_stage);
}

void DmaMap::remove_roots(const Goal& goal) {
    if (goal.first_stage) tables_.remove_root(*goal.first_stage);
    if (goal.second_stage) tables_.remove_root(*goal.second_stage);
}

// What old and new tables have in common stays up. But a first stage stands on one second stage only.
void DmaMap::go_to(const Goal& goal) {
    if (goal == goal_) return;
    if (goal.nested() || goal_.nested()) {
        remove_roots(goal_);
        add_roots(goal);
    } else {
        add_roots(goal);
        remove_roots(goal_);
    }
    if (goal.everything != goal_.everything) port_.everything(goal.everything);
    goal_ = goal;
}

void DmaMap::finish() {
    const bool fits = reached_.tell();
    if (!fits || tables_.lost()) {
        tables_.clear();
        reached_.clear();
    }
    if ((!fits || tables_.left_out() != 0) && !told_incomplete_) {
        told_incomplete_ = true;
        port_.incomplete();
    }
    pages_.tell();
    port_.settled();
}

void DmaMap::configure(TranslationState state) {
    state_ = state;
    tables_.begin();
    find_way();
    finish();
}

void DmaMap::stored(PhysicalAddress at, std::uint64_t bytes) {
    if (bytes == 0) return;
    const PhysicalAddress last = at + std::min(bytes - 1, std::numeric_limits<std::uint64_t>::max() - at.value);
    const std::vector<WatchedPage*> pages = pages_.find(at.page(), last.page());
    if (pages.empty()) return;
    tables_.begin();
    bool on_the_way = false;
    for (WatchedPage* const page : pages) {
        on_the_way = on_the_way || page->on_the_way;
        if (!page->words) continue;
        const PhysicalAddress begin = std::max(at, page->page.address());
        const PhysicalAddress end = std::min(last, page->page.address() + (page_size - 1));
        const auto first = static_cast<unsigned>(begin.page_offset() / 8);
        const unsigned count = static_cast<unsigned>(end.page_offset() / 8) - first + 1;
        TableWords words;
        if (pages_.read(page->page, first, words.data(), count)) tables_.stored(*page, first, words.data(), count);
    }
    if (on_the_way) find_way();
    finish();
}

void DmaMap::clear() {
    if (goal_.everything) port_.everything(false);
    goal_ = {};
    tables_.clear();
    reached_.clear();
    pages_.set_way({});
    finish();
}

}  // namespace remap::iommu
