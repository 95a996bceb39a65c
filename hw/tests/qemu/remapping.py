# SPDX-License-Identifier: MIT
"""A driver of interrupt remapping in the numbers of VT-d's chapter 5, a GPU whose messages are remappable, and what of
them is pending at the processor."""

import re

from gpu import Gpu, INTERRUPT_MASK, INTERRUPT_RAISE, INTERRUPT_STATUS
from machine import wait_until
from tap import expect_equal
from vtd import Unit

TABLE, QUEUE = 0x200000, 0x300000
QIE, IRE, SIRTP, CFI = 1 << 26, 1 << 25, 1 << 24, 1 << 23


class Remapping(Unit):
    """256 entries at TABLE, and a queue for their invalidations."""

    def __init__(self, machine):
        super().__init__(machine, 0x100000)
        machine.fill(TABLE, 4096, 0)
        self.tail = self.faults = 0
        self.set(0x90, QUEUE, 8)
        self.set(0x18, QIE)
        self.set(0xb8, TABLE | 7, 8)
        self.set(0x18, QIE | SIRTP)
        self.set(0x18, QIE | IRE)
        expect_equal(self.get(0x1c), QIE | IRE | SIRTP, "GSTS")

    def entry(self, index, low, source=None):
        self.machine.write64(TABLE + 16 * index + 8, 0 if source is None else 1 << 18 | source)
        self.machine.write64(TABLE + 16 * index, low)

    def forget(self, index):
        self.machine.write64(QUEUE + self.tail, 0x14 | index << 32)
        self.machine.write64(QUEUE + self.tail + 8, 0)
        self.tail += 16
        self.set(0x88, self.tail, 8)
        wait_until(lambda: self.get(0x80, 8) == self.tail, "the queue is empty")

    def fault(self):
        """The next of the eight records, which is cleared."""
        wait_until(lambda: self.get(0x34) & 2, "a fault is recorded")
        place = 0x220 + 16 * (self.faults % 8)
        self.faults += 1
        record = self.get(place, 8), self.get(place + 8, 8)
        self.set(place + 12, 1 << 31)
        return record


def vector_word(vector):
    return 1 | vector << 16  # present, to APIC 0


def request(index):
    return 0xfee00010 | index << 5


def pending(machine):
    """The vectors in the processor's IRR."""
    text = machine.monitor.ask("human-monitor-command", **{"command-line": "info lapic"})
    found = re.search(r"IRR\s+(.*)", text).group(1)
    return [] if "none" in found else [int(word.split("(")[0]) for word in found.split()]


def set_up(machine, gpu=None):
    gpu = gpu or Gpu(machine)
    for vector in range(4):
        gpu.set_message(vector, request(vector), 0)
    gpu.enable_messages()
    gpu.set(INTERRUPT_MASK, 0)
    return gpu


def send(gpu, vector):
    gpu.set(INTERRUPT_STATUS, 0xf)
    gpu.set(INTERRUPT_RAISE, 1 << vector)
