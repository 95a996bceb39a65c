// SPDX-License-Identifier: MIT
// People look into a unit while it works: nobody notices.
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace remap::iommu {
namespace {

TEST(ExplanationThreads, LookingWhileDevicesTranslateAndSoftwareInvalidates) {
    test::ScalableMachine machine;
    std::atomic<bool> done{false};
    std::atomic<unsigned> wrong{0};
    std::jthread device([&] {
        while (!done) {
            if (machine.at(0, 0x123) != 0x155123 || machine.at(2, 0x123) != 0x355123) ++wrong;
        }
    });
    std::jthread software([&] {
        while (!done) machine.command(0x12);  // IOTLB: global
    });
    for (unsigned turn = 0; turn < 300; ++turn) {
        const Request request{.source = {0x10}, .address = {0x123}, .pasid = Pasid{turn % 3}};
        const Explanation told = machine.unit.explain(request);
        EXPECT_TRUE(told.memory.translation.allowed);
        EXPECT_FALSE(told.stale());
        const Reach reach = machine.unit.reach({.source = {0x10}, .pasid = Pasid{turn % 3}});
        EXPECT_GE(reach.runs.size(), 5u);
        machine.unit.explain_interrupt({0x10}, {0xfee00000, turn});
    }
    done = true;
    device.join();
    software.join();
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(machine.read32(0x34), 0u) << "no fault";
}

}  // namespace
}  // namespace remap::iommu
