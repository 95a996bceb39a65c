# SPDX-License-Identifier: MIT
"""A driver of the VT-d unit in scalable mode, with a process behind a device that keeps translations and asks for
pages, in the numbers of Intel's specification and none of our headers."""

from machine import wait_until
from vtd import (GLOBAL_COMMAND, GLOBAL_STATUS, PAGE, QIE, QUEUE_ADDRESS, QUEUE_HEAD, QUEUE_TAIL, ROOT_TABLE, RTPS,
                 TE, Unit)

PAGE_QUEUE_HEAD, PAGE_QUEUE_TAIL, PAGE_QUEUE_ADDRESS = 0xc0, 0xc8, 0xd0
PAGE_STATUS = 0xdc
QUEUE_ERROR = 0xb0
DESCRIPTOR = 32  # bytes, of both queues
SUCCESS = 0
SCALABLE = 0x400  # in RTADDR_REG

# PCI Express: ids of the extended capabilities, and MMCONFIG of q35 (PCIEXBAR of its host bridge)
ATS, PRI, PASID = 0x000f, 0x0013, 0x001b
MMCONFIG = 0xb0000000


class Extended:
    """The extended configuration space of a function."""

    def __init__(self, machine, function):
        self.machine = machine
        machine.out32(0xcf8, 0x80000060)
        machine.out32(0xcfc, MMCONFIG | 1)
        self.base = MMCONFIG + (function.source << 12)

    def get(self, offset):
        return self.machine.read32(self.base + offset)

    def set(self, offset, value):
        self.machine.write32(self.base + offset, value)

    def all(self):
        """Capabilities by id."""
        found, at = {}, 0x100
        while at and self.get(at):
            found[self.get(at) & 0xffff] = at
            at = self.get(at) >> 20
        return found

    def enable(self):
        """PASIDs, page requests, as many as may be, and the cache."""
        found = self.all()
        self.set(found[PASID] + 4, 1 << 16)
        self.set(found[PRI] + 0xc, self.get(found[PRI] + 8))
        self.set(found[PRI] + 4, 1)
        self.set(found[ATS] + 4, 1 << 31)


class ProcessUnit(Unit):
    """A unit in scalable mode with one device, whose own requests pass, and a process with a first stage."""

    def __init__(self, machine, tables, source, pasid):
        super().__init__(machine, tables)
        self.source, self.pasid = source, pasid
        self.top, self.queue, self.requests, self.status = (self.new_table() for _ in range(4))
        self.tail = self.waits = 0
        contexts, directory, entries = (self.new_table() for _ in range(3))
        half = source >> 7 & 1
        machine.write64(self.root + 16 * (source >> 8) + 8 * half, contexts | 1)
        machine.write64(contexts + 32 * (source & 0x7f), directory | 0x1d)  # P, DTE, PASIDE, PRE
        machine.write64(directory, entries | 1)
        machine.write64(entries, 0x109)  # pass-through
        machine.write64(entries + 8, 1)
        machine.write64(entries + 64 * pasid + 16, self.top)
        machine.write64(entries + 64 * pasid + 8, 0x800002)  # domain 2, walks snoop
        machine.write64(entries + 64 * pasid, 0x41)  # first stage

    def child(self, entry):
        value = self.machine.read64(entry)
        if not value & 1:
            value = self.new_table() | 7
            self.machine.write64(entry, value)
        return value & 0xffffffffff000

    def map_process(self, logical, physical):
        table = self.top
        for shift in (39, 30, 21):
            table = self.child(table + 8 * (logical >> shift & 511))
        self.machine.write64(table + 8 * (logical >> 12 & 511), physical | 7)

    def enable(self):
        self.set(QUEUE_ADDRESS, self.queue | 0x800, 8)
        self.set(GLOBAL_COMMAND, QIE)
        self.set(ROOT_TABLE, self.root | SCALABLE, 8)
        self.set(GLOBAL_COMMAND, QIE | RTPS)
        wait_until(lambda: self.get(GLOBAL_STATUS) & RTPS, "the root table is set")
        self.set(PAGE_QUEUE_ADDRESS, self.requests, 8)
        self.set(GLOBAL_COMMAND, QIE | TE)
        wait_until(lambda: self.get(GLOBAL_STATUS) & TE, "translation is on")

    def put(self, low, high):
        for number, word in enumerate((low, high, 0, 0)):
            self.machine.write64(self.queue + self.tail + 8 * number, word)
        self.tail = (self.tail + DESCRIPTOR) % PAGE

    def submit(self, low, high):
        """A descriptor and a wait behind it."""
        self.waits += 1
        self.put(low, high)
        self.put(self.waits << 32 | 0x25, self.status)
        self.set(QUEUE_TAIL, self.tail, 8)

    def done(self):
        return self.machine.read32(self.status) == self.waits

    def wait(self):
        wait_until(self.done, "the wait is done")

    def forget(self, logical):
        """A page of the process, in the unit."""
        self.submit(2 << 16 | self.pasid << 32 | 3 << 4 | 6, logical)

    def tell_device(self, logical):
        self.submit(self.pasid << 32 | self.source << 16 | 8, logical)

    def request(self):
        """The oldest page request: its page and its words. It is out of the queue then."""
        wait_until(lambda: self.get(PAGE_QUEUE_HEAD, 8) != self.get(PAGE_QUEUE_TAIL, 8), "a page is asked for")
        head = self.get(PAGE_QUEUE_HEAD, 8)
        low, high = (self.machine.read64(self.requests + head + at) for at in (0, 8))
        self.set(PAGE_QUEUE_HEAD, (head + DESCRIPTOR) % PAGE, 8)
        return high & ~0xfff, low, high

    def answer(self, low, high, code=SUCCESS):
        self.submit((low & 0xfffff00000000) | self.source << 16 | code << 12 | 1 << 4 | 9, high & 0xff8)

    def head(self):
        return self.get(QUEUE_HEAD, 8)
