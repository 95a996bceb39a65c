// SPDX-License-Identifier: MIT
// Interrupt remapping (VT-d chapter 5) as the processor sees it: messages of devices and lines of the IOAPIC go where
// their entries say, and what no entry allows does not come. Runs behind remap-iommu and behind QEMU's intel-iommu;
// where the two differ the case says how.
#include "guest-tests/runtime/interrupt_bench.h"
#include "guest-tests/runtime/iommu_commands.h"
#include "guest-tests/runtime/iommu_tables.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

#include <cstring>

using namespace remap;
using namespace remap::guest;
using vtd::FaultReason;
using vtd::remappable::make_request;
using vtd_driver::Error;
using vtd_driver::Interrupts;
using vtd_driver::InterruptSender;
namespace entry = vtd::interrupt_entry;

namespace {

bool on_intel_iommu() {
    const char* unit = option("unit");
    return unit != nullptr && std::strcmp(unit, "intel-iommu") == 0;
}

bool offers_extended_mode(const InterruptBench& bench) {
    return vtd::extended_capability::ExtendedInterruptMode::get(bench.unit.extended_capability());
}

}  // namespace

TEST(each_message_of_a_device_goes_where_its_entry_says) {
    InterruptBench bench;
    CountedVector to[GpuSender::vectors];
    for (unsigned i = 0; i < GpuSender::vectors; ++i) bench.gpu.program(i, bench.table.request(bench.route(to[i])));
    for (unsigned i = 0; i < GpuSender::vectors; ++i) {
        bench.gpu.send(i);
        for (unsigned other = 0; other < GpuSender::vectors; ++other) EXPECT_EQ(to[other].taken(), other <= i);
    }
}

TEST(messages_of_stock_devices_are_remapped_also_those_from_behind_a_bridge) {
    InterruptBench bench;
    for (const EduPlace place : edu_places) {
        Edu edu(place);
        CountedVector vector;
        const auto index = bench.table.allocate();
        REQUIRE(index);
        REQUIRE_EQ(bench.table.set(*index, target_of(vector), InterruptSender::function(edu.source())), Error::None);
        edu.function().set_bus_master(true);
        REQUIRE(enable_msi(edu.function(), bench.table.request(*index)));
        for (unsigned i = 1; i <= 3; ++i) {
            edu.raise();
            EXPECT(vector.comes(i));
            edu.acknowledge();
        }
        disable_msi(edu.function());
    }
}

TEST(the_messages_of_one_capability_have_entries_side_by_side) {
    InterruptBench bench;
    const auto first = bench.table.allocate(4);
    REQUIRE(first);
    CountedVector to[2];
    bench.route(*first, to[0]);
    bench.route(static_cast<std::uint16_t>(*first + 3), to[1]);
    InterruptMessage message = bench.table.request_of_block(*first);
    bench.gpu.program(0, message);
    message.data += 3;  // as a device does for its fourth message
    bench.gpu.program(1, message);
    bench.gpu.send(0);
    bench.gpu.send(1);
    bench.gpu.send(1);
    EXPECT_EQ(to[0].taken(), 1);
    EXPECT_EQ(to[1].taken(), 2);
}

TEST(a_changed_entry_is_used_once_it_was_invalidated) {
    InterruptBench bench;
    CountedVector before, after;
    const std::uint16_t index = bench.route(before);
    bench.gpu.program(0, bench.table.request(index));
    bench.gpu.send(0);
    bench.route(index, after);
    bench.gpu.send(0);
    EXPECT_EQ(before.taken(), 1);
    EXPECT_EQ(after.taken(), 1);
}

// Section 6.4. Behind QEMU's unit the mistake stays hidden: without KVM it reads the entry again for each interrupt.
TEST(an_invalidation_that_was_forgotten_shows) {
    InterruptBench bench;
    CountedVector before, after;
    const std::uint16_t index = bench.route(before);
    bench.gpu.program(0, bench.table.request(index));
    bench.gpu.send(0);
    const std::uint64_t low = bench.table.words(index)[0];
    store_entry(bench.table.words(index), entry::Vector::set(low, after.number()));
    bench.gpu.send(0);
    EXPECT_EQ(before.taken(), on_intel_iommu() ? 1 : 2);
    EXPECT_EQ(after.taken(), on_intel_iommu() ? 1 : 0);
    REQUIRE_EQ(bench.table.forget(index), Error::None);
    bench.gpu.send(0);
    EXPECT_EQ(after.taken(), on_intel_iommu() ? 2 : 1);
}

