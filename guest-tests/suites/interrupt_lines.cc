// SPDX-License-Identifier: MIT
// Interrupt lines: the IOAPIC sends a request for each, which has its entry like a device's (VT-d section 5.1.5.1).
// Runs behind remap-iommu and behind QEMU's intel-iommu; where the two differ the case says how.
#include "guest-tests/runtime/interrupt_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

#include <cstring>

using namespace remap;
using namespace remap::guest;
using vtd::FaultReason;
using vtd_driver::Error;
using vtd_driver::InterruptSender;
namespace redirection = vtd::redirection;

namespace {

constexpr unsigned first_pci_pin = 16;  // q35's eight lines of PCI lead to pins 16 to 23
constexpr unsigned end_of_pci_pins = 24;

bool option_is(const char* name, const char* value) {
    const char* given = option(name);
    return given != nullptr && std::strcmp(given, value) == 0;
}
bool on_intel_iommu() { return option_is("unit", "intel-iommu"); }

// Under KVM with kernel-irqchip=split the kernel knows beforehand what becomes of a line: what is refused does not
// come, but nobody records a fault.
bool faults_are_recorded() { return !option_is("lines", "by-kernel"); }

struct Bench : InterruptBench {
    Bench() { REQUIRE(source_of(ioapic)); }

    // An entry for what the IOAPIC sends.
    std::uint16_t route_line(const CountedVector& to, bool level, const InterruptSender& sender) {
        const auto index = table.allocate();
        REQUIRE(index);
        vtd_driver::InterruptTarget target = target_of(to);
        target.level = level;
        REQUIRE_EQ(table.set(*index, target, sender), Error::None);
        return *index;
    }
    std::uint16_t route_line(const CountedVector& to, bool level) {
        return route_line(to, level, InterruptSender::function(*source_of(ioapic)));
    }

    // Of a line that was pulsed.
    void expect_refusal(FaultReason reason, std::uint16_t index, std::uint16_t source) const {
        if (faults_are_recorded()) return expect_fault(reason, index, source);
        wait_until(5, [] { return false; });
    }

    IoApic ioapic;
};

}  // namespace

TEST(a_line_that_is_triggered_by_edges_goes_where_its_entry_says) {
    Bench bench;
    CountedVector vector;
    const std::uint16_t index = bench.route_line(vector, false);
    bench.ioapic.set(legacy_timer_pin, redirection::make(index, vector.number(), false));
    for (unsigned i = 1; i <= 3; ++i) {
        pulse_legacy_timer();
        EXPECT(vector.comes(i));
    }
    bench.ioapic.mask(legacy_timer_pin);
    pulse_legacy_timer();
    EXPECT(!wait_until(5, [&] { return vector.taken() != 3; }));
}

// Each pin has a vector of its own, so that the one that comes tells which line the device has.
TEST(a_line_that_is_triggered_by_levels_goes_where_its_entry_says_and_ends_again) {
    Bench bench;
    Edu edu(EduPlace::RootBus);
    edu.acknowledge();
    CountedVector vectors[end_of_pci_pins - first_pci_pin];
    for (unsigned pin = first_pci_pin; pin < end_of_pci_pins; ++pin) {
        const CountedVector& vector = vectors[pin - first_pci_pin];
        const std::uint16_t index = bench.route_line(vector, true);
        bench.ioapic.set(pin, redirection::make(index, vector.number(), true));
    }
    const auto taken = [&] {
        unsigned sum = 0;
        for (const CountedVector& vector : vectors) sum += vector.taken();
        return sum;
    };
    // As long as the device asserts its line, the interrupt comes again after each end: the handler does not serve it.
    edu.raise();
    EXPECT(wait_until(1000, [&] { return taken() >= 3; }));
    edu.acknowledge();
    wait_until(1, [] { return false; });
    const unsigned before = taken();
    EXPECT(!wait_until(5, [&] { return taken() != before; }));
    unsigned lines = 0;
    for (unsigned pin = first_pci_pin; pin < end_of_pci_pins; ++pin) {
        lines += vectors[pin - first_pci_pin].taken() != 0;
        EXPECT(!bench.ioapic.remote_irr(pin));
    }
    EXPECT_EQ(lines, 1);
}

TEST(a_line_follows_its_entry_once_that_was_invalidated) {
    Bench bench;
    CountedVector before, after;
    const std::uint16_t index = bench.route_line(before, false);
    bench.ioapic.set(legacy_timer_pin, redirection::make(index, before.number(), false));
    pulse_legacy_timer();
    EXPECT(before.comes(1));
    REQUIRE_EQ(bench.table.set(index, target_of(after), InterruptSender::function(*source_of(bench.ioapic))),
               Error::None);
    pulse_legacy_timer();
    EXPECT(after.comes(1));
    EXPECT_EQ(before.taken(), 1);
}

// The IOAPIC has the source id that the DMAR gives it. QEMU's unit does not look at it, and ours does with
// ioapic-source-check=on.
TEST(an_entry_of_a_device_refuses_the_ioapic) {
    Bench bench;
    CountedVector vector;
    const std::uint16_t index = bench.route_line(vector, false, InterruptSender::function(bench.gpu.source()));
    bench.ioapic.set(legacy_timer_pin, redirection::make(index, vector.number(), false));
    pulse_legacy_timer();
    if (!option_is("ioapic_source", "checked")) {
        EXPECT(vector.comes(1));
    } else {
        bench.expect_refusal(FaultReason::InterruptSourceRefused, index, *source_of(bench.ioapic));
        EXPECT_EQ(vector.taken(), 0);
    }
}

TEST(an_entry_of_the_ioapic_refuses_a_device) {
    Bench bench;
    CountedVector vector;
    const std::uint16_t index = bench.route_line(vector, false);
    bench.gpu.program(0, bench.table.request(index));
    bench.gpu.send(0);
    bench.expect_fault(FaultReason::InterruptSourceRefused, index);
    EXPECT_EQ(vector.taken(), 0);
}

TEST(a_line_without_an_entry_is_refused) {
    Bench bench;
    bench.ioapic.set(legacy_timer_pin, redirection::make(200, 0x40, false));
    pulse_legacy_timer();
    // QEMU's unit has no source id for it.
    bench.expect_refusal(FaultReason::InterruptNotPresent, 200, on_intel_iommu() ? 0xffff : *source_of(bench.ioapic));
}

// A redirection entry as systems without interrupt remapping write it.
TEST(a_line_of_the_compatibility_format_is_blocked) {
    Bench bench;
    CountedVector vector;
    bench.ioapic.set(legacy_timer_pin, std::uint64_t{local_apic_id()} << 56 | vector.number());
    pulse_legacy_timer();
    if (on_intel_iommu()) {
        EXPECT(vector.comes(1));
    } else {
        bench.expect_refusal(FaultReason::InterruptFormatBlocked, 0, *source_of(bench.ioapic));
        EXPECT_EQ(vector.taken(), 0);
    }
}
