#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A GPU on the memory of a process: what the devices say they can, and that nothing of it is lost, or hangs, when the
GPU goes, the machine is reset or moves."""

from gpu import BUSY, FAULT_STATUS, FIRST_WINDOW, Gpu, HALTED, IDLE, fill, packet
from machine import MIB, Machine, wait_until
from migration import moved_by_file
from pci import open_bridge, unplug
from scalable import ATS, Extended, PAGE_STATUS, PASID, PRI, ProcessUnit, QUEUE_ERROR
from tap import case, expect, expect_equal, main
from vtd import BASE, FAULT_STATUS as UNIT_STATUS

TABLES, RING, FRAME, OTHER_FRAME = 0x100000, 0x800000, 64 * MIB, 65 * MIB
PROCESS, PAGE_OF_PROCESS = 7, 0x7f1234567000
UNIT = "remap-iommu,scalable-mode=on,device-iotlb=on,svm=on,device-iotlb-timeout=1000"
GPU = "remap-gpu,addr=3,id=gpu0,vram=4M,ats=on,pri=on,pasid=on"
BRIDGE = "pcie-root-port,id=bridge,addr=4,chassis=1,slot=1"
SMALL = {"memory": "128M"}

TRANSLATION, TRANSLATION_DEBUG, INVALIDATIONS = 0x0c0, 0x0c4, 0x0d8
WAITS_FOR_PAGE = 8  # in STATUS
ITE, ICE = 1 << 6, 1 << 5  # in the unit's status
SECOND = 10 ** 9


def context(pasid):
    return packet(7, flags=8, value=pasid)


def start(machine, gpu):
    """A unit with the process, a GPU that works for it, and one packet that needs a page which is not there."""
    unit = ProcessUnit(machine, TABLES, gpu.source, PROCESS)
    unit.enable()
    Extended(machine, gpu).enable()
    gpu.submit(RING, [context(PROCESS), fill(PAGE_OF_PROCESS, 8, 0x5a5a5a5a)], log2_entries=4)
    return unit


def waits(gpu):
    return gpu.get(0x024) & WAITS_FOR_PAGE


def give(unit, gpu, frame=FRAME):
    """Answers the request that has been made."""
    page, low, high = unit.request()
    expect_equal(page, PAGE_OF_PROCESS, "the page")
    expect_equal(low >> 32 & 0xfffff, PROCESS, "the process")
    expect_equal(low >> 16 & 0xffff, gpu.source, "the device")
    unit.map_process(page, frame)
    unit.answer(low, high)
    unit.wait()


def expect_filled(machine, gpu, frame=FRAME):
    wait_until(lambda: gpu.state() != BUSY, "the packet is done")
    expect_equal((gpu.state(), gpu.get(FAULT_STATUS)), (IDLE, 0), "state and fault")
    expect_equal(machine.read64(frame), 0x5a5a5a5a5a5a5a5a, "the page")


def moved(unit, machine):
    unit.machine = machine
    return unit


@case
def capabilities_are_there_when_they_are_asked_for():
    for options, wanted in (("", {}), (",ats=on", {ATS: 0x100}), (",pasid=on", {PASID: 0x100}),
                            (",ats=on,pasid=on", {ATS: 0x100, PASID: 0x108}),
                            (",ats=on,pri=on", {ATS: 0x100, PRI: 0x108}),
                            (",ats=on,pri=on,pasid=on", {ATS: 0x100, PRI: 0x108, PASID: 0x118})):
        with Machine("remap-gpu,addr=3" + options) as machine:
            extended = Extended(machine, Gpu(machine))
            expect_equal(extended.all(), wanted, f"capabilities with {options!r}")
            status = 0x81000000 if PASID in wanted else 0x01000000  # stopped; answers with a PASID
            for at, value in {ATS: {4: 0x60}, PRI: {4: status, 8: 4, 12: 0}, PASID: {4: 0x1404}}.items():
                for offset, word in value.items():
                    if at in wanted:
                        expect_equal(extended.get(wanted[at] + offset), word, f"{options} {at:#x} at {offset}")


@case
def the_unit_offers_what_it_has():
    for options, bits in (("", 0), (",device-iotlb=on", 1 << 2),
                          (",device-iotlb=on,svm=on,scalable-mode=on", 1 << 2 | 1 << 29 | 1 << 40)):
        with Machine("remap-iommu" + options) as machine:
            expect_equal(machine.read64(BASE + 0x10) & (1 << 2 | 1 << 29 | 1 << 40), bits, f"ECAP with {options!r}")


@case
def a_process_gets_its_page_and_the_gpu_keeps_it_until_it_is_told():
    with Machine(UNIT, GPU, **SMALL) as machine:
        gpu = Gpu(machine)
        unit = start(machine, gpu)
        wait_until(lambda: waits(gpu), "the GPU waits")
        give(unit, gpu)
        expect_filled(machine, gpu)
        unit.map_process(PAGE_OF_PROCESS, OTHER_FRAME)
        unit.forget(PAGE_OF_PROCESS)
        unit.wait()
        machine.write64(FRAME, 0)
        gpu.submit(RING, [context(PROCESS), fill(PAGE_OF_PROCESS, 8, 0x5a5a5a5a)], log2_entries=4)
        expect_filled(machine, gpu)
        unit.tell_device(PAGE_OF_PROCESS)
        unit.wait()
        gpu.submit(RING, [context(PROCESS), fill(PAGE_OF_PROCESS, 8, 0x5a5a5a5a)], log2_entries=4)
        expect_filled(machine, gpu, OTHER_FRAME)
        expect_equal(unit.get(UNIT_STATUS), 0, "the unit's status")


@case
def a_gpu_that_is_unplugged_leaves_what_it_owed_to_the_time_out():
    with Machine(UNIT, BRIDGE, **SMALL) as machine:
        open_bridge(machine, 4, 1, FIRST_WINDOW, 256 * MIB)
        for number in range(3):
            machine.monitor.ask("device_add", driver="remap-gpu", id="guest", bus="bridge", vram=4 * MIB, ats=True,
                                pri=True, pasid=True)
            gpu = Gpu(machine, device=0, bus=1)
            unit = start(machine, gpu)
            _, low, high = unit.request()
            gpu.set(TRANSLATION_DEBUG, 1)
            unit.tell_device(PAGE_OF_PROCESS)
            expect(not unit.done(), "the invalidation waits for the GPU")
            unplug(machine)
            for _ in range(2):
                machine.request(f"clock_step {SECOND}")
            wait_until(lambda: unit.get(UNIT_STATUS) & ITE, "the time is over")
            expect_equal(unit.get(QUEUE_ERROR, 8) >> 32 & 0xffff, gpu.source, f"who did not answer, round {number}")
            unit.set(UNIT_STATUS, ITE)
            unit.answer(low, high)  # to nobody
            unit.wait()
            machine.reset()
            open_bridge(machine, 4, 1, FIRST_WINDOW, 256 * MIB)


@case
def a_reset_forgets_what_was_asked_and_what_was_owed():
    with Machine(UNIT, GPU, **SMALL) as machine:
        gpu = Gpu(machine)
        for _ in range(3):
            unit = start(machine, gpu)
            unit.request()
            gpu.set(TRANSLATION_DEBUG, 1)
            unit.tell_device(PAGE_OF_PROCESS)
            machine.reset()
            gpu.place()
            extended = Extended(machine, gpu)
            at = extended.all()
            expect_equal([extended.get(at[one] + 4) >> 16 & 0x7fff for one in (ATS, PASID)], [0, 0], "controls")
            expect_equal(extended.get(at[PRI] + 4), 0x81000000, "PRI: off, stopped, nothing unexpected")
            expect_equal(gpu.get(TRANSLATION), 0, "TRANSLATION")
            for _ in range(3):
                machine.request(f"clock_step {SECOND}")
            expect_equal(machine.read32(BASE + UNIT_STATUS), 0, "the unit's status")
            expect_equal(machine.read32(BASE + PAGE_STATUS), 0, "PRS")
        unit = start(machine, gpu)
        give(unit, gpu)
        expect_filled(machine, gpu)


@case
def a_gpu_that_waits_for_a_page_gets_it_in_the_machine_it_moved_to():
    with Machine(UNIT, GPU, **SMALL) as source:
        gpu = Gpu(source)
        unit = start(source, gpu)
        wait_until(lambda: waits(gpu), "the GPU waits")
        with moved_by_file(source, gpu, UNIT, GPU, **SMALL) as (machine, gpu_there):
            expect(waits(gpu_there), "the GPU still waits")
            give(moved(unit, machine), gpu_there)
            expect_filled(machine, gpu_there)


@case
def what_the_gpu_keeps_and_what_it_owes_moves_too():
    with Machine(UNIT, GPU, **SMALL) as source:
        gpu = Gpu(source)
        unit = start(source, gpu)
        give(unit, gpu)
        expect_filled(source, gpu)
        gpu.set(TRANSLATION_DEBUG, 1)
        unit.map_process(PAGE_OF_PROCESS, OTHER_FRAME)
        unit.forget(PAGE_OF_PROCESS)
        unit.wait()
        unit.tell_device(PAGE_OF_PROCESS)
        with moved_by_file(source, gpu, UNIT, GPU, **SMALL) as (machine, gpu_there):
            moved(unit, machine)
            expect(not unit.done(), "the wait is not done")
            expect_equal(gpu_there.get(TRANSLATION) & 7, 7, "TRANSLATION")
            gpu_there.set(TRANSLATION_DEBUG, 0)
            unit.wait()
            expect_equal(gpu_there.get(INVALIDATIONS, 8), 1, "INVALIDATIONS")
            gpu_there.submit(RING, [context(PROCESS), fill(PAGE_OF_PROCESS, 8, 0x5a5a5a5a)], log2_entries=4)
            expect_filled(machine, gpu_there, OTHER_FRAME)
            expect_equal(unit.get(UNIT_STATUS), 0, "the unit's status")


@case
def the_time_that_a_gpu_has_goes_on_in_the_machine_it_moved_to():
    with Machine(UNIT, GPU, **SMALL) as source:
        gpu = Gpu(source)
        unit = start(source, gpu)
        gpu.set(TRANSLATION_DEBUG, 1)
        unit.tell_device(PAGE_OF_PROCESS)
        with moved_by_file(source, gpu, UNIT, GPU, **SMALL) as (machine, gpu_there):
            moved(unit, machine)
            for _ in range(3):
                machine.request(f"clock_step {SECOND}")
            wait_until(lambda: unit.get(UNIT_STATUS) & ITE, "the time is over")
            unit.set(UNIT_STATUS, ITE)
            gpu_there.set(TRANSLATION_DEBUG, 0)
            wait_until(lambda: unit.get(UNIT_STATUS) & ICE, "the answer comes too late")
            expect_equal(unit.get(QUEUE_ERROR, 8) >> 48, gpu_there.source, "whose")


@case
def without_our_unit_nobody_translates():
    with Machine(GPU, **SMALL) as machine:
        gpu = Gpu(machine)
        extended = Extended(machine, gpu)
        extended.enable()
        expect_equal(gpu.run(RING, [context(PROCESS)], log2_entries=4), HALTED, "state")
        expect_equal(gpu.get(FAULT_STATUS) & 0xffff, 0x0701, "FAULT_STATUS: ring unreadable")


main()
