#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The GPU beside a processor that runs, under TCG. Its firmware is a few bytes that jump to what a test wrote."""

import tempfile

from gpu import Gpu, HALTED, IDLE, fence, fill
from machine import Machine, wait_until
from tap import case, expect_equal, main
from vtd import Unit

GO, SEEN, CODE, RING, RESULT = 0x500, 0x501, 0x7c00, 0x800000, 0xc00000

# At the reset vector, in 16-bit code: wait until the byte at 500h is set, then jump to 0000:7c00.
FIRMWARE = bytearray(0x10000)
FIRMWARE[0xfff0:0xfffc] = bytes.fromhex("803e000500 74f9 ea007c0000")
STORE_FOR_EVER = bytes.fromhex("c606010511 ebf9")  # again: mov byte [501h], 11h; jmp again
STORED_BYTE = CODE + 4
SLEEP_FOR_EVER = bytes.fromhex("fa f4 ebfd")  # cli; sleep: hlt; jmp sleep


class RunningMachine(Machine):
    def __init__(self, *devices, code):
        with tempfile.NamedTemporaryFile() as file:
            file.write(FIRMWARE)
            file.flush()
            super().__init__(*devices, accel="tcg", more=["-bios", file.name])
            self.is_alive()  # it has read the file
        self.code = code

    def __enter__(self):
        super().__enter__()
        self.write(CODE, self.code)
        self.fill(GO, 1, 1)
        return self


@case
def code_that_the_gpu_overwrites_is_executed_anew():
    with RunningMachine("remap-gpu,addr=3", code=STORE_FOR_EVER) as machine:
        gpu = Gpu(machine)
        for byte in (0x11, 0x22, 0x33, 0x44):
            expect_equal(gpu.run(RING, [fill(STORED_BYTE, 1, byte)]), IDLE, "state")
            wait_until(lambda wanted=byte: machine.read(SEEN, 1)[0] == wanted, f"the processor stores {byte:#x}")


@case
def a_fault_behind_qemus_own_iommu_may_interrupt_the_processor():
    """That IOMMU does it from where the access is made, and QEMU ends unless the main loop's lock is held there."""
    with RunningMachine("intel-iommu,aw-bits=48", "remap-gpu,addr=3", code=SLEEP_FOR_EVER) as machine:
        machine.write(8, CODE.to_bytes(4, "little"))  # where an NMI goes in real mode
        gpu = Gpu(machine)
        unit = Unit(machine, 0x100000)
        unit.set_fault_message(0xfee00000, 0x400)  # an NMI to processor 0
        unit.enable()
        for _ in range(3):
            expect_equal(gpu.run(RING, [fence(RESULT, 1)]), HALTED, "state")
            expect_equal(unit.get(0x34), 2, "FSTS: PPF, record 0")
            expect_equal(unit.get(0x228, 8), 0xc000000100000018, "F, a read, reason 1, source 00:03.0")
            unit.set(0x22c, 0x80000000)


main()
