#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trace events: each comes when what it tells of happens, with the right fields, and none comes unasked."""

import os
import struct
import tempfile

from gpu import (COMPLETED_FENCE, FIRST_WINDOW, Gpu, HALTED, IDLE, INTERRUPT_MASK, INTERRUPT_RAISE, IN_VRAM, fence, fill)
from machine import MIB, Machine, wait_until
from tap import case, expect, expect_equal, main
from vtd import (FAULT_CONTROL, GLOBAL_COMMAND, GLOBAL_STATUS, QIE, QUEUE_ADDRESS, QUEUE_TAIL, RTPS, TE, Unit)

TABLES, QUEUE, RING, TARGET, MESSAGES = 0x400000, 0x700000, 0x800000, 0xc00000, 0xd00000
GPU = 3 << 3  # its source id
LOGICAL_RING, LOGICAL, NOWHERE = 0x40000000, 0x40001000, 0x50000000
DOMAIN = 5


class Traced(Machine):
    """A machine that writes events, all of a pattern from the beginning on, to a file."""

    def __init__(self, *devices, events=None, more=()):
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.path = os.path.join(self.folder.name, "trace")
        asked = ["-trace", events] if events else []
        super().__init__(*devices, more=[*asked, "-D", self.path, *more])

    def lines(self, event):
        """What came of it so far, without its name."""
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as file:
            found = [line.rstrip("\n").partition(" ") for line in file]
        return [rest for name, _, rest in found if name == event]

    def wait_for(self, event, line):
        wait_until(lambda: line in self.lines(event), f"{event} {line!r} is not among {self.lines(event)}")

    def watch(self, event, enable=True):
        self.monitor.ask("trace-event-set-state", name=event, enable=enable)


def remapped(events, options=""):
    return Traced("remap-iommu" + options, "remap-gpu,addr=3", events=events)


class Bench:
    """The GPU in a domain of its own, with two pages: its ring and a page of data."""

    def __init__(self, machine):
        self.machine = machine
        self.gpu = Gpu(machine)
        self.unit = Unit(machine, TABLES)
        self.top = self.unit.attach(GPU, DOMAIN)
        self.unit.map_page(self.top, LOGICAL_RING, RING)
        self.unit.map_page(self.top, LOGICAL, TARGET)
        self.unit.enable()

    def run(self, *packets):
        return self.gpu.run(RING, list(packets), ring_at=LOGICAL_RING)

    def leaf_at(self, logical):
        """Where the entry of a page lies."""
        table = self.top
        for shift in (39, 30, 21):
            table = self.machine.read64(table + 8 * (logical >> shift & 511)) & ~0xfff
        return table + 8 * (logical >> 12 & 511)

    def start_queue(self):
        self.machine.fill(QUEUE, 4096, 0)
        self.unit.set(QUEUE_ADDRESS, QUEUE, 8)
        self.unit.set(GLOBAL_COMMAND, TE | QIE)
        wait_until(lambda: self.unit.get(GLOBAL_STATUS) & QIE, "the queue is on")

    def submit(self, *descriptors):
        self.machine.write(QUEUE, b"".join(struct.pack("<QQ", *one) for one in descriptors))
        self.unit.set(QUEUE_TAIL, 16 * len(descriptors), 8)


@case
def nothing_is_traced_unasked():
    with Traced("remap-iommu", "remap-gpu,addr=3") as machine:
        expect_equal(Bench(machine).run(fill(NOWHERE, 8, 0)), HALTED, "state")
        expect(not os.path.exists(machine.path) or os.path.getsize(machine.path) == 0, "there is a trace")


@case
def an_event_can_be_switched_on_and_off_while_the_machine_runs():
    with Traced("remap-iommu") as machine:
        unit = Unit(machine, TABLES)
        unit.get(0x00)
        machine.watch("remap_iommu_register_read")
        unit.get(0x08, 8)
        machine.watch("remap_iommu_register_read", False)
        unit.get(0x10, 8)
        lines = machine.lines("remap_iommu_register_read")
        expect_equal([line.split()[1] for line in lines], ["0x8"], "offsets read")


