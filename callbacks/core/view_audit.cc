// SPDX-License-Identifier: MIT
#include "callbacks/core/view_audit.h"

#include "callbacks/core/findings.h"
#include "callbacks/core/witness.h"

#include <algorithm>
#include <new>
#include <utility>

namespace remap::callbacks {

// Fills the runs of a view that is in no tree. False, and it has none, when there is no memory.
bool ViewAudit::list_runs(AuditedView& view, const FrameList& frames, std::uint64_t first) {
    std::uint64_t count = 0;
    frames.for_each_run(first, view.live_.pages, [&](FrameRun) { return ++count, true; });
    view.many_.reset(count > 1 ? new (std::nothrow) AuditedView::Run[count] : nullptr);
    view.runs_ = count > 1 && !view.many_ ? 0 : count;
    if (view.runs_ == 0) return false;
    std::uint64_t index = 0;
    AuditedView::Run* run = view.runs();
    frames.for_each_run(first, view.live_.pages, [&](FrameRun found) {
        run->view = &view;
        run->index = index;
        run->interval_first = found.first.number;
        run->interval_last = found.first.number + (found.pages - 1);
        index += found.pages;
        ++run;
        return true;
    });
    return true;
}

void ViewAudit::insert(AuditedView& view) {
    for (std::uint64_t i = 0; i < view.runs_; ++i) {
        AuditedView::Run& run = view.runs()[i];
        tree_of(view).add(run, run.interval_first, run.interval_last);
    }
}

void ViewAudit::take_out(AuditedView& view) {
    for (std::uint64_t i = 0; i < view.runs_; ++i) tree_of(view).remove(view.runs()[i]);
    view.runs_ = 0;
}

bool ViewAudit::add(AuditedView& view, const ViewRequest& request, const LiveView& live) {
    view.live_ = live;
    view.live_.pages = request.pages;
    view.live_.cache = request.cache;
    view.live_.mode = request.mode;
    view.live_.writable = request.writable;
    if (!list_runs(view, request.frames, request.first)) return false;
    Guard guard(lock_);
    insert(view);
    if (witness_ == nullptr) return true;
    witness_->view_made(view.live_, request.frames, request.first);
    view.told_ = true;
    return true;
}

void ViewAudit::remove(AuditedView& view) {
    Guard guard(lock_);
    take_out(view);
    if (std::exchange(view.told_, false)) witness_->view_ended(view.live_);
}

void ViewAudit::change_frames(AuditedView& view, const FrameList& frames, std::uint64_t first) {
    Guard guard(lock_);
    if (view.runs_ == 0) return;
    take_out(view);
    if (list_runs(view, frames, first)) insert(view);
    if (view.told_) witness_->view_made(view.live_, frames, first);
}

std::optional<ViewConflict> ViewAudit::conflict_of(const AuditedView& view) const {
    Guard guard(lock_);
    for (std::uint64_t i = 0; i < view.runs_; ++i) {
        const AuditedView::Run& run = view.runs()[i];
        for (std::size_t cache = 0; cache < trees_.size(); ++cache) {
            if (cache == static_cast<std::size_t>(view.live_.cache)) continue;
            const AuditedView::Run* other = trees_[cache].find(run.interval_first, run.interval_last);
            if (other == nullptr) continue;
            return ViewConflict{{std::max(run.interval_first, other->interval_first)}, other->view->live_};
        }
    }
    return std::nullopt;
}

namespace {

void describe(const LiveView& view, Text& text) {
    text.add(name_of(view.cache)).add(" at ").add_pointer(view.base).add(" (").add_number(view.pages).add(" pages)");
}

}  // namespace

void describe(const LiveView& view, const ViewConflict& conflict, Text& text) {
    text.add("page ").add_hex(conflict.page.number).add(" is now mapped ");
    describe(view, text);
    text.add(", and ");
    describe(conflict.other, text);
    text.add(" by ").add(conflict.other.origin.routine).add(" from ").add_pointer(conflict.other.origin.caller);
    if (conflict.other.origin.object.handle == 0) return;
    text.add(", object ").add_hex(conflict.other.origin.object.handle);
    text.add(" with context ").add_hex(conflict.other.origin.object.context);
}

Report conflict_report(const LiveView& made, const ViewConflict& conflict, Text& text) {
    constexpr auto check = Check::ConflictingViews;
    text.add(made.origin.routine).add(": ");
    describe(made, conflict, text);
    return {
        .check = check,
        .parameters = {static_cast<std::uint64_t>(check), 0, 0, reinterpret_cast<std::uintptr_t>(made.origin.caller)},
        .callback = Callback::KernelService,
        .caller = made.origin.caller,
        .message = text.c_str(),
        .advice = text_of(check).advice};
}

}  // namespace remap::callbacks
