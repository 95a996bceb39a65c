# SPDX-License-Identifier: MIT
"""A machine with the cache model whose processor runs a few bytes of code under TCG.

Numbers of registers and kinds are those of hw/spec/cache_registers.h and hw/cache/finding.h, instructions those of the
processor's manual."""

import re
import tempfile

from gpu import Gpu, IDLE, IN_VRAM, NO_SOURCE_SNOOP, copy
from machine import Machine, wait_until
from tap import expect_equal

GO, SEEN, CODE, DATA, RING = 0x500, 0x501, 0x7c00, 0x9000, 0x800000
REGISTERS = 0xfed80000
MODE, FINDINGS, SELECT, KIND, FIRST, LENGTH, STORE_CODE, STORE_ADDRESS = 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40
LOAD_CODE, FLUSH_CODE, DMA_ADDRESS, DMA_SOURCE, COUNT = 0x48, 0x58, 0x60, 0x68, 0x70
RUN_FIRST, RUN_PAGES, RUN_MAPPED = 0x80, 0x88, 0x90
REPORTS = re.compile("cache-model: |^  ")  # what QEMU says of findings

# At the reset vector, in 16-bit code: wait until the byte at 500h is set, then jump to 0000:7c00.
FIRMWARE = bytearray(0x10000)
FIRMWARE[0xfff0:0xfffc] = bytes.fromhex("803e000500 74f9 ea007c0000")

# Caches on, as firmware has them: CR0.CD and NW 0, and IA32_MTRR_DEF_TYPE (2ffh) enabled with write-back for all.
CACHES_ON = bytes.fromhex("0f20c0 6625ffffff9f 0f22c0  66b9ff020000 66b806080000 6631d2 0f30")
SAY = bytes.fromhex("c606010511")      # mov byte [501h], 11h
WAIT = bytes.fromhex("803e010522 75f9")  # until the byte at 501h is 22h
STOP = bytes.fromhex("faf4")


class RunningMachine(Machine):
    """Its processor does `before`, says so, and waits to be let go on; then `after`, and says so again."""

    def __init__(self, mode, before, after=b"", devices=("remap-gpu,addr=3",)):
        with tempfile.NamedTemporaryFile() as file:
            file.write(FIRMWARE)
            file.flush()
            super().__init__(*devices, machine=f"q35,cache-model={mode}", accel="tcg",
                             more=["-cpu", "max", "-bios", file.name])
            self.is_alive()  # it has read the file
        self.first = CODE + len(CACHES_ON)
        self.second = self.first + len(before + SAY + WAIT)
        self.code = CACHES_ON + before + SAY + WAIT + after + SAY + STOP
        self.known.append(REPORTS)

    def __enter__(self):
        super().__enter__()
        self.gpu = Gpu(self)
        for offset, value in ((RUN_FIRST, DATA >> 12), (RUN_PAGES, 1), (RUN_MAPPED, 1)):
            self.write64(REGISTERS + offset, value)
        self.write(CODE, self.code)
        self.fill(GO, 1, 1)
        self.wait_for_processor()
        return self

    def wait_for_processor(self):
        wait_until(lambda: self.read(SEEN, 1)[0] == 0x11, "the processor says that it is done")

    def go_on(self):
        self.fill(SEEN, 1, 0x22)
        self.wait_for_processor()

    def dma(self, packet):
        expect_equal(self.gpu.run(RING, [packet]), IDLE, "state")

    def read_past_caches(self, size=8):
        self.dma(copy(0, DATA, size, flags=IN_VRAM | NO_SOURCE_SNOOP))
        return self.read(self.gpu.vram, size)

    def get(self, register, finding=0):
        self.write64(REGISTERS + SELECT, finding)
        return self.read64(REGISTERS + register)

    def expect_findings(self, *kinds):
        found = [self.get(KIND, number) for number in range(self.get(FINDINGS))]
        expect_equal(found, list(kinds), "kinds of findings")
