// SPDX-License-Identifier: MIT
// What the verifier found, for a program that tests a driver. A bugcheck stops the machine: by default the process ends
// with the report on its standard error; a test that expects one catches it:
//
//     const auto bugcheck = remap::hosted::catch_bugcheck([&] { driver_frees_twice(); });
//     EXPECT_EQ(bugcheck->check, callbacks::Check::UseAfterClose);
#pragma once

#include "callbacks/core/ports.h"

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace remap::hosted {

// A report that outlives its call. Of the kernel services it has no check, callback or object; the message says all.
struct Finding {
    callbacks::Severity severity{};
    callbacks::Check check{};
    std::uint32_t code = 0;
    std::array<std::uint64_t, 4> parameters{};
    callbacks::Callback callback{};
    const void* caller = nullptr;
    std::uint64_t object = 0;
    std::uint64_t context = 0;
    std::string message;
    std::string advice;
};

Finding finding_of(const callbacks::Report& report);

// "0x1E4 (0x5, ...) UnlockedUnderAdls: ..." in several lines, the caller with its symbol where there is one.
std::string describe(const Finding& finding);

enum class OnBugcheck : std::uint8_t {
    Stop,      // of catch_bugcheck, where one is active on the thread; else of the process
    Continue,  // the callback returns, as its description says for a system that survives
};

// Any thread may call.
class Reports final : public callbacks::ReportPort {
public:
    explicit Reports(OnBugcheck on_bugcheck = OnBugcheck::Stop) : on_bugcheck_(on_bugcheck) {}

    void report(const callbacks::Report& report) override;

    std::vector<Finding> all() const;
    void clear();

private:
    const OnBugcheck on_bugcheck_;
    mutable std::mutex lock_;
    std::vector<Finding> kept_;
};

// Runs code on this thread until it ends, or until it meets a bugcheck of a machine: then nothing of it is run any
// more, no destructor either, as on a machine that stopped. The thread's IRQL and process are then what they were
// before. The bugcheck, if there was one. May be nested.
std::optional<Finding> catch_bugcheck(const std::function<void()>& code);

// Whether a catch_bugcheck is active on this thread.
bool is_caught();

// The same for another part of the machine that can stop: prepare_stop shows the finding to whoever catches it, or
// prints it; leave, with nothing left to destroy in the caller, ends the code or the process.
void prepare_stop(const Finding& finding);
[[noreturn]] void leave();

}  // namespace remap::hosted
