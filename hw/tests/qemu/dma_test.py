#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The GPU's way to memory, with nothing in front of it, behind our IOMMU and behind QEMU's own."""

import os

from gpu import FAULT_ADDRESS, FAULT_STATUS, Gpu, HALTED, IDLE, copy, fence
from machine import MIB, Machine
from tap import case, expect, expect_equal, main
from vtd import PAGE, Unit

TABLES, RING, RESULT = 0x100000, 0x800000, 0xc00000
SOURCE, TARGET = 64 * MIB, 96 * MIB
ROM = 0xfffff000  # the firmware's last page
NOWHERE = 0xd0000000
READ_REFUSED, WRITE_REFUSED, RING_UNREADABLE = 0x0101 | 3 << 16, 0x0201 | 3 << 16, 0x0701  # of a copy

FRONTS = {"nothing": [], "our IOMMU": ["remap-iommu"], "QEMU's own": ["intel-iommu,aw-bits=48"]}

# QEMU's ACPI controller of memory slots on q35 (its docs/specs/acpi_mem_hotplug): select, and bit 3 ejects.
DIMM_SELECT, DIMM_STATUS, DIMM_EJECT = 0xa00, 0xa14, 8


def fronts(*more, **options):
    """A machine of each kind with its GPU, which has its memory's own addresses."""
    for name, devices in FRONTS.items():
        with Machine(*devices, "remap-gpu,addr=3", more=more, **options) as machine:
            yield name, machine, Gpu(machine)


def expect_refused(gpu, front, one, status, address):
    expect_equal(gpu.run(RING, [one]), HALTED, f"state, {front} in front")
    expect_equal(gpu.get(FAULT_STATUS), status, f"FAULT_STATUS, {front} in front")
    expect_equal(gpu.get(FAULT_ADDRESS, 8), address, f"FAULT_ADDRESS, {front} in front")
    gpu.set(0x020, 2)


def expect_copied(machine, gpu, front, to, source, length):
    data = os.urandom(length)
    machine.write(source, data)
    machine.fill(to - 16, length + 32, 0xee)
    expect_equal(gpu.run(RING, [copy(to, source, length)]), IDLE, f"state, {front} in front")
    expect(machine.read(to - 16, length + 32) == b"\xee" * 16 + data + b"\xee" * 16,
           f"{length} bytes from {source:#x} to {to:#x}, {front} in front")


@case
def a_copy_within_memory_moves_exactly_its_bytes():
    for front, machine, gpu in fronts():
        for length in (1, 8, 64, 4095, 4096, 3 * PAGE + 5):
            for to, source in ((TARGET, SOURCE), (TARGET + 8, SOURCE + 3), (TARGET + 0xffd, SOURCE + 0xffb)):
                expect_copied(machine, gpu, front, to, source, length)


@case
def a_copy_between_scattered_pages_goes_where_the_tables_say():
    with Machine("remap-iommu", "remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        unit = Unit(machine, TABLES)
        top = unit.attach(gpu.source, 1)
        for number in range(4):
            unit.map_page(top, 0x10000 + number * PAGE, SOURCE + (number * 3 + 1) % 4 * PAGE)
            unit.map_page(top, 0x20000 + number * PAGE, TARGET + (number + 2) % 4 * PAGE)
        unit.map_page(top, 0x6000, RING)
        unit.enable()
        data = os.urandom(4 * PAGE)
        machine.write(SOURCE, data)
        expect_equal(gpu.run(RING, [copy(0x20000, 0x10000, 4 * PAGE)], ring_at=0x6000), IDLE, "state")
        for number in range(4):
            frame = (number * 3 + 1) % 4 * PAGE
            expect(machine.read(TARGET + (number + 2) % 4 * PAGE, PAGE) == data[frame:frame + PAGE], f"page {number}")


@case
def of_a_copy_the_side_that_was_refused_is_named():
    for front, _machine, gpu in fronts():
        expect_refused(gpu, front, copy(TARGET, NOWHERE, 64), READ_REFUSED, NOWHERE)
        expect_refused(gpu, front, copy(NOWHERE, SOURCE, 64), WRITE_REFUSED, NOWHERE)
        expect_refused(gpu, front, copy(NOWHERE + PAGE, NOWHERE, 64), READ_REFUSED, NOWHERE)


@case
def rom_is_read_and_not_written():
    for front, machine, gpu in fronts():
        machine.write(RESULT, b"\xee" * PAGE)
        expect_equal(gpu.run(RING, [copy(RESULT, ROM, PAGE)]), IDLE, f"state, {front} in front")
        expect(machine.read(RESULT, PAGE) == machine.read(ROM, PAGE), f"the firmware's page, {front} in front")
        expect_refused(gpu, front, copy(ROM, SOURCE, 64), WRITE_REFUSED, ROM)


@case
def without_bus_mastering_nothing_is_reached_until_it_is_back():
    for front, machine, gpu in fronts():
        expect_equal(gpu.run(RING, [fence(RESULT, 1)]), IDLE, f"state, {front} in front")
        gpu.set_command(0x2)
        expect_refused(gpu, front, fence(RESULT, 2), RING_UNREADABLE, RING)
        gpu.set_command(0x6)
        expect_equal(gpu.run(RING, [fence(RESULT, 3)]), IDLE, f"state, {front} in front")
        expect_equal(machine.read64(RESULT), 3, f"the fence, {front} in front")


@case
def memory_is_reached_once_it_is_plugged_in_and_no_more_when_it_is_gone():
    for front, machine, gpu in fronts("-object", "memory-backend-ram,id=more,size=128M",
                                      memory="512M,slots=2,maxmem=4G"):
        for _ in range(3):
            machine.monitor.ask("device_add", driver="pc-dimm", id="dimm", memdev="more")
            [dimm] = machine.monitor.ask("query-memory-devices")
            plugged = dimm["data"]["addr"]
            expect_copied(machine, gpu, front, plugged + 128 * MIB - 64 * PAGE, SOURCE, 32 * PAGE)
            expect_copied(machine, gpu, front, TARGET, plugged + 16, 32 * PAGE)
            machine.monitor.ask("device_del", id="dimm")
            machine.out32(DIMM_SELECT, 0)
            machine.request(f"outb {DIMM_STATUS:#x} {DIMM_EJECT:#x}")
            machine.monitor.wait_for("DEVICE_DELETED")
            expect_refused(gpu, front, copy(TARGET, plugged, 64), READ_REFUSED, plugged)
            expect_refused(gpu, front, copy(plugged, SOURCE, 64), WRITE_REFUSED, plugged)


main()