@case
def the_option_d_takes_patterns_too():
    with Traced("remap-gpu,addr=3", more=["-d", "trace:remap_gpu_*"]) as machine:
        gpu = Gpu(machine)
        gpu.get(0x000)
        machine.wait_for("remap_gpu_register_read", f"source {GPU:#x} offset 0x0 size 4 value 0x50414d52")


@case
def registers_of_the_iommu():
    with Traced("remap-iommu", events="remap_iommu_register_*") as machine:
        unit = Unit(machine, TABLES)
        unit.set(FAULT_CONTROL, 0x80000000)
        unit.set(0x20, 0x1234000, 8)
        unit.get(0x20, 8)
        machine.wait_for("remap_iommu_register_write", "offset 0x38 size 4 value 0x80000000")
        machine.wait_for("remap_iommu_register_write", "offset 0x20 size 8 value 0x1234000")
        machine.wait_for("remap_iommu_register_read", "offset 0x20 size 8 value 0x1234000")


@case
def a_translation_is_told_each_time_and_a_walk_once():
    with remapped("remap_iommu_*") as machine:
        bench = Bench(machine)
        packets = [fill(LOGICAL + 8, 8, 0), fill(LOGICAL + 16, 8, 0)]
        expect_equal(bench.run(*packets), IDLE, "state")
        told = machine.lines("remap_iommu_translate")
        for offset in (8, 16):
            line = f"source {GPU:#x} address {LOGICAL + offset:#x} write 1 allowed 1 to {TARGET + offset:#x} granule 0x1000"
            expect_equal(told.count(line), 1, f"times of {line!r} in {told}")
        leaf = bench.leaf_at(LOGICAL)
        walks = [line for line in machine.lines("remap_iommu_walk") if f"entry at {leaf:#x}" in line]
        expect_equal(walks, [f"source {GPU:#x} address {LOGICAL + 8:#x} write 1 ends at the entry at {leaf:#x}: "
                             f"{TARGET | 3:#x}"], "walks")


@case
def a_refused_translation_is_told_with_its_fault():
    with remapped("remap_iommu_*") as machine:
        bench = Bench(machine)
        fault = f"source {GPU:#x} address {NOWHERE:#x} write 1 pasid -1 reason 0x5 (no write permission) "
        expect_equal(bench.run(fill(NOWHERE, 8, 0)), HALTED, "state")
        machine.wait_for("remap_iommu_translate",
                         f"source {GPU:#x} address {NOWHERE:#x} write 1 allowed 0 to 0x0 granule 0x0")
        expect_equal(machine.lines("remap_iommu_fault"), [fault + "recorded"], "faults")
        expect_equal(bench.run(fill(NOWHERE, 8, 0)), HALTED, "state")
        expect_equal(machine.lines("remap_iommu_fault"), [fault + "recorded", fault + "collapsed"], "faults")


@case
def a_fault_that_finds_no_place_and_one_that_is_silenced_are_told():
    with remapped("remap_iommu_fault") as machine:
        bench = Bench(machine)
        for page in range(9):
            bench.run(fill(NOWHERE + (page << 12), 8, 0))
        fates = [line.split()[-1] for line in machine.lines("remap_iommu_fault")]
        expect_equal(fates, ["recorded"] * 8 + ["lost"], "fates")
        context = (machine.read64(bench.unit.root) & ~0xfff) + 16 * GPU
        machine.write64(context, machine.read64(context) | 2)
        bench.unit.invalidate()
        bench.run(fill(NOWHERE, 8, 0))
        expect_equal(machine.lines("remap_iommu_fault")[-1].split()[-1], "silenced", "fate")


