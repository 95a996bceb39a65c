// SPDX-License-Identifier: MIT
// All views that a machine shows its driver, whoever made them: the callbacks and the kernel services. Answers which
// views show a page, and whether a view shows a page with another cache type than a view that was there before: what
// the CPU then reads and writes is undefined (Intel SDM volume 3, section "Programming the PAT").
//
// Any thread may call. The time of a call grows with the number of the view's runs of frames and with the logarithm of
// the number of all runs.
#pragma once

#include "callbacks/core/interval_tree.h"
#include "callbacks/core/lock.h"
#include "callbacks/core/report.h"
#include "callbacks/core/view.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

namespace remap::callbacks {

class Text;
class Witness;

// Who made a view.
struct ViewOrigin {
    const char* routine = "";      // callback or service, by name; lives as long as the program
    const void* caller = nullptr;  // where the driver called it; null: it did not
    Subject object{};              // zeros: of none
};

struct LiveView {
    void* base = nullptr;
    std::uint64_t pages = 0;
    CacheType cache = CacheType::WriteBack;
    AccessMode mode = AccessMode::Kernel;
    bool writable = true;
    std::uint64_t process = 0;  // of a user view
    ViewOrigin origin{};
};

// A view as the audit knows it; lives with what the view belongs to, and is removed before it ends.
class AuditedView {
public:
    AuditedView() = default;
    AuditedView(const AuditedView&) = delete;
    AuditedView& operator=(const AuditedView&) = delete;

    const LiveView& live() const { return live_; }

private:
    friend class ViewAudit;

    // Frames side by side.
    struct Run : IntervalLink<Run> {
        const AuditedView* view = nullptr;
        std::uint64_t index = 0;  // of the view's page that shows the first one
    };

    LiveView live_;
    bool told_ = false;            // the witness knows of it
    Run single_;                   // most views have but one
    std::unique_ptr<Run[]> many_;  // of the others
    std::uint64_t runs_ = 0;       // 0: the audit does not know it

    Run* runs() { return many_ ? many_.get() : &single_; }
    const Run* runs() const { return many_ ? many_.get() : &single_; }
};

// What shows a page.
struct ShownPage {
    LiveView view;
    std::uint64_t index = 0;  // of the page in the view
};

struct ViewConflict {
    PhysicalPage page;  // the first one that both show
    LiveView other;     // the view that was there
};

class ViewAudit {
public:
    ViewAudit() = default;
    ViewAudit(const ViewAudit&) = delete;
    ViewAudit& operator=(const ViewAudit&) = delete;

    // Who is told of each view; null: nobody. Before there are views.
    void set_witness(Witness* witness) { witness_ = witness; }

    // A view was made of a request. False, and it is not known, when there is no memory.
    bool add(AuditedView& view, const ViewRequest& request, const LiveView& live);

    // It is about to end. Nothing when it is not known.
    void remove(AuditedView& view);

    // A known view shows these frames from now on. Without memory for their runs it is no longer known.
    void change_frames(AuditedView& view, const FrameList& frames, std::uint64_t first);

    // A known view and one of another cache type that shows one of its pages.
    std::optional<ViewConflict> conflict_of(const AuditedView& view) const;

    // Calls visit(ShownPage) for each view of a page, in any order. Must not call the audit.
    template <typename Visit>
    void for_each_view_of(PhysicalPage page, Visit visit) const {
        Guard guard(lock_);
        for (const auto& tree : trees_)
            (void)tree.find(page.number, page.number, [&](const AuditedView::Run& run) {
                visit(ShownPage{run.view->live_, run.index + (page.number - run.interval_first)});
                return false;
            });
    }

private:
    using Tree = IntervalTree<AuditedView::Run>;

    static bool list_runs(AuditedView& view, const FrameList& frames, std::uint64_t first);
    Tree& tree_of(const AuditedView& view) { return trees_[static_cast<std::size_t>(view.live_.cache)]; }
    void insert(AuditedView& view);
    void take_out(AuditedView& view);

    Witness* witness_ = nullptr;
    mutable Lock lock_;
    std::array<Tree, cache_type_count> trees_;  // runs of the views of each type, by frame
};

// Both views of a conflict in one sentence.
void describe(const LiveView& view, const ViewConflict& conflict, Text& text);

// The report of a conflict that no callback of a physical memory object's has made; `text` holds its message.
Report conflict_report(const LiveView& made, const ViewConflict& conflict, Text& text);

}  // namespace remap::callbacks