TEST(an_invalidation_forgets_the_entries_that_its_mask_reaches) {
    InterruptBench bench;
    const auto first = bench.table.allocate(8);
    REQUIRE(first);
    CountedVector before, after;
    // Of eight entries, numbers 2, 5 and 7 are used; the mask of a pair reaches 4 and 5.
    constexpr unsigned used[GpuSender::vectors] = {2, 5, 7};
    for (unsigned i = 0; i < GpuSender::vectors; ++i) {
        const auto index = static_cast<std::uint16_t>(*first + used[i]);
        bench.route(index, before);
        bench.gpu.program(i, bench.table.request(index));
        bench.gpu.send(i);
        const std::uint64_t low = bench.table.words(index)[0];
        store_entry(bench.table.words(index), entry::Vector::set(low, after.number()));
    }
    REQUIRE_EQ(bench.table.forget(static_cast<std::uint16_t>(*first + 4), 1), Error::None);
    for (unsigned i = 0; i < GpuSender::vectors; ++i) bench.gpu.send(i);
    EXPECT_EQ(after.taken(), on_intel_iommu() ? 3 : 1);
    REQUIRE_EQ(bench.table.forget(*first, 3), Error::None);
    for (unsigned i = 0; i < GpuSender::vectors; ++i) bench.gpu.send(i);
    EXPECT_EQ(after.taken(), on_intel_iommu() ? 6 : 4);
}

// Section 6.7, CAP.ESIRTPS = 0.
TEST(setting_the_table_pointer_again_invalidates_nothing) {
    if (on_intel_iommu()) return;  // has nothing to invalidate
    InterruptBench bench;
    CountedVector before, after;
    const std::uint16_t index = bench.route(before);
    bench.gpu.program(0, bench.table.request(index));
    bench.gpu.send(0);
    const std::uint64_t low = bench.table.words(index)[0];
    store_entry(bench.table.words(index), entry::Vector::set(low, after.number()));
    set_interrupt_table_again();
    bench.gpu.send(0);
    EXPECT_EQ(before.taken(), 2);
    REQUIRE_EQ(bench.table.forget_all(), Error::None);
    bench.gpu.send(0);
    EXPECT_EQ(after.taken(), 1);
}

TEST(an_entry_of_another_device_refuses) {
    InterruptBench bench;
    CountedVector vector;
    const std::uint16_t index = bench.route(vector);
    bench.gpu.program(0, bench.table.request(index));
    const auto other = static_cast<std::uint16_t>(bench.gpu.source() ^ 1);
    REQUIRE_EQ(bench.table.set(index, target_of(vector), InterruptSender::function(other)), Error::None);
    bench.gpu.send(0);
    bench.expect_fault(FaultReason::InterruptSourceRefused, index);
    EXPECT_EQ(vector.taken(), 0);
    // The qualifier 3 leaves function numbers out.
    REQUIRE_EQ(bench.table.set(index, target_of(vector), InterruptSender::function(other, 3)), Error::None);
    bench.gpu.send(0);
    EXPECT_EQ(vector.taken(), 1);
}

// Section 9.9: bits 15:8 of SID are the first bus, 7:0 the last. QEMU's unit takes them the other way round, and so
// lets through only ranges of one bus.
TEST(an_entry_for_a_range_of_buses_refuses_the_others) {
    InterruptBench bench;
    CountedVector vector;
    const std::uint16_t index = bench.route(vector);
    bench.gpu.program(0, bench.table.request(index));
    const auto bus = static_cast<std::uint8_t>(bench.gpu.source() >> 8);
    REQUIRE_EQ(bench.table.set(index, target_of(vector), InterruptSender::buses(bus, bus)), Error::None);
    bench.gpu.send(0);
    EXPECT_EQ(vector.taken(), 1);
    const auto far = static_cast<std::uint8_t>(bus + 2);
    REQUIRE_EQ(bench.table.set(index, target_of(vector), InterruptSender::buses(bus, far)), Error::None);
    bench.gpu.send(0);
    EXPECT_EQ(vector.taken(), on_intel_iommu() ? 1 : 2);
    if (on_intel_iommu()) bench.expect_fault(FaultReason::InterruptSourceRefused, index);
    const auto next = static_cast<std::uint8_t>(bus + 1);
    REQUIRE_EQ(bench.table.set(index, target_of(vector), InterruptSender::buses(next, far)), Error::None);
    bench.gpu.send(0);
    bench.expect_fault(FaultReason::InterruptSourceRefused, index);
}

