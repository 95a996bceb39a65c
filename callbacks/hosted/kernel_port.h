// SPDX-License-Identifier: MIT
// The hosted machine as the kernel services see it: threads stand for processors, and a bugcheck is something a test
// can expect.
//
//     remap::hosted::KernelPort port(system.frames(), system.views());
//     remap::kernel::start(port);
//     const auto stop = port.run([&] { ExFreePool(memory); ExFreePool(memory); });
//     EXPECT_EQ(stop->code, 0xC2u);
#pragma once

#include "callbacks/hosted/ports.h"
#include "callbacks/hosted/reports.h"
#include "callbacks/kernel/kernel.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace remap::hosted {

class KernelPort final : public kernel::KernelPort {
public:
    using Stop = Finding;  // of the kernel services: without a check, a callback and an object

    // Both ports outlive this one. A bugcheck outside of run ends the process, or with Continue it is kept and the
    // routine that found it returns.
    KernelPort(callbacks::FramePort& frames, callbacks::CpuViewPort& views,
               OnBugcheck on_bugcheck = OnBugcheck::Continue)
        : frames_(frames), views_(views), on_bugcheck_(on_bugcheck) {}

    // Calls driver code, as catch_bugcheck.
    std::optional<Stop> run(const std::function<void()>& driver) { return catch_bugcheck(driver); }

    std::vector<Stop> stops() const;        // all bugchecks since the last clear
    std::vector<Finding> warnings() const;  // what was reported and went on since then
    std::string console() const;            // what drivers and the kernel have written
    void clear();

    // ---- kernel::KernelPort
    callbacks::FramePort& frames() override { return frames_; }
    callbacks::CpuViewPort& views() override { return views_; }
    std::optional<PhysicalAddress> behind(const void*) override { return std::nullopt; }  // this process's own memory
    KIRQL irql() override { return execution_.irql(); }
    void set_irql(KIRQL level) override { execution_.set_irql(level); }
    std::uint64_t thread() override;
    void relax() override { execution_.relax(); }
    void lock() override { lock_.lock(); }
    void unlock() override { lock_.unlock(); }
    bool wait(std::uint64_t until) override;
    void notify() override { changed_.notify_all(); }
    std::uint64_t now() override;
    std::uint64_t counter() override;
    std::uint64_t counts_per_second() override { return 1'000'000'000; }
    void write(std::string_view text) override;
    void bugcheck(const kernel::Bugcheck& bugcheck) override;
    void report(const callbacks::Report& report) override;
    [[noreturn]] void halt() override;

private:
    callbacks::FramePort& frames_;
    callbacks::CpuViewPort& views_;
    const OnBugcheck on_bugcheck_;
    Execution execution_;
    std::mutex lock_;  // the kernel's
    std::condition_variable changed_;
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();

    mutable std::mutex records_;  // of what follows
    std::vector<Stop> stops_;
    std::vector<Finding> warnings_;
    std::string console_;
};

}  // namespace remap::hosted
