#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MSI-X of the GPU, and the messages of both devices. They go to RAM here, where a test can see them arrive."""

import time

from gpu import (FIRST_WINDOW, Gpu, HALTED, IDLE, INTERRUPT_MASK, INTERRUPT_RAISE, INTERRUPT_STATUS, RING_TAIL, fence,
                 fill)
from machine import MIB, Machine, wait_until
from pci import COMMAND
from tap import case, expect_equal, main
from vtd import BASE, FAULT_CONTROL, FAULT_STATUS, Unit

RING, RESULT, MESSAGES = 0x800000, 0xc00000, 0xd00000
A_WHILE = 0.02  # seconds, after which a message that was not sent will not come


def messages(machine):
    return [machine.read32(MESSAGES + 16 * vector) for vector in range(4)]


def set_up(machine, unmasked=0xf):
    gpu = Gpu(machine)
    machine.fill(MESSAGES, 64, 0)
    for vector in range(4):
        gpu.set_message(vector, MESSAGES + 16 * vector, 0xa0 + vector, masked=not unmasked >> vector & 1)
    gpu.enable_messages()
    gpu.set(INTERRUPT_MASK, 0)
    return gpu


def expect_messages(machine, *wanted):
    wait_until(lambda: messages(machine) == list(wanted), f"the messages {wanted} are {messages(machine)}")


@case
def each_vector_sends_its_message():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = set_up(machine)
        for vector in range(4):
            machine.fill(MESSAGES, 64, 0)
            gpu.set(INTERRUPT_RAISE, 1 << vector)
            expect_messages(machine, *(0xa0 + vector if number == vector else 0 for number in range(4)))


@case
def the_engines_causes_have_their_vectors():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = set_up(machine)
        expect_equal(gpu.run(RING, [fence(RESULT, 1, interrupt=True), fill(1 << 52, 8, 0)]), HALTED, "state")
        expect_messages(machine, 0xa0, 0xa1, 0, 0)
        gpu.set(RING_TAIL, 0xffff)
        expect_messages(machine, 0xa0, 0xa1, 0xa2, 0)


@case
def a_masked_vector_is_pending_until_it_is_unmasked():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = set_up(machine, unmasked=0b1101)
        gpu.set(INTERRUPT_RAISE, 0b0010)
        wait_until(lambda: gpu.pending() == 0b0010, "the pending bit")
        expect_equal(messages(machine), [0, 0, 0, 0], "messages of a masked vector")
        gpu.mask_vector(1, False)
        expect_messages(machine, 0, 0xa1, 0, 0)
        expect_equal(gpu.pending(), 0, "pending bits")


@case
def the_function_mask_holds_all_vectors():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = set_up(machine)
        control = gpu.capability(0x11)
        gpu.write_config(control, 0xc0000000)
        gpu.set(INTERRUPT_RAISE, 0b1010)
        wait_until(lambda: gpu.pending() == 0b1010, "the pending bits")
        expect_equal(messages(machine), [0, 0, 0, 0], "messages of a masked function")
        gpu.write_config(control, 0x80000000)
        expect_messages(machine, 0, 0xa1, 0, 0xa3)


@case
def a_reset_leaves_no_interrupt_behind():
    """Raised, and reset in the same breath; raised and masked, and reset."""
    with Machine("remap-gpu,addr=3") as machine:
        for masked in (0xf, 0):
            gpu = set_up(machine, unmasked=masked)
            machine.send([f"writel {gpu.registers + INTERRUPT_RAISE:#x} 0xf", "outb 0xcf9 0x2", "outb 0xcf9 0x6"])
            machine.receive(3)
            machine.monitor.wait_for("RESET")
            machine.fill(MESSAGES, 64, 0)
            gpu.place()
            expect_equal(gpu.get(INTERRUPT_STATUS), 0, "INTERRUPT_STATUS")
            expect_equal(gpu.get(INTERRUPT_MASK), 0xf, "INTERRUPT_MASK")
            expect_equal(gpu.pending(), 0, "pending bits")
            expect_equal(gpu.read_config(gpu.capability(0x11)) >> 16, 3, "MSI-X control")
            gpu = set_up(machine)
            time.sleep(A_WHILE)
            expect_equal(messages(machine), [0, 0, 0, 0], "messages after a reset")
            gpu.set(INTERRUPT_RAISE, 1)
            expect_messages(machine, 0xa0, 0, 0, 0)


