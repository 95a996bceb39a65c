// SPDX-License-Identifier: MIT
#include "callbacks/hosted/kernel_port.h"

#include <algorithm>
#include <atomic>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>

namespace remap::hosted {

namespace {

std::atomic<std::uint64_t> threads_seen{0};
thread_local std::uint64_t this_thread = 0;

// Where a bugcheck on this thread goes; null outside of run. A jump and not an exception: the frames between may be
// those of a driver's image, which this process cannot unwind.
thread_local std::jmp_buf* way_out = nullptr;
thread_local KernelPort::Stop* last_stop = nullptr;

}  // namespace

std::optional<KernelPort::Stop> KernelPort::run(const std::function<void()>& driver) {
    std::jmp_buf here;
    std::jmp_buf* const outer_way_out = way_out;
    Stop* const outer_stop = last_stop;
    const KIRQL irql = execution_.irql();
    Stop stop;
    way_out = &here;
    last_stop = &stop;
    const bool stopped = setjmp(here) != 0;
    if (!stopped) driver();
    way_out = outer_way_out;
    last_stop = outer_stop;
    execution_.set_irql(irql);
    return stopped ? std::optional(std::move(stop)) : std::nullopt;
}

std::vector<KernelPort::Stop> KernelPort::stops() const {
    const std::scoped_lock locked(records_);
    return stops_;
}

std::string KernelPort::console() const {
    const std::scoped_lock locked(records_);
    return console_;
}

void KernelPort::clear() {
    const std::scoped_lock locked(records_);
    stops_.clear();
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
    Stop stop{.code = bugcheck.code, .caller = bugcheck.caller, .message = bugcheck.text};
    std::copy(std::begin(bugcheck.parameters), std::end(bugcheck.parameters), stop.parameters);
    {
        const std::scoped_lock locked(records_);
        stops_.push_back(stop);
    }
    if (way_out == nullptr) return;
    *last_stop = std::move(stop);
    std::longjmp(*way_out, 1);
}

void KernelPort::halt() {
    std::fprintf(stderr, "a driver stopped the machine outside of hosted::KernelPort::run\n");
    std::abort();
}

}  // namespace remap::hosted
