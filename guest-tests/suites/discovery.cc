// SPDX-License-Identifier: MIT
// What firmware describes and the runtime finds: ACPI tables, PCI functions, interrupts. Needs QEMU's edu device.
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

volatile std::uint32_t* edu_registers() {
    const pci::Function* edu = pci::find(edu_vendor, edu_device);
    REQUIRE(edu != nullptr);
    auto* registers = static_cast<volatile std::uint32_t*>(edu->map_bar(0));
    REQUIRE(registers != nullptr);
    return registers;
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

TEST(a_memory_bar_has_the_size_of_the_device_and_its_registers_answer) {
    const pci::Function* edu = pci::find(edu_vendor, edu_device);
    REQUIRE(edu != nullptr);
    const pci::Bar bar = edu->bar(0);
    EXPECT_EQ(bar.bytes, 1 << 20);
    EXPECT(bar.address.value != 0 && !bar.io);
    EXPECT_EQ(edu->bar(1).bytes, 0);
    EXPECT_EQ(edu->bar(6).bytes, 0);
    volatile std::uint32_t* registers = edu_registers();
    EXPECT_EQ(registers[edu_identification / 4] & 0xff, 0xed);
    registers[edu_liveness / 4] = 0x12345678;
    EXPECT_EQ(registers[edu_liveness / 4], ~0x12345678u);
}

TEST(a_message_signalled_interrupt_arrives_once_for_each_raise) {
    const pci::Function* edu = pci::find(edu_vendor, edu_device);
    REQUIRE(edu != nullptr);
    volatile std::uint32_t* registers = edu_registers();
    volatile unsigned taken = 0;
    const auto vector = register_interrupt(
        [](void* context) {
            auto* count = static_cast<volatile unsigned*>(context);
            *count = *count + 1;
        },
        const_cast<unsigned*>(&taken));
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
