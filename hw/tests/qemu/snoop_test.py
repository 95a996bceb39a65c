#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No-snoop DMA of the GPU in a machine: who wants it, who lets it, and who overrules it, as its DMA's trace tells."""

import os
import tempfile

from gpu import FIRST_WINDOW, Gpu, IDLE, NO_SNOOP, NO_SOURCE_SNOOP, copy, fence
from machine import MIB, Machine, wait_until
from pci import open_bridge
from scalable import ATS, Extended
from snoop import ENABLE_NO_SNOOP, allow_no_snoop, control_of
from tap import case, expect_equal, main
from vtd import Unit

SNP = 1 << 11  # of a second-stage leaf
TABLES, RING, FROM, TO = 0x400000, 0x800000, 0xc00000, 0xd00000


class Traced(Machine):
    def __init__(self, *devices):
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.path = os.path.join(self.folder.name, "trace")
        super().__init__(*devices, more=["-trace", "remap_gpu_dma", "-D", self.path])

    def snoops(self):
        """Of each access so far: whether it writes, where, and whether it snoops."""
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as file:
            words = [line.split() for line in file if line.startswith("remap_gpu_dma ")]
        # source S address A write W size N allowed B snoop B
        return [(int(word[6]), int(word[4], 16), int(word[12])) for word in words]


def accesses_of_a_copy(machine, gpu, flags, to=TO, source=FROM):
    """Whether the read and the write of a copy with these flags snoop."""
    before = len(machine.snoops())
    expect_equal(gpu.run(RING, [copy(to, source, 64, flags), fence(TO + 0x1000, 1)]), IDLE, "state")
    wait_until(lambda: len(machine.snoops()) == before + 4, "the accesses are traced")
    ring, read, write, last = machine.snoops()[before:]
    expect_equal(ring, (0, RING, 1), "the ring")
    expect_equal(last, (1, TO + 0x1000, 1), "the fence")
    expect_equal((read[:2], write[:2]), ((0, source), (1, to)), "the copy")
    return read[2], write[2]


@case
def no_snoop_is_enabled_by_a_reset_and_can_be_disabled():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        for _ in range(2):
            expect_equal(gpu.read_config(control_of(gpu)) & 0xffff, ENABLE_NO_SNOOP, "Device Control after a reset")
            allow_no_snoop(gpu, False)
            expect_equal(gpu.read_config(control_of(gpu)) & 0xffff, 0, "Device Control")
            machine.reset()
            gpu.place()


@case
def each_side_of_a_copy_snoops_unless_its_flag_is_set():
    with Traced("remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        for flags, snoops in ((0, (1, 1)), (NO_SNOOP, (1, 0)), (NO_SOURCE_SNOOP, (0, 1)),
                              (NO_SNOOP | NO_SOURCE_SNOOP, (0, 0))):
            expect_equal(accesses_of_a_copy(machine, gpu, flags), snoops, f"flags {flags:#x}")


def expect_device_control_to_decide(machine, gpu):
    both = NO_SNOOP | NO_SOURCE_SNOOP
    allow_no_snoop(gpu, False)
    expect_equal(accesses_of_a_copy(machine, gpu, both), (1, 1), "while it is not enabled")
    allow_no_snoop(gpu, True)
    expect_equal(accesses_of_a_copy(machine, gpu, both), (0, 0), "while it is enabled")
    allow_no_snoop(gpu, False)
    machine.reset()


@case
def device_control_decides():
    with Traced("remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        expect_device_control_to_decide(machine, gpu)
        gpu.place()
        expect_equal(accesses_of_a_copy(machine, gpu, NO_SNOOP | NO_SOURCE_SNOOP), (0, 0), "after a reset")


@case
def device_control_decides_behind_a_port():
    with Traced("pcie-root-port,id=bridge,addr=4,chassis=1,slot=1", "remap-gpu,bus=bridge") as machine:
        open_bridge(machine, 4, 1, FIRST_WINDOW, 256 * MIB)
        expect_device_control_to_decide(machine, Gpu(machine, device=0, bus=1))


@case
def device_control_decides_behind_qemus_unit():
    with Traced("intel-iommu", "remap-gpu,addr=3") as machine:
        expect_device_control_to_decide(machine, Gpu(machine))


@case
def a_leaf_with_snp_forces_an_access_to_snoop():
    with Traced("remap-iommu,snoop-control=on", "remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        unit = Unit(machine, TABLES)
        expect_equal(unit.get(0x10, 8) >> 7 & 1, 1, "ECAP.SC")
        top = unit.attach(gpu.source, 1)
        for page in (RING, TO + 0x1000):
            unit.map_page(top, page, page)
        unit.map_page(top, FROM, FROM | SNP)
        unit.map_page(top, TO, TO)
        unit.map_page(top, TO + 0x2000, TO | SNP)
        unit.enable()
        unit.invalidate()
        both = NO_SNOOP | NO_SOURCE_SNOOP
        for _ in range(2):  # out of the tables, and of the IOTLB
            expect_equal(accesses_of_a_copy(machine, gpu, both), (1, 0), "SNP of the source")
            expect_equal(accesses_of_a_copy(machine, gpu, both, to=TO + 0x2000), (1, 1), "SNP of both")


@case
def translations_that_are_kept_force_it_too():
    with Traced("remap-iommu,snoop-control=on,device-iotlb=on", "remap-gpu,addr=3,ats=on") as machine:
        gpu = Gpu(machine)
        unit = Unit(machine, TABLES)
        top = unit.attach(gpu.source, 1)
        context = (machine.read64(unit.root) & ~0xfff) + 16 * gpu.source
        machine.write64(context, machine.read64(context) | 1 << 2)  # translation type 1: translation requests too
        for page in (RING, FROM, TO + 0x1000):
            unit.map_page(top, page, page)
        unit.map_page(top, TO, TO | SNP)
        unit.enable()
        unit.invalidate()
        extended = Extended(machine, gpu)
        extended.set(extended.all()[ATS] + 4, 1 << 31)
        both = NO_SNOOP | NO_SOURCE_SNOOP
        for _ in range(2):
            expect_equal(accesses_of_a_copy(machine, gpu, both), (0, 1), "SNP of the target")


main()