@case
def invalidations_by_register():
    with remapped("remap_iommu_invalidate") as machine:
        unit = Unit(machine, TABLES)
        unit.invalidate()
        unit.set(0x28, 1 << 63 | 3 << 61 | 0x18 << 16 | 7, 8)
        wait_until(lambda: not unit.get(0x28, 8) >> 63, "the invalidation ends")
        unit.set(0xf0, 0x12345000 | 1 << 6 | 4, 8)
        unit.set(0xf8, 1 << 63 | 3 << 60 | 7 << 32, 8)
        wait_until(lambda: not unit.get(0xf8, 8) >> 63, "the invalidation ends")
        nothing = "domain 0 source 0x0 pasid 0 first 0x0 count 0 leaves only 0"
        expect_equal(machine.lines("remap_iommu_invalidate"), [
            "context scope all " + nothing,
            "iotlb scope all " + nothing,
            "context scope device domain 7 source 0x18 pasid 0 first 0x0 count 0 leaves only 0",
            "iotlb scope pages domain 7 source 0x0 pasid 0 first 0x12340000 count 16 leaves only 1",
        ], "invalidations")


@case
def the_queue_its_waits_and_its_errors():
    with remapped("remap_iommu_*") as machine:
        bench = Bench(machine)
        bench.start_queue()
        bench.submit((DOMAIN << 16 | 2 << 4 | 2, 0), (1 << 4 | 4 | 3 << 27 | 0x18 << 32, 0),
                     (0xabcd << 32 | 1 << 5 | 5, TARGET), (0xf, 0))
        machine.wait_for("remap_iommu_queue_stopped", "error 3 head 0x30")
        expect_equal(machine.lines("remap_iommu_invalidate"), [
            f"iotlb scope domain domain {DOMAIN} source 0x0 pasid 0 first 0x0 count 0 leaves only 0",
            "interrupt-entry scope entries domain 0 source 0x0 pasid 0 first 0x18 count 8 leaves only 0",
        ], "invalidations")
        expect_equal(machine.lines("remap_iommu_wait_done"),
                     [f"status write 1 address {TARGET:#x} data 0xabcd interrupt 0"], "waits")


@case
def scalable_modes_invalidations():
    with remapped("remap_iommu_invalidate", ",scalable-mode=on") as machine:
        unit = Unit(machine, TABLES)
        machine.fill(QUEUE, 4096, 0)
        unit.set(QUEUE_ADDRESS, QUEUE | 1 << 11, 8)
        unit.set(0x20, unit.root | 1 << 10, 8)
        unit.set(GLOBAL_COMMAND, RTPS | QIE)
        wait_until(lambda: unit.get(GLOBAL_STATUS) & QIE, "the queue is on")
        wide = [(3 << 4 | 7, 0), (0x42 << 32 | 7 << 16 | 1 << 4 | 7, 0), (0x42 << 32 | 7 << 16 | 2 << 4 | 6, 0),
                (0x42 << 32 | 7 << 16 | 3 << 4 | 6, 0x12345000 | 2)]
        machine.write(QUEUE, b"".join(struct.pack("<QQQQ", *one, 0, 0) for one in wide))
        unit.set(QUEUE_TAIL, 32 * len(wide), 8)
        wait_until(lambda: len(machine.lines("remap_iommu_invalidate")) == 4, "the invalidations")
        expect_equal(machine.lines("remap_iommu_invalidate"), [
            "pasid-entry scope all domain 0 source 0x0 pasid 0 first 0x0 count 0 leaves only 0",
            "pasid-entry scope pasid domain 7 source 0x0 pasid 66 first 0x0 count 0 leaves only 0",
            "pasid-iotlb scope pasid domain 7 source 0x0 pasid 66 first 0x0 count 0 leaves only 0",
            "pasid-iotlb scope pages domain 7 source 0x0 pasid 66 first 0x12344000 count 4 leaves only 0",
        ], "invalidations")


@case
def a_stale_use_is_told():
    with remapped("remap_iommu_stale_use", ",stale-check=on,stale-grace=0") as machine:
        bench = Bench(machine)
        expect_equal(bench.run(fill(LOGICAL, 8, 0)), IDLE, "state")
        expect_equal(machine.lines("remap_iommu_stale_use"), [], "stale uses of a correct guest")
        machine.write64(bench.leaf_at(LOGICAL), 0)
        expect_equal(bench.run(fill(LOGICAL, 8, 0)), IDLE, "state")
        [line] = machine.lines("remap_iommu_stale_use")
        expect(line.startswith(f"device 00:03.0, write at {LOGICAL:#x}: served {TARGET:#x} of domain {DOMAIN}, "), line)
        expect("memory says no write permission" in line, line)


