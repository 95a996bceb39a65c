// SPDX-License-Identifier: MIT
// The page numbers that an adapter lost last, and who freed them: a GPU that uses one is caught in the act, and logical
// pages are kept out of use for a while so that it finds nobody else's data there.
#pragma once

#include "callbacks/core/findings.h"
#include "callbacks/core/page_runs.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace remap::callbacks {

class FreedPages {
public:
    static constexpr std::size_t most = 64;  // runs that are remembered

    struct Entry {
        PageRun run;
        Subject subject;  // the object whose pages they were
        Caller caller;    // who freed them
    };

    // Remembers a run; the one that is pushed out for it, if there is one.
    std::optional<PageRun> add(const Entry& entry);

    // The oldest run, forgotten.
    std::optional<PageRun> pop();

    // The newest entry with this page.
    const Entry* find(std::uint64_t page) const;

private:
    std::array<Entry, most> entries_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

}  // namespace remap::callbacks
