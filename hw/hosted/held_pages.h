// SPDX-License-Identifier: MIT
// Pages of this process that nobody may touch for a moment: a thread that does waits in the handler of its fault, and
// tries again when they are released. Other faults go to the handler that was there before.
#pragma once

#include <cstddef>

namespace remap::hosted {

// Takes all rights to the pages away: what was stored before is stored, nothing is after. At most 64 stretches at a
// time; more wait for one to be released. Page aligned.
void hold_pages(void* first, std::size_t bytes);

// The pages at `first` have their rights back; that is the caller's work (a new mapping).
void release_pages(void* first);

}  // namespace remap::hosted
