// SPDX-License-Identifier: MIT
// What a device was not given it does not reach, and the IOMMU records who asked for what. The device is QEMU's edu:
// one on the root bus, and one behind a root port.
#include "guest-tests/runtime/edu_bench.h"
#include "guest-tests/runtime/machine.h"

using namespace remap;
using namespace remap::guest;

// One device after the other when faults are expected: QEMU's intel-iommu has a single fault record.
TEST(after_free_adl_a_write_does_not_reach_memory_and_is_recorded_with_its_source) {
    EduBench root(EduPlace::RootBus, 4 * page_size), behind(EduPlace::BehindBridge, 4 * page_size);
    drop_faults();
    constexpr std::uint64_t target = 2 * page_size;
    constexpr std::uint64_t bytes = 64;
    const LogicalAddress addresses[] = {root.memory.address(target), behind.memory.address(target)};
    // Allowed, and remembered by the IOMMU. The devices' buffers hold zeros at power-on.
    for (EduBench* bench : {&root, &behind}) {
        for (std::uint64_t i = 0; i < bytes; ++i) bench->memory[target + i] = 0x55;
        bench->edu.start_write(0, bench->memory.address(target), bytes);
    }
    for (EduBench* bench : {&root, &behind}) {
        bench->edu.finish();
        EXPECT(bench->holds(0, target, bytes));
        for (std::uint64_t i = 0; i < bytes; ++i) bench->memory[target + i] = 0x55;
        bench->memory.free_adl();
    }
    EXPECT_EQ(drop_faults(), 0);
    for (EduBench* bench : {&root, &behind}) {
        const LogicalAddress address = addresses[bench == &behind];
        bench->edu.start_write(0, address, bytes);
        bench->edu.finish();
        EXPECT(bench->holds(0x55, target, bytes));
        const auto fault = wait_for_fault(1000);
        REQUIRE(fault);
        EXPECT_EQ(fault->source, bench->edu.source());
        EXPECT_EQ(fault->page, address);
        EXPECT(fault->write);
        EXPECT_EQ(fault->reason, 5);  // VT-d, table of fault reasons: no write permission
        drop_faults();
    }
    EXPECT(root.edu.source() != behind.edu.source());
}

TEST(a_read_of_what_was_never_mapped_is_recorded) {
    EduBench bench(EduPlace::BehindBridge, page_size);
    drop_faults();
    const LogicalAddress nowhere{0x0abc'd000};
    bench.edu.start_read(nowhere + 0x10, 0, 8);
    bench.edu.finish();
    const auto fault = wait_for_fault(1000);
    REQUIRE(fault);
    EXPECT_EQ(fault->source, bench.edu.source());
    EXPECT_EQ(fault->page, nowhere);
    EXPECT(!fault->write);
    EXPECT_EQ(fault->reason, 6);  // no read permission
    drop_faults();
}
