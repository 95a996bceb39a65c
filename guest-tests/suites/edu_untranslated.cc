// SPDX-License-Identifier: MIT
// A driver that does not support DMA remapping: its device is let through the IOMMU untranslated, if it reaches all the
// memory there is. The device is QEMU's edu: one on the root bus, and one behind a root port.
#include "guest-tests/runtime/edu_bench.h"
#include "guest-tests/runtime/machine.h"

using namespace remap;
using namespace remap::guest;

TEST(an_adapter_that_does_not_reach_all_memory_does_not_start) {
    for (const EduPlace place : edu_places) {
        const Adapter adapter(edu_function(place), {.highest_visible = Edu::highest_visible, .remapping = false});
        EXPECT_EQ(adapter.status(), STATUS_DEVICE_CONFIGURATION_ERROR);
        EXPECT(!adapter.remaps());
    }
}

TEST(pages_are_frames_and_transfers_pass_as_they_are) {
    constexpr std::uint64_t bytes = 256;
    EduBench root(EduPlace::RootBus, 2 * page_size, {.remapping = false}, Edu::highest_visible);
    EduBench behind(EduPlace::BehindBridge, 2 * page_size, {.remapping = false}, Edu::highest_visible);
    for (EduBench* bench : {&root, &behind}) {
        EXPECT(!bench->adapter.remaps());
        for (std::uint64_t i = 0; i < 2; ++i)
            EXPECT_EQ(bench->memory.page(i).number, dxgkrnl().frame(bench->memory.object(), i).number);
        bench->fill_with_pattern(0, bytes);
        bench->edu.start_read(bench->memory.address(), 0, bytes);
    }
    for (EduBench* bench : {&root, &behind}) bench->edu.finish();
    for (EduBench* bench : {&root, &behind}) bench->edu.start_write(0, bench->memory.address(page_size), bytes);
    for (EduBench* bench : {&root, &behind}) {
        bench->edu.finish();
        EXPECT(bench->holds_pattern(page_size, bytes));
    }
    EXPECT_EQ(drop_faults(), 0);
}
