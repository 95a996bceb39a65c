// SPDX-License-Identifier: MIT
// Where a call comes from. Called by any thread.
#pragma once

#include "callbacks/ddk/ntddk.h"

#include <cstdint>

namespace remap::callbacks {

class ExecutionPort {
public:
    virtual KIRQL irql() const = 0;

    // A number that tells processes apart, for user views. One process: any constant.
    virtual std::uint64_t process() const = 0;

    // What a thread does that waits for another: lets it run.
    virtual void relax() = 0;

protected:
    ~ExecutionPort() = default;
};

}  // namespace remap::callbacks
