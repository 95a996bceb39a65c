// SPDX-License-Identifier: MIT
// A GPU with a driver, as a suite needs it: started as an adapter, with a command channel.
#pragma once

#include "callbacks/driver/channel.h"
#include "guest-tests/runtime/adapter.h"
#include "guest-tests/runtime/gpu.h"
#include "guest-tests/runtime/reports.h"
#include "guest-tests/runtime/test.h"

namespace remap::guest {

// The function of the machine's GPU; ends the case when there is none.
inline const pci::Function& gpu_function() {
    const pci::Function* function = find_gpu();
    REQUIRE(function != nullptr);
    return *function;
}

struct GpuBench {
    GpuBench()
        : function(gpu_function()),
          registers(function),
          device(registers),
          identity(*device.identify()),
          adapter(function, {.highest_visible = {identity.highest_address()}}),
          channel(device) {
        REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
        device.reset();
        reports().clear();
        REQUIRE(channel.start(callbacks()).ok());
    }

    // What a case leaves behind is found when the adapter stops.
    ~GpuBench() {
        channel.stop();
        EXPECT_EQ(reports().warnings() + reports().bugchecks(), 0);
    }

    const DXGKRNL_INTERFACE& callbacks() const { return adapter.callbacks(); }

    const pci::Function& function;
    GpuMmio registers;
    gpu_driver::Device device;
    gpu_driver::Identity identity;
    Adapter adapter;
    driver::Channel channel;
};

}  // namespace remap::guest
