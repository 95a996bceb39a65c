// SPDX-License-Identifier: MIT
// Drivers call from any thread; one call of a machine runs at a time, so that its ports need no locks of their own.
#pragma once

#include "callbacks/core/execution_port.h"

#include <atomic>

namespace remap::callbacks {

class Lock {
public:
    // Tries for a while, then lets others run between tries.
    void acquire(ExecutionPort* execution) {
        for (unsigned tries = 0; taken_.exchange(true, std::memory_order_acquire);) {
            while (taken_.load(std::memory_order_relaxed)) {
                if (execution == nullptr || ++tries < most_tries)
                    __builtin_ia32_pause();
                else
                    execution->relax();
            }
        }
    }
    void release() { taken_.store(false, std::memory_order_release); }

private:
    static constexpr unsigned most_tries = 200;

    std::atomic<bool> taken_{false};
};

class Guard {
public:
    // Without an execution port the wait is short by nature.
    explicit Guard(Lock& lock, ExecutionPort* execution = nullptr) : lock_(lock) { lock_.acquire(execution); }
    ~Guard() { lock_.release(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

private:
    Lock& lock_;
};

}  // namespace remap::callbacks
