// SPDX-License-Identifier: MIT
#include "tools/export/trace_names.h"

#include <gtest/gtest.h>

#include <vector>

namespace remap::tools {
namespace {

using lab::Kind;

TEST(TraceNames, WhatFetchesPacketsIsAGpuAndOfOthersNothingIsSaid) {
    TraceContext context;
    add_names(context, std::vector<lab::Event>{{.kind = Kind::Packet, .source = 0x10},
                                               {.kind = Kind::Dma, .source = 0x18},
                                               {.kind = Kind::Halt, .source = 0x20},
                                               {.kind = Kind::Packet}});
    EXPECT_EQ(context.devices, (std::map<std::uint16_t, std::string>{{0x10, "GPU"}, {0x20, "GPU"}}));
}

TEST(TraceNames, AKnownNameStays) {
    TraceContext context{.devices = {{0x10, "remap-gpu gpu0"}}};
    add_names(context, std::vector<lab::Event>{{.kind = Kind::Packet, .source = 0x10}});
    EXPECT_EQ(context.devices.at(0x10), "remap-gpu gpu0");
}

TEST(TraceNames, CallbacksAndSortsAreCalledAsTheyAreAndUnknownNumbersNothing) {
    TraceContext context;
    add_names(context, std::vector<lab::Event>{{.kind = Kind::Call, .code = 3},
                                               {.kind = Kind::Call, .code = 250},
                                               {.kind = Kind::Return, .code = 0xffff'ffff},
                                               {.kind = Kind::Object, .code = 1},
                                               {.kind = Kind::Object, .code = 9}});
    EXPECT_EQ(context.callbacks, (std::map<std::uint32_t, std::string>{{3, "DxgkCbUnmapPhysicalMemory"}}));
    EXPECT_EQ(context.object_sorts, (std::map<std::uint32_t, std::string>{{1, "MDL"}}));
}

}  // namespace
}  // namespace remap::tools
