#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Interrupt remapping with the numbers of VT-d's chapter 5: what reaches the processor's local APIC, what the unit
records, and what the device counts. The guest suites have the rest; here is what a guest cannot see or does not do."""

import time

from gpu import Gpu, FIRST_WINDOW
from machine import MIB, Machine, wait_until
from migration import incoming, migrate, on
from pci import open_bridge
from remapping import CFI, IRE, QIE, Remapping, SIRTP, TABLE, pending, request, send, set_up, vector_word
from tap import case, expect, expect_equal, main
from vtd import BASE

A_WHILE = 0.02  # seconds, after which what was not sent will not come
IOAPIC_SELECT, IOAPIC_WINDOW = 0xfec00000, 0xfec00010


def counter(machine, name):
    return machine.monitor.ask("qom-get", path="/machine/peripheral/unit", property=name)


@case
def a_message_reaches_the_processor_as_its_entry_says():
    with Machine("remap-iommu,id=unit", "remap-gpu,addr=3") as machine:
        unit, gpu = Remapping(machine), set_up(machine)
        unit.entry(1, vector_word(0x61), source=0x18)
        send(gpu, 1)
        wait_until(lambda: pending(machine) == [0x61], "the vector is pending")
        expect_equal(counter(machine, "interrupts"), 1, "interrupts")
        expect_equal(counter(machine, "interrupt-fetches"), 1, "interrupt-fetches")
        send(gpu, 1)
        wait_until(lambda: counter(machine, "interrupts") == 2, "the second one")
        expect_equal(counter(machine, "interrupt-fetches"), 1, "interrupt-fetches")
        expect_equal(unit.get(0x34), 0, "FSTS")


@case
def what_is_refused_is_recorded_with_its_index():
    with Machine("remap-iommu", "remap-gpu,addr=3") as machine:
        unit, gpu = Remapping(machine), set_up(machine)
        send(gpu, 2)
        expect_equal(unit.fault(), (2 << 48, 0x8000002200000018), "a fault: F, reason 22h, source 00:03.0")
        unit.entry(2, vector_word(0x61), source=0x20)
        send(gpu, 2)
        expect_equal(unit.fault(), (2 << 48, 0x8000002600000018), "reason 26h")
        gpu.set_message(2, 0xfee00000, 0x61)
        send(gpu, 2)
        expect_equal(unit.fault(), (0, 0x8000002500000018), "reason 25h")
        time.sleep(A_WHILE)
        expect_equal(pending(machine), [], "pending vectors")
        unit.set(0x18, QIE | IRE | CFI)
        send(gpu, 2)
        wait_until(lambda: pending(machine) == [0x61], "compatibility format passes")


@case
def a_device_behind_a_bridge_has_the_bus_of_the_bridge():
    with Machine("remap-iommu", "pcie-root-port,id=bridge,chassis=1,addr=2", "remap-gpu,bus=bridge,addr=0") as machine:
        open_bridge(machine, 2, 5, FIRST_WINDOW, 256 * MIB)
        gpu = set_up(machine, Gpu(machine, device=0, bus=5))
        unit = Remapping(machine)
        unit.entry(0, vector_word(0x62), source=0x500)
        send(gpu, 0)
        wait_until(lambda: pending(machine) == [0x62], "the vector is pending")
        unit.entry(1, vector_word(0x63), source=0x0)
        send(gpu, 1)
        expect_equal(unit.fault(), (1 << 48, 0x8000002600000500), "reason 26h, source 05:00.0")


@case
def a_reset_ends_remapping():
    with Machine("remap-iommu", "remap-gpu,addr=3") as machine:
        unit, gpu = Remapping(machine), set_up(machine)
        unit.entry(0, vector_word(0x61))
        send(gpu, 0)
        wait_until(lambda: pending(machine) == [0x61], "the vector is pending")
        machine.reset()
        expect_equal(unit.get(0x1c), 0, "GSTS")
        expect_equal(unit.get(0xb8, 8), 0, "IRTA")
        gpu.place()
        set_up(machine, gpu)
        gpu.set_message(0, 0xfee00000, 0x64)
        send(gpu, 0)
        wait_until(lambda: pending(machine) == [0x64], "a message passes as it is")
        machine.fill(TABLE, 4096, 0)
        unit = Remapping(machine)
        gpu.set_message(0, request(0), 0)
        send(gpu, 0)
        expect_equal(unit.fault(), (0, 0x8000002200000018), "no entry is cached from before: reason 22h")


@case
def a_forgotten_invalidation_is_counted_and_told():
    with Machine("remap-iommu,id=unit,stale-check=on,stale-grace=0", "remap-gpu,addr=3") as machine:
        unit, gpu = Remapping(machine), set_up(machine)
        unit.entry(3, vector_word(0x61), source=0x18)
        send(gpu, 3)
        wait_until(lambda: pending(machine) == [0x61], "the vector is pending")
        expect_equal(counter(machine, "stale-uses"), 0, "stale-uses")
        unit.entry(3, vector_word(0x71), source=0x18)
        send(gpu, 3)
        wait_until(lambda: counter(machine, "stale-uses") == 1, "it is counted")
        expect_equal(pending(machine), [0x61], "pending vectors")
        report = counter(machine, "stale-report")
        expect(report.startswith("device 00:03.0, interrupt 3: served message 0xfee00000 0x4061") and
               f"memory says message 0xfee00000 0x4071, by the entry at {TABLE + 48:#x}" in report, report)
        unit.forget(3)
        send(gpu, 3)
        wait_until(lambda: pending(machine) == [0x61, 0x71], "the new vector is pending")
        expect_equal(counter(machine, "stale-uses"), 1, "stale-uses")


def set_line(machine, pin, low, high):
    for register, value in ((0x11 + 2 * pin, high), (0x10 + 2 * pin, low)):
        machine.write32(IOAPIC_SELECT, register)
        machine.write32(IOAPIC_WINDOW, value)


def pulse_timer(machine):
    """Its counter 0 comes to its end once, which is an edge on the IOAPIC's pin 2."""
    for line in ("outb 0x43 0x30", "outb 0x40 1", "outb 0x40 0", "clock_step 1000000"):
        machine.request(line)


