#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""GPUs that come and go while they work, and two at a time."""

from gpu import BUSY, FIRST_WINDOW, Gpu, HALTED, IDLE, fence, fill
from machine import MIB, Machine, wait_until
from pci import eject, open_bridge, unplug
from tap import case, expect, expect_equal, main
from vtd import Unit

TABLES, RING, OTHER_RING, RESULT, TARGET = 0x100000, 0x800000, 0xa00000, 0xc00000, 64 * MIB
BRIDGE = "pcie-root-port,id=bridge,addr=4,chassis=1,slot=1"
BUS_WINDOW = FIRST_WINDOW + 256 * MIB
ENDLESS = [fill(TARGET, 16 * MIB, 0x55555555)] * 1023


def plug(machine, name="guest", **options):
    machine.monitor.ask("device_add", driver="remap-gpu", id=name, bus="bridge", **options)
    return Gpu(machine, device=0, bus=1, window=BUS_WINDOW)


def expect_works(machine, gpu, ring=RING):
    machine.write64(RESULT, 0)
    expect_equal(gpu.run(ring, [fence(RESULT, 0x77)]), IDLE, "state after a job")
    expect_equal(machine.read64(RESULT), 0x77, "the job's fence")


def expect_comes_and_goes(*iommu):
    with Machine(*iommu, BRIDGE) as machine:
        for _ in range(10):
            open_bridge(machine, 4, 1, BUS_WINDOW, 256 * MIB)
            gpu = plug(machine)
            expect_works(machine, gpu)
            gpu.submit(RING, ENDLESS, log2_entries=10)
            expect_equal(gpu.state(), BUSY, "state before the unplug")
            expect_equal(machine.threads("remap-gpu"), 1, "engine threads")
            unplug(machine)
            expect_equal(machine.threads("remap-gpu"), 0, "engine threads of no GPU")
            expect_equal(gpu.read_config(0), 0xffffffff, "configuration space of the empty slot")


@case
def a_gpu_is_unplugged_in_the_middle_of_its_work_ten_times():
    expect_comes_and_goes()


@case
def the_same_behind_our_iommu():
    expect_comes_and_goes("remap-iommu")


@case
def the_same_behind_qemus_own_iommu():
    expect_comes_and_goes("intel-iommu,aw-bits=48")


@case
def the_next_gpu_may_come_before_the_last_is_wholly_gone():
    """QEMU frees a device some time after its slot is empty."""
    with Machine(BRIDGE) as machine:
        open_bridge(machine, 4, 1, BUS_WINDOW, 256 * MIB)
        plug(machine, "gpu0")
        for number in range(10):
            eject(machine, f"gpu{number}")
            expect_works(machine, plug(machine, f"gpu{number + 1}"))


@case
def two_gpus_are_two_requesters():
    """One logical address, two spaces; the second GPU's bus got its number after the machine was made."""
    with Machine("remap-iommu", "remap-gpu,addr=3", BRIDGE) as machine:
        open_bridge(machine, 4, 1, BUS_WINDOW, 256 * MIB)
        gpus = [Gpu(machine), plug(machine)]
        expect_equal([gpu.source for gpu in gpus], [0x18, 0x100], "source ids")
        unit = Unit(machine, TABLES)
        for number, (gpu, ring) in enumerate(zip(gpus, (RING, OTHER_RING))):
            top = unit.attach(gpu.source, number + 1)
            unit.map_page(top, 0x5000, TARGET + 0x1000 * number)
            unit.map_page(top, 0x6000, ring)
        unit.enable()
        machine.fill(TARGET, 0x2000, 0)
        for number, (gpu, ring) in enumerate(zip(gpus, (RING, OTHER_RING))):
            packets = [fill(0x5000, 0x1000, 0x01010101 * (number + 1))]
            expect_equal(gpu.run(ring, packets, ring_at=0x6000), IDLE, f"state of GPU {number}")
        expect(machine.read(TARGET, 0x2000) == b"\1" * 0x1000 + b"\2" * 0x1000, "each GPU writes its own page")


@case
def the_number_of_a_bus_may_change_under_a_gpu():
    """Firmware numbers buses anew; a requester is known by the number its bus has now."""
    with Machine("remap-iommu", BRIDGE) as machine:
        open_bridge(machine, 4, 1, BUS_WINDOW, 256 * MIB)
        plug(machine)
        open_bridge(machine, 4, 5, BUS_WINDOW, 256 * MIB)
        gpu = Gpu(machine, device=0, bus=5, window=BUS_WINDOW)
        unit = Unit(machine, TABLES)
        unit.map_page(unit.attach(0x500, 1), 0x6000, RING)
        unit.enable()
        expect_equal(gpu.run(RING, [fence(0x6ff8, 0x55)], ring_at=0x6000), IDLE, "state")
        expect_equal(machine.read64(RING + 0xff8), 0x55, "the fence")


@case
def a_gpu_plugged_with_a_wrong_option_leaves_nothing_behind():
    with Machine(BRIDGE) as machine:
        open_bridge(machine, 4, 1, BUS_WINDOW, 256 * MIB)
        for options in ({"vram": 3 * MIB}, {"address-bits": 31}):
            for _ in range(3):
                try:
                    plug(machine, **options)
                except RuntimeError as error:
                    expect("remap-gpu" in str(error), f"the error speaks of the device: {error}")
                else:
                    raise AssertionError(f"QEMU took {options}")
        wait_until(lambda: machine.threads("remap-gpu") == 0, "no engine thread")
        expect_works(machine, plug(machine))


@case
def a_gpu_without_bus_mastering_reaches_nothing():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        expect_works(machine, gpu)
        gpu.set_command(0x2)
        expect_equal(gpu.run(RING, [fence(RESULT, 1)]), HALTED, "state")
        expect_equal(gpu.get(0x080), 0x00000701, "FAULT_STATUS: ring unreadable")


main()
