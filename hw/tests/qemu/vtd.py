# SPDX-License-Identifier: MIT
"""A driver of the VT-d unit in legacy mode, in the numbers of Intel's specification and none of our headers."""

from machine import wait_until

BASE = 0xfed90000
GLOBAL_COMMAND, GLOBAL_STATUS, ROOT_TABLE = 0x18, 0x1c, 0x20
FAULT_STATUS, FAULT_CONTROL = 0x34, 0x38
QUEUE_HEAD, QUEUE_TAIL, QUEUE_ADDRESS = 0x80, 0x88, 0x90
RTPS, QIE, TE = 1 << 30, 1 << 26, 1 << 31
PAGE = 4096

# 11.4: what power-on leaves of a unit with 48 bits and leaves of 2 MiB and 1 GiB
RESET_VALUES = [
    (0x00, 4, 0x10), (0x08, 8, 0x00d207 << 40 | 1 << 39 | 0xc << 32 | 0x222f0606), (0x10, 8, 0xf00f4b), (0x18, 4, 0),
    (0x1c, 4, 0), (0x20, 8, 0), (0x28, 8, 0), (0x34, 4, 0), (0x38, 4, 0x80000000), (0x3c, 4, 0), (0x40, 4, 0),
    (0x44, 4, 0), (0x64, 4, 0), (0x80, 8, 0), (0x88, 8, 0), (0x90, 8, 0), (0x9c, 4, 0), (0xa0, 4, 0x80000000),
    (0xa4, 4, 0), (0xa8, 4, 0), (0xac, 4, 0), (0xb0, 8, 0), (0xb8, 8, 0), (0xf8, 8, 0), (0x220, 8, 0), (0x228, 8, 0),
]


class Unit:
    """Tables grow upwards from `tables`, zeroed there: the root table first."""

    def __init__(self, machine, tables):
        self.machine = machine
        self.next_table = tables
        self.root = self.new_table()

    def new_table(self):
        table, self.next_table = self.next_table, self.next_table + PAGE
        self.machine.fill(table, PAGE, 0)
        return table

    def get(self, offset, size=4):
        return self.machine.read64(BASE + offset) if size == 8 else self.machine.read32(BASE + offset)

    def set(self, offset, value, size=4):
        write = self.machine.write64 if size == 8 else self.machine.write32
        write(BASE + offset, value)

    def child(self, entry):
        """The table that an entry names; a new one if it names none."""
        value = self.machine.read64(entry)
        if not value & 1:
            value = self.new_table() | 3
            self.machine.write64(entry, value)
        return value & ~0xfff

    def attach(self, source, domain):
        """A space of 48 bits for a requester; returns its table of level 4."""
        root_entry = self.root + 16 * (source >> 8)
        if not self.machine.read64(root_entry) & 1:
            self.machine.write64(root_entry, self.new_table() | 1)
        context = (self.machine.read64(root_entry) & ~0xfff) + 16 * (source & 0xff)
        top = self.new_table()
        self.machine.write64(context + 8, domain << 8 | 2)
        self.machine.write64(context, top | 1)
        return top

    def map_large(self, top, logical, physical, size):
        """Leaves of 2 MiB, readable and writable."""
        for offset in range(0, size, 1 << 21):
            at = logical + offset
            level3 = self.child(top + 8 * (at >> 39 & 511))
            level2 = self.child(level3 + 8 * (at >> 30 & 511))
            self.machine.write64(level2 + 8 * (at >> 21 & 511), physical + offset | 0x83)

    def map_page(self, top, logical, physical):
        level3 = self.child(top + 8 * (logical >> 39 & 511))
        level2 = self.child(level3 + 8 * (logical >> 30 & 511))
        level1 = self.child(level2 + 8 * (logical >> 21 & 511))
        self.machine.write64(level1 + 8 * (logical >> 12 & 511), physical | 3)

    def enable(self):
        self.set(ROOT_TABLE, self.root, 8)
        self.set(GLOBAL_COMMAND, RTPS)
        wait_until(lambda: self.get(GLOBAL_STATUS) & RTPS, "the root table is set")
        self.set(GLOBAL_COMMAND, TE)
        wait_until(lambda: self.get(GLOBAL_STATUS) & TE, "translation is on")

    def set_fault_message(self, address, data):
        for offset, value in ((0x3c, data), (0x40, address & 0xffffffff), (0x44, address >> 32), (FAULT_CONTROL, 0)):
            self.set(offset, value)

    def invalidate(self):
        """Everything, by registers: contexts, then translations."""
        for offset, value in ((0x28, 1 << 63 | 1 << 61), (0xf8, 1 << 63 | 1 << 60)):
            self.set(offset, value, 8)
            wait_until(lambda at=offset: not self.get(at, 8) >> 63, "the invalidation ends")
