// SPDX-License-Identifier: MIT
// Interrupts for processors in x2APIC mode, whose destinations have 32 bits (VT-d section 5.1.6). This suite takes the
// processor to that mode and leaves it there.
#include "guest-tests/runtime/interrupt_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

#include <cstring>

using namespace remap;
using namespace remap::guest;
using vtd_driver::Error;
using vtd_driver::Interrupts;
using vtd_driver::InterruptSender;
using vtd_driver::InterruptTarget;

namespace {

struct Bench : InterruptBench {
    Bench() : InterruptBench(Interrupts::Extended), index(route(vector)) { gpu.program(0, table.request(index)); }

    // Whether the vector is taken when its entry has this destination.
    bool comes_to(std::uint32_t destination, bool logical) {
        InterruptTarget target = target_of(vector);
        target.destination = destination;
        target.logical = logical;
        REQUIRE_EQ(table.set(index, target, InterruptSender::anybody()), Error::None);
        const unsigned before = vector.taken();
        gpu.send(0);
        return vector.taken() != before;
    }

    CountedVector vector;
    std::uint16_t index;
};

}  // namespace

TEST(the_processor_goes_to_x2apic_mode) {
    const std::uint32_t before = local_apic_id();
    REQUIRE(enter_x2apic());
    EXPECT_EQ(local_apic_id(), before);
}

TEST(a_physical_destination_is_compared_whole) {
    Bench bench;
    EXPECT(bench.comes_to(local_apic_id(), false));
    for (unsigned bit = 0; bit < 32; ++bit) EXPECT(!bench.comes_to(local_apic_id() ^ 1u << bit, false));
    EXPECT(bench.comes_to(0xffff'ffff, false));  // everybody
    EXPECT(!bench.comes_to(0xff, false));        // everybody only for processors in the other mode
}

TEST(a_logical_destination_is_a_cluster_and_members_of_it) {
    Bench bench;
    const std::uint32_t self = logical_apic_id();
    EXPECT(bench.comes_to(self, true));
    EXPECT(bench.comes_to(self | 0x8000, true));
    EXPECT(!bench.comes_to(self + 0x1'0000, true));
    EXPECT(!bench.comes_to((self & 0xffff'0000) | (~self & 0xffff), true));
}

// Section 5.1.6: the upper address of the unit's own events has bits 31:8 of the destination. QEMU's unit has no upper
// address.
TEST(the_units_own_event_has_the_whole_destination) {
    Bench bench;
    const char* unit = option("unit");
    const bool has_upper_address = unit == nullptr || std::strcmp(unit, "intel-iommu") != 0;
    const std::uint64_t address = vtd::message::base | vtd::message::Destination::of(local_apic_id());
    bench.unit.enable_fault_event(address | vtd::message::UpperDestination::of(1), bench.vector.number());
    bench.gpu.program(1, bench.table.request(200));
    bench.gpu.send(1);
    EXPECT_EQ(drop_faults(), 1);
    EXPECT_EQ(bench.vector.taken(), has_upper_address ? 0 : 1);
    const unsigned before = bench.vector.taken();
    bench.unit.enable_fault_event(address, bench.vector.number());
    bench.gpu.send(1);
    EXPECT(bench.vector.comes(before + 1));
    EXPECT_EQ(drop_faults(), 1);
}
