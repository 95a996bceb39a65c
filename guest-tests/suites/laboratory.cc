// SPDX-License-Identifier: MIT
// The laboratory's registers (-device remap-iommu,lab=on): what the callbacks do is told to the machine, what nobody
// but the machine can know is refused. What of it stands in the trace is looked at from outside, by
// hw/tests/qemu/lab_guest_test.py.
#include "guest-tests/runtime/laboratory.h"
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;
using driver::Allocation;
using remap::spec::lab::DriverEvent;
using remap::spec::lab::DriverKind;

TEST(there_is_a_laboratory_and_it_believes_what_the_callbacks_say) {
    REQUIRE(find_laboratory().has_value());
    const auto laboratory = *find_laboratory();
    GpuBench bench;
    const std::uint64_t before = laboratory.taken();
    {
        Allocation memory;
        REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 3 * page_size, .context = 0xabcd}), STATUS_SUCCESS);
        // Three calls and their returns, an object, its frames, a map, a view.
        EXPECT(laboratory.taken() >= before + 10);
    }
    // Three calls and their returns, the view and the map that end, and the object.
    EXPECT(laboratory.taken() >= before + 19);
    EXPECT_EQ(laboratory.refused(), 0u);
}

TEST(what_is_not_a_drivers_to_say_is_refused) {
    const auto laboratory = *find_laboratory();
    const std::uint64_t taken = laboratory.taken();
    std::uint64_t refused = laboratory.refused();
    for (unsigned kind = 0; kind < 256; ++kind) {
        const bool drivers = kind >= 20 && kind <= 25;
        const DriverEvent event{.kind = static_cast<DriverKind>(kind),
                                .flags = static_cast<std::uint8_t>(drivers ? 0x80 : 0),
                                .source = 0x10,
                                .address = 0x1000,
                                .detail = 99};
        laboratory.post(event);
        EXPECT_EQ(laboratory.refused(), ++refused);
    }
    EXPECT_EQ(laboratory.taken(), taken);
}
