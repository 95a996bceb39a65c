// SPDX-License-Identifier: MIT
// Drivers call from any thread; one call of a machine runs at a time, so that its ports need no locks of their own.
#pragma once

#include <atomic>

namespace remap::callbacks {

class Lock {
public:
    void acquire() {
        while (taken_.exchange(true, std::memory_order_acquire))
            while (taken_.load(std::memory_order_relaxed)) __builtin_ia32_pause();
    }
    void release() { taken_.store(false, std::memory_order_release); }

private:
    std::atomic<bool> taken_{false};
};

class Guard {
public:
    explicit Guard(Lock& lock) : lock_(lock) { lock_.acquire(); }
    ~Guard() { lock_.release(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

private:
    Lock& lock_;
};

}  // namespace remap::callbacks