TEST(what_is_wrong_with_an_entry_is_told) {
    InterruptBench bench;
    CountedVector vector;
    const std::uint16_t index = bench.route(vector);
    const std::uint64_t low = bench.table.words(index)[0];
    const std::uint64_t high = bench.table.words(index)[1];
    bench.gpu.program(0, bench.table.request(index));
    const auto send_with = [&](std::uint64_t new_low, std::uint64_t new_high) {
        bench.write_entry(index, new_low, new_high);
        REQUIRE_EQ(bench.table.forget(index), Error::None);
        bench.gpu.send(0);
    };
    send_with(0, high);
    bench.expect_fault(FaultReason::InterruptNotPresent, index);
    send_with(low | 1 << 12, high);
    bench.expect_fault(FaultReason::InterruptReserved, index);
    send_with(low, high | std::uint64_t{1} << 20);
    bench.expect_fault(FaultReason::InterruptReserved, index);
    EXPECT_EQ(vector.taken(), 0);
    // With FPD it is refused in silence.
    send_with(entry::FaultProcessingDisable::mask, high);
    send_with(low | entry::FaultProcessingDisable::mask | 1 << 12, high);
    EXPECT_EQ(drop_faults(), 0);
    send_with(low | entry::FaultProcessingDisable::mask, high);
    EXPECT_EQ(vector.taken(), 1);
}

// Behind QEMU's unit the fault of a reserved field has no index.
TEST(what_is_wrong_with_a_request_is_told) {
    InterruptBench bench;
    CountedVector vector;
    const std::uint16_t index = bench.route(vector);
    InterruptMessage message = make_request(index, true, 0);
    message.data |= 1 << 16;
    bench.gpu.program(0, message);
    bench.gpu.send(0);
    bench.expect_fault(FaultReason::InterruptRequestReserved, on_intel_iommu() ? 0 : index);
    bench.gpu.program(0, make_request(vtd_driver::InterruptTable::entries, false, 0));
    bench.gpu.send(0);
    bench.expect_fault(FaultReason::InterruptIndexBeyondTable, vtd_driver::InterruptTable::entries);
    bench.gpu.program(0, make_request(vtd_driver::InterruptTable::entries - 1, true, 1));
    bench.gpu.send(0);
    bench.expect_fault(FaultReason::InterruptIndexBeyondTable, vtd_driver::InterruptTable::entries);
    EXPECT_EQ(vector.taken(), 0);
}

TEST(a_table_where_no_memory_is_is_told) {
    InterruptBench bench;
    const std::uint64_t hole = (frames().highest_installed() + 0x100).address().value;
    const std::uint64_t before = bench.registers.read64(vtd::interrupt_table::offset);
    const std::uint16_t index = 77;
    bench.gpu.program(0, make_request(index, false, 0));
    bench.registers.write64(vtd::interrupt_table::offset, hole | (before & vtd::interrupt_table::Size::mask));
    set_interrupt_table_again();
    bench.gpu.raise(0);
    const auto fault = wait_for_fault(1000);
    bench.registers.write64(vtd::interrupt_table::offset, before);
    set_interrupt_table_again();
    REQUIRE(fault && fault->interrupt);
    EXPECT_EQ(*fault->interrupt, index);
    EXPECT_EQ(fault->reason, static_cast<std::uint8_t>(FaultReason::InterruptUnreadable));
}

// Section 5.1.2.1: with CFIS clear they are blocked. Behind QEMU's unit they pass, whatever CFIS says.
TEST(a_message_of_the_compatibility_format_is_blocked) {
    InterruptBench bench;
    CountedVector vector;
    bench.gpu.program(0, message_for(vector.number()));
    bench.gpu.send(0);
    EXPECT_EQ(vector.taken(), on_intel_iommu() ? 1 : 0);
    if (!on_intel_iommu()) bench.expect_fault(FaultReason::InterruptFormatBlocked, 0);
}

TEST(a_message_of_the_compatibility_format_passes_where_software_lets_it) {
    if (on_intel_iommu()) return;  // has no CFI
    InterruptBench bench;
    CountedVector vector;
    bench.gpu.program(0, message_for(vector.number()));
    let_compatibility_interrupts_pass(true);
    bench.gpu.send(0);
    EXPECT_EQ(vector.taken(), 1);
    let_compatibility_interrupts_pass(false);
    bench.gpu.send(0);
    bench.expect_fault(FaultReason::InterruptFormatBlocked, 0);
}

TEST(the_fault_event_of_the_unit_itself_is_not_remapped) {
    InterruptBench bench;
    CountedVector event;
    const InterruptMessage message = message_for(event.number());
    bench.unit.enable_fault_event(message.address, message.data);
    bench.gpu.program(0, make_request(99, false, 0));
    bench.gpu.send(0);
    EXPECT(event.comes(1));
    bench.expect_fault(FaultReason::InterruptNotPresent, 99);
}

