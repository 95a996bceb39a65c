// SPDX-License-Identifier: MIT
// Failure on demand: a callback that returns a status is told to fail its n-th call, or each call with a probability,
// so that a driver's error paths can be walked. A call that is made to fail changes nothing.
//
//     fail_every_call_once(machine.failures(), STATUS_NO_MEMORY, [&] { load_and_unload_the_driver(); });
#pragma once

#include "callbacks/core/lock.h"
#include "callbacks/core/report.h"
#include "callbacks/ddk/ntddk.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace remap::callbacks {

struct FailureRule {
    std::optional<Callback> callback =
        {};                         // nothing: each callback that returns a status; calls are then counted together
    std::uint64_t nth = 0;          // the call that fails, 1 is the next one; 0: none by its number
    std::uint32_t per_million = 0;  // the probability with which any call fails
    std::uint64_t seed = 1;         // of the rule's random numbers: the same one, the same calls
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;  // what the call returns
};

class Failures {
public:
    static constexpr std::size_t most_rules = 32;

    // Replaces all rules. False, and nothing changed, if there are too many, or one has a status of success, a
    // probability above 1,000,000, or a callback that returns no status.
    bool set(std::span<const FailureRule> rules);
    bool set(const FailureRule& rule) { return set({&rule, 1}); }
    void clear() { (void)set(std::span<const FailureRule>()); }

    // Calls that were made to fail since the rules were set.
    std::uint64_t injected() const;

    // For the machine: what this call is to return at once; STATUS_SUCCESS: nothing, it goes on.
    NTSTATUS next(Callback callback);

private:
    struct Active {
        FailureRule rule;
        std::uint64_t calls = 0;
        std::uint64_t random = 0;
    };
    static bool hits(Active& active);

    mutable Lock lock_;
    std::array<Active, most_rules> active_;
    std::size_t count_ = 0;
    std::uint64_t injected_ = 0;
};

// Whether the callback returns a status, so that it can be made to fail.
bool can_fail(Callback callback);

// Runs `scenario` with its first call failing, then with its second, and so on, until a run has no call left to fail.
// The number of runs in which one failed.
template <typename Scenario>
std::uint64_t fail_every_call_once(Failures& failures, NTSTATUS status, Scenario scenario) {
    for (std::uint64_t nth = 1;; ++nth) {
        failures.set({.callback = {}, .nth = nth, .status = status});
        scenario();
        const bool failed = failures.injected() != 0;
        failures.clear();
        if (!failed) return nth - 1;
    }
}

}  // namespace remap::callbacks