@case
def a_line_of_the_ioapic_has_a_source_that_can_be_checked():
    for check in ("off", "on"):
        with Machine(f"remap-iommu,id=unit,ioapic-source-check={check}", "remap-gpu,addr=3") as machine:
            unit = Remapping(machine)
            unit.entry(7, vector_word(0x65), source=0xff00)
            set_line(machine, 2, 0x65, 7 << 17 | 1 << 16)
            pulse_timer(machine)
            wait_until(lambda m=machine: pending(m) == [0x65], "the line's vector is pending")
            expect_equal(counter(machine, "unverified-interrupts"), 0, "unverified-interrupts")
            unit.entry(8, vector_word(0x66), source=0x18)
            set_line(machine, 2, 0x66, 8 << 17 | 1 << 16)
            pulse_timer(machine)
            if check == "on":
                expect_equal(unit.fault(), (8 << 48, 0x800000260000ff00), "reason 26h, source ff:00.0")
            else:
                wait_until(lambda m=machine: pending(m) == [0x65, 0x66], "the vector of an entry for another source")
                expect_equal(counter(machine, "unverified-interrupts"), 1, "unverified-interrupts")


@case
def a_machine_that_takes_the_place_of_another_has_its_entries():
    devices = "remap-iommu,id=unit", "remap-gpu,addr=3"
    with Machine(*devices) as source, incoming(*devices) as target:
        unit, gpu = Remapping(source), set_up(source)
        unit.entry(1, vector_word(0x61))
        unit.entry(2, vector_word(0x62))
        send(gpu, 1)
        wait_until(lambda: pending(source) == [0x61], "the vector is pending")
        unit.entry(1, vector_word(0x71))
        migrate(source, target)
        unit, gpu = on(target, unit), on(target, gpu)
        expect_equal(unit.get(0x1c), QIE | IRE | SIRTP, "GSTS")
        expect_equal(unit.get(0xb8, 8), TABLE | 7, "IRTA")
        expect_equal(pending(target), [0x61], "pending vectors")
        send(gpu, 2)
        wait_until(lambda: pending(target) == [0x61, 0x62], "an entry of the table")
        send(gpu, 1)
        wait_until(lambda: counter(target, "interrupts") == 3, "the interrupt is taken")
        expect_equal(pending(target), [0x61, 0x62], "the entry is the one that was cached")
        unit.forget(1)
        send(gpu, 1)
        wait_until(lambda: pending(target) == [0x61, 0x62, 0x71], "the entry as it is now")


@case
def extended_mode_is_an_option():
    for options, ecap, irta in (("eim=on", 0xf00f5b, TABLE | 0x807), ("eim=off", 0xf00f4b, TABLE | 7)):
        with Machine("remap-iommu," + options) as machine:
            expect_equal(machine.read64(BASE + 0x10), ecap, "ECAP with " + options)
            machine.write64(BASE + 0xb8, TABLE | 0x807)
            expect_equal(machine.read64(BASE + 0xb8), irta, "IRTA with " + options)


@case
def without_the_option_messages_pass_and_registers_are_not_there():
    with Machine("remap-iommu,intremap=off", "remap-gpu,addr=3") as machine:
        gpu = set_up(machine)
        machine.write64(BASE + 0xb8, TABLE | 7)
        machine.write32(BASE + 0x18, IRE | SIRTP)
        expect_equal(machine.read64(BASE + 0xb8), 0, "IRTA")
        expect_equal(machine.read32(BASE + 0x1c), 0, "GSTS")
        gpu.set_message(0, 0xfee00000, 0x64)
        send(gpu, 0)
        wait_until(lambda: pending(machine) == [0x64], "the message as it is")


main()
