// SPDX-License-Identifier: MIT
// The driver's interrupt table and the unit together, over one RAM.
#include "iommu/driver/interrupts.h"
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

namespace remap::vtd_driver {
namespace {

using iommu::InterruptMessage;
using test::Machine;
using test::Window;

constexpr std::uint16_t device = 0x0310;

class InterruptDriver : public testing::TestWithParam<bool> {  // caching mode
protected:
    explicit InterruptDriver(Interrupts interrupts = Interrupts::Remapped)
        : machine({.caching_mode = GetParam(), .interrupt_remapping = true, .extended_interrupts = true}),
          window(machine.unit),
          unit(window, machine.ram),
          tables_before(machine.ram.tables_left) {
        EXPECT_EQ(unit.start({.interrupts = interrupts}), Error::None);
    }

    InterruptTable& table() { return *unit.interrupts(); }
    std::uint16_t allocate(unsigned count = 1) {
        const auto index = table().allocate(count);
        EXPECT_TRUE(index);
        return index.value_or(0);
    }
    iommu::InterruptOutcome send(const InterruptMessage& request, std::uint16_t source = device) {
        return machine.unit.remap_interrupt({source}, request);
    }

    Machine machine;
    Window window;
    Unit unit;
    std::uint64_t tables_before;
};
INSTANTIATE_TEST_SUITE_P(CachingMode, InterruptDriver, testing::Bool());

TEST_P(InterruptDriver, SwitchesRemappingOnAndOff) {
    EXPECT_EQ(machine.read32(0x1c), 0xc7000000u) << "TE, RTPS, QIE, IRES, IRTPS";
    EXPECT_EQ(machine.read64(0xb8) & 0xfff, 7u) << "256 entries, xAPIC";
    EXPECT_EQ(send({0xfee00000, 0x31}).fault_reason, 0x25u) << "compatibility format is blocked";
    EXPECT_EQ(unit.stop(), Error::None);
    EXPECT_EQ(unit.interrupts(), nullptr);
    EXPECT_EQ(machine.read32(0x1c) & 0x02000000, 0u);
    EXPECT_TRUE(send({0xfee00000, 0x31}).allowed);
    EXPECT_EQ(machine.ram.tables_left, tables_before);
}

TEST_P(InterruptDriver, IsStartedAnewWithNothingLeftOfBefore) {
    const std::uint16_t index = allocate();
    EXPECT_EQ(table().set(index, {.destination = 3, .vector = 0x31}, InterruptSender::anybody()), Error::None);
    EXPECT_TRUE(send(table().request(index)).allowed);
    EXPECT_EQ(unit.start({.interrupts = Interrupts::Remapped}), Error::None);
    EXPECT_EQ(send(table().request(index)).fault_reason, 0x22u);
    EXPECT_EQ(unit.start({}), Error::None);
    EXPECT_EQ(unit.interrupts(), nullptr);
    EXPECT_TRUE(send({0xfee00000, 0x31}).allowed);
}

TEST_P(InterruptDriver, AnEntryIsUsedWhenSetReturns) {
    const std::uint16_t index = allocate();
    EXPECT_EQ(send(table().request(index)).fault_reason, 0x22u);
    const InterruptSender sender = InterruptSender::function(device);
    EXPECT_EQ(table().set(index, {.destination = 3, .vector = 0x31}, sender), Error::None);
    EXPECT_EQ(send(table().request(index)).message, (InterruptMessage{0xfee03000, 0x4031}));
    EXPECT_EQ(table().set(index, {.destination = 4, .vector = 0x32}, sender), Error::None);
    EXPECT_EQ(send(table().request(index)).message, (InterruptMessage{0xfee04000, 0x4032}));
    EXPECT_EQ(send(table().request(index), device + 1).fault_reason, 0x26u);
    EXPECT_EQ(table().set(index, {.destination = 4, .vector = 0x32}, InterruptSender::function(device + 1)),
              Error::None);
    EXPECT_TRUE(send(table().request(index), device + 1).allowed);
    EXPECT_EQ(send(table().request(index)).fault_reason, 0x26u);
    EXPECT_EQ(table().free(index), Error::None);
    EXPECT_EQ(send(table().request(index), device + 1).fault_reason, 0x22u);
}

TEST_P(InterruptDriver, WritesWhatItIsTold) {
    const std::uint16_t index = allocate();
    EXPECT_EQ(table().set(index,
                          {.destination = 0xa5,
                           .vector = 0x42,
                           .delivery = vtd::DeliveryMode::LowestPriority,
                           .level = true,
                           .logical = true,
                           .redirection_hint = true},
                          InterruptSender::function(device, 3)),
              Error::None);
    EXPECT_EQ(table().words(index)[0], 0x0000'a500'0042'003du);
    EXPECT_EQ(table().words(index)[1], 0x7'0310u);
    EXPECT_EQ(table().set(index, {}, InterruptSender::buses(3, 5)), Error::None);
    EXPECT_EQ(table().words(index)[1], 0x8'0305u);
    EXPECT_EQ(table().set(index, {}, InterruptSender::anybody()), Error::None);
    EXPECT_EQ(table().words(index)[1], 0u);
}

TEST_P(InterruptDriver, ABlockServesTheMessagesOfOneCapability) {
    allocate();
    const std::uint16_t first = allocate(4);
    EXPECT_EQ(first % 4, 0);
    for (std::uint16_t i = 0; i < 4; ++i) {
        const InterruptTarget target{.destination = 1, .vector = static_cast<std::uint8_t>(0x40 + i)};
        EXPECT_EQ(table().set(static_cast<std::uint16_t>(first + i), target, InterruptSender::function(device)),
                  Error::None);
    }
    for (std::uint32_t i = 0; i < 4; ++i) {
        InterruptMessage message = table().request_of_block(first);
        message.data += i;  // as the device does
        EXPECT_EQ(send(message).message.data, 0x4040 + i);
    }
    EXPECT_EQ(table().free(first, 4), Error::None);
    EXPECT_EQ(send(table().request(static_cast<std::uint16_t>(first + 3))).fault_reason, 0x22u);
}

TEST_P(InterruptDriver, GivesOutEachEntryOnce) {
    EXPECT_FALSE(table().allocate(3));
    EXPECT_FALSE(table().allocate(0));
    EXPECT_FALSE(table().allocate(128));
    bool given[InterruptTable::entries] = {};
    for (unsigned count : {1u, 16u, 64u, 1u, 32u, 64u, 8u, 2u}) {
        const std::uint16_t first = allocate(count);
        EXPECT_EQ(first % count, 0u);
        for (unsigned i = first; i < first + count; ++i) EXPECT_FALSE(std::exchange(given[i], true)) << i;
    }
    unsigned rest = 0;
    while (table().allocate()) ++rest;
    EXPECT_EQ(rest, 256u - 188u);
    EXPECT_EQ(table().free(64, 64), Error::None);
    EXPECT_EQ(table().allocate(64), 64);
}

TEST_P(InterruptDriver, FaultsTellTheIndex) {
    send(table().request(7));
    auto fault = unit.take_fault();
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->reason, 0x22);
    EXPECT_EQ(fault->source, device);
    EXPECT_EQ(fault->interrupt, 7);
    EXPECT_EQ(fault->page.value, 0u);
    machine.access(device, 0x7000, iommu::Access::Write);
    fault = unit.take_fault();
    ASSERT_TRUE(fault);
    EXPECT_FALSE(fault->interrupt);
    EXPECT_EQ(fault->page.value, 0x7000u);
    EXPECT_TRUE(fault->write);
}

class ExtendedInterruptDriver : public InterruptDriver {
protected:
    ExtendedInterruptDriver() : InterruptDriver(Interrupts::Extended) {}
};
INSTANTIATE_TEST_SUITE_P(CachingMode, ExtendedInterruptDriver, testing::Bool());

TEST_P(ExtendedInterruptDriver, HasDestinationsOf32Bits) {
    EXPECT_EQ(machine.read64(0xb8) & 0xfff, 0x807u);
    const std::uint16_t index = allocate();
    EXPECT_EQ(table().set(index, {.destination = 0x12345, .vector = 0x31}, InterruptSender::anybody()), Error::None);
    EXPECT_EQ(send(table().request(index)).message, (InterruptMessage{0x0001'2300'fee4'5000, 0x4031}));
}

TEST(InterruptDriverOptions, WhatTheUnitDoesNotOfferIsRefused) {
    struct Case {
        iommu::Options unit;
        UnitOptions wanted;
    };
    const Case cases[] = {
        {{}, {.interrupts = Interrupts::Remapped}},
        {{.interrupt_remapping = true}, {.interrupts = Interrupts::Extended}},
        {{.interrupt_remapping = true}, {.invalidation = Invalidation::Registers, .interrupts = Interrupts::Remapped}},
    };
    for (const Case& one : cases) {
        Machine machine(one.unit);
        Window window(machine.unit);
        Unit unit(window, machine.ram);
        const std::uint64_t before = machine.ram.tables_left;
        EXPECT_EQ(unit.start(one.wanted), Error::NotOffered);
        EXPECT_EQ(unit.interrupts(), nullptr);
        EXPECT_EQ(machine.ram.tables_left, before);
    }
}

TEST(InterruptDriverOptions, WithoutMemoryForTheTableNothingIsLeftOn) {
    for (std::uint64_t pages = 0; pages < 5; ++pages) {
        Machine machine({.interrupt_remapping = true});
        Window window(machine.unit);
        Unit unit(window, machine.ram);
        machine.ram.tables_left = pages;
        const Error error = unit.start({.interrupts = Interrupts::Remapped});
        EXPECT_EQ(error, pages < 4 ? Error::NoMemory : Error::None);  // root, queue, status, interrupts
        EXPECT_EQ(unit.interrupts() != nullptr, pages >= 4);
        EXPECT_EQ((machine.read32(0x1c) & 0x86000000) != 0, pages >= 4);
        EXPECT_EQ(unit.stop(), Error::None);
        EXPECT_EQ(machine.ram.tables_left, pages);
    }
}

}  // namespace
}  // namespace remap::vtd_driver
