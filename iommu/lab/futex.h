// SPDX-License-Identifier: MIT
// Waiting for a word in memory that several processes map. Nothing is held while waiting, so a process that dies leaves
// nothing behind.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace remap::lab {

// Until the word is another than `seen`, somebody wakes us, or the time is over; also returns early without a reason.
// False: the memory is gone, and nothing was waited for.
bool wait_for_change(const std::atomic<std::uint32_t>& word, std::uint32_t seen, std::chrono::milliseconds longest);

void wake_all(std::atomic<std::uint32_t>& word);

}  // namespace remap::lab