@case
def without_bus_mastering_no_message_leaves():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = set_up(machine)
        gpu.write_config(COMMAND, 0x2)
        gpu.set(INTERRUPT_RAISE, 1)
        time.sleep(A_WHILE)
        expect_equal(messages(machine), [0, 0, 0, 0], "messages")
        expect_equal(gpu.get(INTERRUPT_STATUS), 1, "INTERRUPT_STATUS")


@case
def messages_are_translated_but_those_of_the_interrupt_range_are_not():
    """VT-d 3.15: a write to 0xfeexxxxx is an interrupt request, whatever the tables say; others are memory writes."""
    with Machine("remap-iommu", "remap-gpu,addr=3") as machine:
        gpu = set_up(machine)
        unit = Unit(machine, 0x100000)
        unit.map_page(unit.attach(gpu.source, 1), 0x7000, MESSAGES)
        unit.enable()
        gpu.set_message(0, 0x7040, 0xbeef)
        gpu.set(INTERRUPT_RAISE, 1)
        wait_until(lambda: machine.read32(MESSAGES + 0x40) == 0xbeef, "the message at the translated address")
        gpu.set_message(1, 0xfee00000, 0x41)
        gpu.set(INTERRUPT_RAISE, 2)
        time.sleep(A_WHILE)
        expect_equal(unit.get(FAULT_STATUS), 0, "the IOMMU's FSTS")


@case
def the_iommu_reports_a_fault_by_its_own_message():
    with Machine("remap-iommu", "remap-gpu,addr=3") as machine:
        gpu = set_up(machine)
        unit = Unit(machine, 0x100000)
        unit.set_fault_message(MESSAGES, 0x4321)
        unit.enable()
        expect_equal(gpu.run(RING, [fence(RESULT, 1)]), HALTED, "state")
        wait_until(lambda: machine.read32(MESSAGES) == 0x4321, "the fault event")
        expect_equal(unit.get(FAULT_STATUS), 2, "FSTS: PPF, record 0")
        expect_equal(unit.get(0x220, 8), RING, "the fault's address")
        expect_equal(unit.get(0x228, 8), 0xc000000100000018, "F, a read, reason 1, source 00:03.0")


@case
def a_message_may_go_to_the_devices_own_registers():
    """It is a write like another; the guest gets what it asked for and QEMU goes on."""
    with Machine("remap-iommu", "remap-gpu,addr=3") as machine:
        gpu = set_up(machine)
        registers = FIRST_WINDOW + 64 * MIB
        gpu.set_message(0, registers + INTERRUPT_RAISE, 0b1000)
        gpu.set_message(1, registers + INTERRUPT_STATUS, 0b1111)
        gpu.set(INTERRUPT_RAISE, 1)
        expect_messages(machine, 0, 0, 0, 0xa3)
        gpu.set(INTERRUPT_RAISE, 2)
        wait_until(lambda: gpu.get(INTERRUPT_STATUS) == 0, "the message clears the causes")
        unit = Unit(machine, 0x100000)
        unit.set_fault_message(BASE + FAULT_CONTROL, 0x8000)
        unit.enable()
        expect_equal(gpu.run(RING, [fence(RESULT, 1)]), HALTED, "state")
        expect_equal(unit.get(FAULT_STATUS), 2, "FSTS")
        unit.set(0x18, 0)
        expect_equal(gpu.run(RING, [fence(RESULT, 1)]), IDLE, "state without translation")


main()
