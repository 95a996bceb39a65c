#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A reset of the machine in the middle of the GPU's work: everything is as after power-on, and the machine goes on."""

from gpu import BUSY, FIRST_WINDOW, Gpu, IDLE, RESET_VALUES, RING_TAIL, fence, fill
from machine import MIB, Machine
from pci import open_bridge
from tap import case, expect, expect_equal, main
from vtd import RESET_VALUES as UNIT_RESET_VALUES, Unit

TABLES, RING, RESULT = 0x100000, 0x800000, 0xc00000
# The same addresses for the device, as logical ones, and for the machine, where nobody writes.
UNTOUCHED = 64 * MIB
TARGET = 256 * MIB
SIZE = 16 * MIB
ENDLESS = [fill(UNTOUCHED, SIZE, 0x55555555)] * 1023  # 16 GiB: seconds of work


def expect_registers(device, values, name):
    for offset, size, value in values:
        expect_equal(device.get(offset, size), value, f"{name} {offset:#05x}")


def expect_sane(machine, gpu):
    gpu.place()
    machine.fill(RESULT, 64, 0)
    expect_equal(gpu.run(RING, [fill(RESULT, 16, 0x44332211), fence(RESULT + 32, 0x77)]), IDLE, "state after a job")
    expect_equal(machine.read(RESULT, 20), bytes.fromhex("11223344" * 4 + "00000000"), "what the job wrote")
    expect_equal(machine.read64(RESULT + 32), 0x77, "the job's fence")


def start_endless_work(machine, gpu):
    """The ring lies at the same logical address as physical."""
    unit = Unit(machine, TABLES)
    top = unit.attach(gpu.source, 1)
    unit.map_large(top, UNTOUCHED, TARGET, SIZE)
    unit.map_large(top, RING, RING, 2 * MIB)
    unit.enable()
    unit.invalidate()
    gpu.submit(RING, ENDLESS, log2_entries=10)
    return unit


@case
def registers_are_as_after_power_on_twenty_times():
    with Machine("remap-iommu", "remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        for _ in range(20):
            unit = start_endless_work(machine, gpu)
            expect_equal(gpu.state(), BUSY, "state in the middle of the work")
            machine.reset()
            expect_registers(unit, UNIT_RESET_VALUES, "IOMMU")
            gpu.place()
            expect_registers(gpu, RESET_VALUES, "GPU")
            expect_sane(machine, gpu)


@case
def a_reset_empties_the_caches():
    with Machine("remap-iommu", "remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        for target in (TARGET, TARGET + 2 * MIB, TARGET + 4 * MIB):
            unit = Unit(machine, TABLES)
            top = unit.attach(gpu.source, 1)
            unit.map_page(top, 0x7000, target)
            unit.map_large(top, RING, RING, 2 * MIB)
            unit.enable()  # and no invalidation
            expect_equal(gpu.run(RING, [fill(0x7000, 4, 0x600d0000 | target >> 20)]), IDLE, "state")
            expect_equal(machine.read32(target), 0x600d0000 | target >> 20, f"memory at {target:#x}")
            machine.reset()
            gpu.place()


def expect_no_untranslated_write(iommu):
    with Machine(iommu, "remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        machine.fill(UNTOUCHED, SIZE, 0xaa)
        for _ in range(20):
            start_endless_work(machine, gpu)
            machine.reset()
            gpu.place()
        expect(machine.read(UNTOUCHED, SIZE) == b"\xaa" * SIZE, "the GPU wrote to logical addresses as physical ones")
        expect_sane(machine, gpu)


@case
def the_gpu_is_quiet_before_our_iommu_forgets():
    expect_no_untranslated_write("remap-iommu")


@case
def the_gpu_is_quiet_before_qemus_iommu_forgets():
    expect_no_untranslated_write("intel-iommu,aw-bits=48")


def behind_a_port(*iommu):
    return Machine(*iommu, "pcie-root-port,id=bridge,addr=4,chassis=1,slot=1", "remap-gpu,bus=bridge")


def reset_bus_in_one_go(machine, packets):
    """Doorbell, a while, and a reset of the bus, all without QEMU's main loop giving up its big lock once: a thread
    that wants it waits through all of that, and a reset that waits for such a thread never ends."""
    open_bridge(machine, 4, 1, FIRST_WINDOW, 256 * MIB)
    gpu = Gpu(machine, device=0, bus=1)
    doorbell = f"writel {gpu.registers + RING_TAIL:#x} {gpu.start(RING, packets):#x}"
    a_while = f"memset {256 * MIB:#x} {128 * MIB:#x} 0x1"
    bridge_control = 0x80000000 | 4 << 11 | 0x3c
    machine.batch([doorbell, a_while, f"outl 0xcf8 {bridge_control:#x}", "outl 0xcfc 0x400000", "outl 0xcfc 0x0"])
    gpu.place()
    expect_registers(gpu, RESET_VALUES, "GPU")
    expect_sane(machine, gpu)


@case
def a_bus_reset_does_not_wait_for_a_write_to_rom():
    with behind_a_port() as machine:
        for _ in range(5):
            reset_bus_in_one_go(machine, [fill(0xfffff000, 16, 0x55555555)])


@case
def a_bus_reset_does_not_wait_for_an_access_that_waits_for_the_main_loop():
    with behind_a_port("intel-iommu,aw-bits=48") as machine:
        for _ in range(5):
            reset_bus_in_one_go(machine, [fill(RESULT, 16 * MIB, 0x55555555)])


main()
