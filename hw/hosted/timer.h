// SPDX-License-Identifier: MIT
// Calls once after a time, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
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
        if (!due_) due_ = Clock::now() + after_;
        wake_.notify_one();
    }

    // The call comes after another time, in place of one that is to come. Any thread.
    void restart(std::chrono::nanoseconds after) {
        const std::lock_guard guard(lock_);
        due_ = Clock::now() + after;
        wake_.notify_one();
    }

    // No call is being made any more when it returns, and none comes. Not from within a call.
    void end() {
        thread_.request_stop();
        thread_.join();
    }

private:
    using Clock = std::chrono::steady_clock;

    void run(std::stop_token stop) {
        std::unique_lock guard(lock_);
        while (wake_.wait(guard, stop, [this] { return due_.has_value(); })) {
            const Clock::time_point due = *due_;
            wake_.wait_until(guard, stop, due, [&] { return due_ != due; });
            if (stop.stop_requested()) return;
            if (due_ != due || Clock::now() < due) continue;
            due_.reset();  // whoever starts it from now on gets a call of its own
            guard.unlock();
            call_();
            guard.lock();
        }
    }

    std::chrono::milliseconds after_;
    std::function<void()> call_;
    std::mutex lock_;
    std::condition_variable_any wake_;
    std::optional<Clock::time_point> due_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace remap::hosted
