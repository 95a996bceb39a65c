// SPDX-License-Identifier: MIT
#include "callbacks/hosted/kernel_port.h"

#include <algorithm>
#include <atomic>

namespace remap::hosted {

namespace {

std::atomic<std::uint64_t> threads_seen{0};
thread_local std::uint64_t this_thread = 0;

}  // namespace

std::vector<KernelPort::Stop> KernelPort::stops() const {
    const std::scoped_lock locked(records_);
    return stops_;
}

std::vector<Finding> KernelPort::warnings() const {
    const std::scoped_lock locked(records_);
    return warnings_;
}

std::string KernelPort::console() const {
    const std::scoped_lock locked(records_);
    return console_;
}

void KernelPort::clear() {
    const std::scoped_lock locked(records_);
    stops_.clear();
    warnings_.clear();
    console_.clear();
}

std::uint64_t KernelPort::thread() {
    // Multiples of 16, as addresses of thread objects are.
    if (this_thread == 0) this_thread = (threads_seen.fetch_add(1) + 1) * 16;
    return this_thread;
}

bool KernelPort::wait(std::uint64_t until) {
    std::unique_lock locked(lock_, std::adopt_lock);
    bool in_time = true;
    if (until >= for_ever - 1) {
        changed_.wait(locked);
    } else {
        const std::uint64_t now = this->now();
        const std::uint64_t left = until > now ? until - now : 0;
        constexpr std::uint64_t hour = std::uint64_t{36} * 1'000'000'000;  // a wait may end early
        changed_.wait_for(locked, std::chrono::nanoseconds(std::min(left, hour) * 100));
        in_time = this->now() < until;
    }
    locked.release();
    return in_time;
}

std::uint64_t KernelPort::counter() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start_).count());
}

std::uint64_t KernelPort::now() { return counter() / 100; }

void KernelPort::write(std::string_view text) {
    const std::scoped_lock locked(records_);
    console_ += text;
}

void KernelPort::bugcheck(const kernel::Bugcheck& bugcheck) {
    const bool stops = is_caught() || on_bugcheck_ == OnBugcheck::Stop;
    {
        Finding stop{};
        stop.severity = callbacks::Severity::Bugcheck;
        stop.code = bugcheck.code;
        stop.caller = bugcheck.caller;
        stop.message = bugcheck.text;
        std::copy(std::begin(bugcheck.parameters), std::end(bugcheck.parameters), stop.parameters.begin());
        if (stops) prepare_stop(stop);
        const std::scoped_lock locked(records_);
        stops_.push_back(std::move(stop));
    }
    if (stops) leave();
}

void KernelPort::report(const callbacks::Report& report) {
    const std::scoped_lock locked(records_);
    warnings_.push_back(finding_of(report));
}

// After KeBugCheckEx, which must not return whatever the machine does about bugchecks.
void KernelPort::halt() { leave(); }

}  // namespace remap::hosted
