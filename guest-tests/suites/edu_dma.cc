// SPDX-License-Identifier: MIT
// A device that can address 28 bits of memory reaches any of it through the callbacks and the IOMMU. The device is
// QEMU's edu: one on the root bus, and one behind a root port.
#include "guest-tests/runtime/edu_bench.h"
#include "guest-tests/runtime/machine.h"

using namespace remap;
using namespace remap::guest;

TEST(the_machine_has_an_iommu_that_starts) {
    REQUIRE(iommu() != nullptr);
    EXPECT(iommu()->address_width() >= 39);
    EXPECT_EQ(drop_faults(), 0);
}

TEST(a_device_behind_a_root_port_has_the_bus_number_in_its_source_id) {
    EXPECT_EQ(edu_function(EduPlace::RootBus).source() >> 8, 0);
    EXPECT(edu_function(EduPlace::BehindBridge).source() >> 8 != 0);
}

TEST(pages_lie_where_the_device_can_reach_though_their_frames_do_not) {
    for (const EduPlace place : edu_places) {
        const EduBench bench(place, 16 * page_size);
        EXPECT(bench.adapter.remaps());
        for (std::uint64_t i = 0; i < bench.memory.pages(); ++i) {
            const LogicalPage page = bench.memory.page(i);
            EXPECT(page.number != 0);
            EXPECT(page.address().value + (page_size - 1) <= Edu::highest_visible.value);
            const auto frame = dxgkrnl().frame_behind(bench.adapter.handle(), page.number);
            REQUIRE(frame.ok());
            EXPECT_EQ(*frame, dxgkrnl().frame(bench.memory.object(), i));
            EXPECT(frame->address() > Edu::highest_visible);
        }
    }
}

// Both devices at once: neither gets the other's data, although both see their memory at the same addresses.
TEST(data_goes_to_the_devices_and_back_across_scattered_frames) {
    EduBench root(EduPlace::RootBus, 16 * page_size), behind(EduPlace::BehindBridge, 16 * page_size);
    EXPECT_EQ(root.memory.address(), behind.memory.address());
    constexpr std::uint64_t bytes = Edu::longest_transfer;
    constexpr std::uint64_t source = 3 * page_size + 0x123;  // both runs cross a page boundary
    constexpr std::uint64_t target = 9 * page_size + 0xabc;
    for (EduBench* bench : {&root, &behind}) {
        REQUIRE(bench->memory.contiguous());  // the device's transfers are not told of page lists
        unsigned breaks = 0;
        for (std::uint64_t i = 1; i < bench->memory.pages(); ++i) {
            const HANDLE object = bench->memory.object();
            breaks += dxgkrnl().frame(object, i) != dxgkrnl().frame(object, i - 1) + 1;
        }
        REQUIRE(breaks != 0);
        bench->fill_with_pattern(source, bytes);
        bench->edu.start_read(bench->memory.address(source), 0, bytes);
    }
    for (EduBench* bench : {&root, &behind}) bench->edu.finish();
    for (EduBench* bench : {&root, &behind}) bench->edu.start_write(0, bench->memory.address(target), bytes);
    for (EduBench* bench : {&root, &behind}) {
        bench->edu.finish();
        EXPECT(bench->holds_pattern(target, bytes));
        EXPECT(bench->holds(0, 0, source));
        EXPECT(bench->holds(0, target + bytes, page_size));
    }
    EXPECT_EQ(drop_faults(), 0);
}

TEST(the_interrupt_at_the_end_of_a_transfer_comes_after_its_data) {
    EduBench root(EduPlace::RootBus, page_size), behind(EduPlace::BehindBridge, page_size);
    struct Seen {
        const EduBench* bench;
        volatile unsigned interrupts = 0;
        volatile std::uint8_t value = 0;
    } seen[] = {{.bench = &root}, {.bench = &behind}};
    std::uint8_t vectors[2];
    for (EduBench* bench : {&root, &behind}) {
        bench->memory[0] = 0xa5;
        bench->edu.start_read(bench->memory.address(), 0, 1);
    }
    for (EduBench* bench : {&root, &behind}) {
        bench->edu.finish();
        const unsigned n = bench == &behind;
        const auto vector = register_interrupt(
            [](void* context) {
                auto& saw = *static_cast<Seen*>(context);
                saw.interrupts = saw.interrupts + 1;
                saw.value = saw.bench->memory[8];
            },
            &seen[n]);
        REQUIRE(vector);
        vectors[n] = *vector;
        REQUIRE(enable_msi(bench->edu.function(), message_for(*vector)));
    }
    for (EduBench* bench : {&root, &behind})
        bench->edu.start_write(0, bench->memory.address(8), 1, Edu::Interrupt::AtEnd);
    for (EduBench* bench : {&root, &behind}) {
        const unsigned n = bench == &behind;
        EXPECT(wait_until(1000, [&] { return seen[n].interrupts == 1; }));
        EXPECT_EQ(seen[n].value, 0xa5);
        EXPECT_EQ(bench->edu.acknowledge(), Edu::cause_dma);
        disable_msi(bench->edu.function());
        unregister_interrupt(vectors[n]);
    }
}

TEST(what_a_driver_leaves_behind_is_reported_when_its_adapter_stops) {
    const auto bugcheck = catch_bugcheck([] {
        const Adapter adapter(edu_function(EduPlace::RootBus), {.highest_visible = Edu::highest_visible});
        REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
        DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create{};
        create.hAdapter = adapter.handle();
        create.Size = page_size;
        create.Mdl.HighAddress.QuadPart = -1;
        REQUIRE_EQ(adapter.callbacks().DxgkCbCreatePhysicalMemoryObject(&create), STATUS_SUCCESS);
    });
    REQUIRE(bugcheck);
    EXPECT_EQ(bugcheck->code, 0x1e4);
    EXPECT_EQ(bugcheck->parameter, 6);
}
