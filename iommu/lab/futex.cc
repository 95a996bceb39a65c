// SPDX-License-Identifier: MIT
#include "iommu/lab/futex.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace remap::lab {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

// Without FUTEX_PRIVATE_FLAG: the two sides are different processes.
bool wait_for_change(const std::atomic<std::uint32_t>& word, std::uint32_t seen, std::chrono::milliseconds longest) {
    const auto count = std::max<std::int64_t>(longest.count(), 0);
    const timespec time{.tv_sec = count / 1000, .tv_nsec = count % 1000 * 1'000'000};
    return ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, &time, nullptr, 0) == 0 || errno != EFAULT;
}

void wake_all(std::atomic<std::uint32_t>& word) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace remap::lab
