// SPDX-License-Identifier: MIT
// What firmware describes and the runtime finds: ACPI tables, PCI functions, interrupts. Needs QEMU's edu and e1000e,
// and pci-testdev behind a bridge.
#include "guest-tests/runtime/acpi.h"
#include "guest-tests/runtime/interrupts.h"
#include "guest-tests/runtime/msi.h"
#include "guest-tests/runtime/pci.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"

#include <cstring>

using namespace remap::guest;

namespace {

constexpr std::uint16_t edu_vendor = 0x1234;
constexpr std::uint16_t edu_device = 0x11e8;

// Registers of the edu device (QEMU, docs/specs/edu).
constexpr unsigned edu_identification = 0x00;
constexpr unsigned edu_liveness = 0x04;
constexpr unsigned edu_raise = 0x60;
constexpr unsigned edu_acknowledge = 0x64;

// Registers of Intel's 82574 (datasheet, section 10.2): a write to ICS raises a cause, IVAR sends it to an MSI-X entry.
constexpr std::uint16_t e1000e_device = 0x10d3;
constexpr unsigned e1000e_ics = 0xc8;
constexpr unsigned e1000e_ims = 0xd0;
constexpr unsigned e1000e_ivar = 0xe4;
constexpr std::uint32_t cause_other = 1 << 24;
constexpr std::uint32_t other_to_entry(unsigned entry) { return (entry | 8) << 16; }

volatile std::uint32_t* registers_of(const pci::Function* function) {
    REQUIRE(function != nullptr);
    auto* registers = static_cast<volatile std::uint32_t*>(function->map_bar(0));
    REQUIRE(registers != nullptr);
    return registers;
}

void count_interrupt(void* context) {
    auto* count = static_cast<volatile unsigned*>(context);
    *count = *count + 1;
}

}  // namespace

TEST(acpi_tables_are_found_with_right_checksums) {
    for (const char* signature : {"FACP", "APIC", "MCFG"}) {
        const auto table = acpi::find(signature);
        REQUIRE(table.size() >= 36);
        EXPECT(std::memcmp(table.data(), signature, 4) == 0);
        std::uint8_t sum = 0;
        for (const std::uint8_t byte : table) sum = static_cast<std::uint8_t>(sum + byte);
        EXPECT_EQ(sum, 0);
    }
    EXPECT(acpi::find("NONE").empty());
    EXPECT_EQ(acpi::bad_tables(), 0);
}

TEST(the_host_bridge_of_q35_is_function_0_of_bus_0) {
    const pci::Function* bridge = pci::find(0x8086, 0x29c0);
    REQUIRE(bridge != nullptr);
    EXPECT_EQ(bridge->source(), 0);
    EXPECT_EQ(bridge->class_code() >> 8, 0x0600);
}

TEST(functions_of_one_device_are_all_found) {
    const pci::Function* lpc = pci::find(0x8086, 0x2918);
    const pci::Function* ahci = pci::find(0x8086, 0x2922);
    REQUIRE(lpc != nullptr && ahci != nullptr);
    EXPECT_EQ(lpc->source(), 0x1f << 3);
    EXPECT_EQ(ahci->source(), 0x1f << 3 | 2);
}

TEST(functions_behind_a_bridge_are_found) {
    const pci::Function* function = pci::find(0x1b36, 0x0005);
    REQUIRE(function != nullptr);
    EXPECT(function->bus() != 0);
    EXPECT_EQ(pci::find(0x1b36, 0x0005, 1), nullptr);
}

TEST(a_memory_bar_has_the_size_of_the_device_and_its_registers_answer) {
    const pci::Function* edu = pci::find(edu_vendor, edu_device);
    REQUIRE(edu != nullptr);
    const pci::Bar bar = edu->bar(0);
    EXPECT_EQ(bar.bytes, 1 << 20);
    EXPECT(bar.address.value != 0 && !bar.io);
    EXPECT_EQ(edu->bar(1).bytes, 0);
    EXPECT_EQ(edu->bar(6).bytes, 0);
    volatile std::uint32_t* registers = registers_of(edu);
    EXPECT_EQ(registers[edu_identification / 4] & 0xff, 0xed);
    registers[edu_liveness / 4] = 0x12345678;
    EXPECT_EQ(registers[edu_liveness / 4], ~0x12345678u);
}

TEST(a_message_signalled_interrupt_arrives_once_for_each_raise) {
    const pci::Function* edu = pci::find(edu_vendor, edu_device);
    REQUIRE(edu != nullptr);
    volatile std::uint32_t* registers = registers_of(edu);
    volatile unsigned taken = 0;
    const auto vector = register_interrupt(count_interrupt, const_cast<unsigned*>(&taken));
    REQUIRE(vector);
    edu->set_bus_master(true);  // a message is a write of the device
    REQUIRE(enable_msi(*edu, message_for(*vector)));
    for (unsigned expected = 1; expected <= 3; ++expected) {
        registers[edu_raise / 4] = 1;
        EXPECT(wait_until(1000, [&] { return taken == expected; }));
        registers[edu_acknowledge / 4] = 1;
    }
    disable_msi(*edu);
    unregister_interrupt(*vector);
    EXPECT_EQ(taken, 3);
    EXPECT_EQ(unexpected_interrupts(), 0);
}

TEST(an_msix_entry_is_silent_until_it_is_enabled_and_again_when_masked) {
    const pci::Function* nic = pci::find(0x8086, e1000e_device);
    volatile std::uint32_t* registers = registers_of(nic);
    MsixTable table(*nic);
    REQUIRE(table.entries() == 5);
    EXPECT(!table.enable(5, {}));
    volatile unsigned taken = 0;
    const auto vector = register_interrupt(count_interrupt, const_cast<unsigned*>(&taken));
    REQUIRE(vector);
    nic->set_bus_master(true);
    registers[e1000e_ivar / 4] = other_to_entry(3);
    registers[e1000e_ims / 4] = cause_other;
    REQUIRE(table.enable(3, message_for(*vector)));
    registers[e1000e_ics / 4] = cause_other;
    EXPECT(wait_until(1000, [&] { return taken != 0; }));
    REQUIRE(table.mask(3));
    // Until its cause is cleared the part may send again, when its timer for moderation ends.
    wait_until(1, [] { return false; });
    const unsigned before = taken;
    registers[e1000e_ics / 4] = cause_other;
    EXPECT(!wait_until(20, [&] { return taken != before; }));
    unregister_interrupt(*vector);
    nic->set_bus_master(false);
    EXPECT_EQ(unexpected_interrupts(), 0);
}
