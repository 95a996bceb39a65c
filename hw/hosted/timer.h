// SPDX-License-Identifier: MIT
// Calls once after a time, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace remap::hosted {

class Timer {
public:
    Timer(std::chrono::milliseconds after, std::function<void()> call)
        : after_(after), call_(std::move(call)), thread_([this](std::stop_token stop) { run(stop); }) {}

    // Does nothing while a call is to come. Any thread.
    void start() {
        const std::lock_guard guard(lock_);
        started_ = true;
        wake_.notify_one();
    }

private:
    void run(std::stop_token stop) {
        std::unique_lock guard(lock_);
        while (wake_.wait(guard, stop, [this] { return started_; })) {
            wake_.wait_for(guard, stop, after_, [] { return false; });
            if (stop.stop_requested()) return;
            started_ = false;  // whoever starts it from now on gets a call of its own
            guard.unlock();
            call_();
            guard.lock();
        }
    }

    std::chrono::milliseconds after_;
    std::function<void()> call_;
    std::mutex lock_;
    std::condition_variable_any wake_;
    bool started_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace remap::hosted