TEST(a_message_reaches_the_processors_that_a_logical_destination_names) {
    InterruptBench bench;
    CountedVector vector;
    const std::uint16_t index = bench.route(vector);
    bench.gpu.program(0, bench.table.request(index));
    vtd_driver::InterruptTarget target = target_of(vector);
    target.logical = true;
    target.destination = logical_apic_id();
    REQUIRE_EQ(bench.table.set(index, target, InterruptSender::anybody()), Error::None);
    bench.gpu.send(0);
    EXPECT_EQ(vector.taken(), 1);
    target.destination = static_cast<std::uint8_t>(~logical_apic_id());
    REQUIRE_EQ(bench.table.set(index, target, InterruptSender::anybody()), Error::None);
    bench.gpu.send(0);
    EXPECT_EQ(vector.taken(), 1);
}

TEST(a_message_for_another_processor_does_not_come_here) {
    InterruptBench bench;
    CountedVector vector;
    const std::uint16_t index = bench.route(vector);
    bench.gpu.program(0, bench.table.request(index));
    vtd_driver::InterruptTarget target = target_of(vector);
    target.destination = local_apic_id() + 1u;
    REQUIRE_EQ(bench.table.set(index, target, InterruptSender::anybody()), Error::None);
    bench.gpu.send(0);
    EXPECT_EQ(vector.taken(), 0);
}

TEST(when_remapping_is_off_messages_pass_as_they_are) {
    CountedVector vector;
    { InterruptBench bench; }
    REQUIRE_EQ(iommu()->interrupts(), nullptr);
    Edu edu(EduPlace::RootBus);
    edu.function().set_bus_master(true);
    REQUIRE(enable_msi(edu.function(), message_for(vector.number())));
    edu.raise();
    EXPECT(vector.comes(1));
    edu.acknowledge();
    disable_msi(edu.function());
}

// Destinations of 32 bits: this processor's is the same number, in another place of the entry.
TEST(extended_mode_has_the_whole_destination_where_it_is_offered) {
    InterruptBench probe;
    if (!offers_extended_mode(probe)) return;
    InterruptBench bench(Interrupts::Extended);
    CountedVector vector;
    const std::uint16_t index = bench.route(vector);
    EXPECT_EQ(entry::Destination::get(bench.table.words(index)[0]), local_apic_id());
    bench.gpu.program(0, bench.table.request(index));
    bench.gpu.send(0);
    EXPECT_EQ(vector.taken(), 1);
    if (on_intel_iommu()) return;
    // Other formats never pass in this mode.
    let_compatibility_interrupts_pass(true);
    bench.gpu.program(0, message_for(vector.number()));
    bench.gpu.send(0);
    bench.expect_fault(FaultReason::InterruptFormatBlocked, 0);
    let_compatibility_interrupts_pass(false);
}

// The planted mistake: a system that takes x2APIC for granted. The unit keeps EIME clear and reads entries in the other
// format: what was meant for x2APIC id 0xff00 comes to every APIC, and other ids have reserved bits. QEMU's unit takes
// the bit all the same.
TEST(extended_mode_where_it_is_not_offered_leads_to_the_wrong_processor) {
    InterruptBench bench;
    if (offers_extended_mode(bench)) return;
    const std::uint64_t before = bench.registers.read64(vtd::interrupt_table::offset);
    bench.registers.write64(vtd::interrupt_table::offset, before | vtd::interrupt_table::ExtendedMode::mask);
    set_interrupt_table_again();
    const bool taken = vtd::interrupt_table::ExtendedMode::get(bench.registers.read64(vtd::interrupt_table::offset));
    EXPECT_EQ(taken, on_intel_iommu());
    if (on_intel_iommu()) return;
    CountedVector vector;
    const auto index = bench.table.allocate();
    REQUIRE(index);
    const auto send_to = [&](std::uint32_t x2apic_id) {
        bench.write_entry(
            *index, entry::Present::of(true) | entry::Vector::of(vector.number()) | entry::Destination::of(x2apic_id),
            0);
        REQUIRE_EQ(bench.table.forget(*index), Error::None);
        bench.gpu.send(0);
    };
    bench.gpu.program(0, bench.table.request(*index));
    send_to(0xff00);
    EXPECT_EQ(vector.taken(), 1);
    send_to(0x12);
    bench.expect_fault(FaultReason::InterruptReserved, *index);
}
