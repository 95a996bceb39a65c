// SPDX-License-Identifier: MIT
// The graphics kernel's own side of a logical adapter, implemented by the machine over callbacks/core.
#pragma once

#include "callbacks/core/ports.h"
#include "callbacks/miniport/caps.h"

#include <span>

namespace remap::miniport {

class CorePort {
public:
    // Starts the logical adapter of these caps: a DMA domain, a mode, and an interface for each physical adapter.
    // Statuses as Dxgkrnl::start_adapter.
    virtual NTSTATUS start(const Caps& caps, callbacks::DriverPort& driver,
                           std::span<DXGKRNL_INTERFACE> interfaces) = 0;
    virtual void stop() = 0;

protected:
    ~CorePort() = default;
};

}  // namespace remap::miniport