@case
def messages_of_the_unit_and_of_devices():
    with remapped("remap_iommu_*") as machine:
        bench = Bench(machine)
        bench.unit.set_fault_message(MESSAGES, 0xf00d)
        bench.run(fill(NOWHERE, 8, 0))
        machine.wait_for("remap_iommu_message", f"cause 0 address {MESSAGES:#x} data 0xf00d")
        bench.gpu.set_message(0, 0xfee00000, 0x41)
        bench.gpu.enable_messages()
        bench.gpu.set(INTERRUPT_MASK, 0)
        bench.gpu.set(INTERRUPT_RAISE, 1)
        machine.wait_for("remap_iommu_interrupt",
                         f"source {GPU:#x} address 0xfee00000 data 0x41 allowed 1 to address 0xfee00000 data 0x41")


@case
def a_refused_interrupt_is_told_with_its_fault():
    with remapped("remap_iommu_interrupt*") as machine:
        gpu = Gpu(machine)
        unit = Unit(machine, TABLES)
        table = unit.new_table()
        unit.set(0xb8, table | 7, 8)
        unit.set(GLOBAL_COMMAND, 1 << 24)
        wait_until(lambda: unit.get(GLOBAL_STATUS) & 1 << 24, "the interrupt table is set")
        unit.set(GLOBAL_COMMAND, 1 << 25)
        gpu.set_message(0, 0xfee00000 | 1 << 4 | 9 << 5, 0)
        gpu.enable_messages()
        gpu.set(INTERRUPT_MASK, 0)
        gpu.set(INTERRUPT_RAISE, 1)
        machine.wait_for("remap_iommu_interrupt", f"source {GPU:#x} address {0xfee00000 | 1 << 4 | 9 << 5:#x} data 0x0 "
                         "allowed 0 to address 0x0 data 0x0")
        machine.wait_for("remap_iommu_interrupt_fault",
                         f"source {GPU:#x} index 9 reason 0x22 (interrupt entry not present) recorded")


@case
def packets_faults_dma_and_messages_of_the_gpu():
    with Traced("remap-gpu,addr=3", events="remap_gpu_*") as machine:
        gpu = Gpu(machine)
        for vector in range(4):
            gpu.set_message(vector, MESSAGES + 16 * vector, 0xa0 + vector)
        gpu.enable_messages()
        gpu.set(INTERRUPT_MASK, 0)
        expect_equal(gpu.run(RING, [fill(0x1000, 0x20, 0, IN_VRAM), fence(TARGET, 9, interrupt=True),
                                    fill(1 << 52, 8, 0)]), HALTED, "state")
        expect_equal(gpu.get(COMPLETED_FENCE, 8), 9, "the fence")
        expect_equal(machine.lines("remap_gpu_packet"), [
            f"source {GPU:#x} entry 0 opcode 2 flags 0x1 destination 0x1000 from 0x0 length 0x20 width 0 lines 0",
            f"source {GPU:#x} entry 1 opcode 6 flags 0x4 destination {TARGET:#x} from 0x0 length 0x0 width 0 lines 0",
            f"source {GPU:#x} entry 2 opcode 2 flags 0x0 destination {1 << 52:#x} from 0x0 length 0x8 width 0 lines 0",
        ], "packets")
        expect_equal(machine.lines("remap_gpu_fault"),
                     [f"source {GPU:#x} entry 2 opcode 2 cause 2 address {1 << 52:#x}"], "faults")
        for line in (f"address {RING:#x} write 0 size 192 allowed 1 snoop 1",
                     f"address {TARGET:#x} write 1 size 8 allowed 1 snoop 1",
                     f"address {1 << 52:#x} write 1 size 8 allowed 0 snoop 1"):
            machine.wait_for("remap_gpu_dma", f"source {GPU:#x} {line}")
        for vector in (0, 1):
            machine.wait_for("remap_gpu_interrupt", f"source {GPU:#x} vector {vector}")
        machine.wait_for("remap_gpu_register_write", f"source {GPU:#x} offset 0x20 size 4 value 0x1")


main()
