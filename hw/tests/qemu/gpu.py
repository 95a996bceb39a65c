# SPDX-License-Identifier: MIT
"""The GPU of docs/gpu.md, driven with the numbers of its manual and none of the project's headers."""

import struct

from machine import wait_until
from pci import Function, MSIX_CAPABILITY, MSIX_ENTRY

CONTROL, STATUS = 0x020, 0x024
RING_BASE, RING_SIZE, RING_TAIL, RING_HEAD = 0x040, 0x048, 0x050, 0x054
INTERRUPT_STATUS, INTERRUPT_MASK, INTERRUPT_RAISE = 0x060, 0x064, 0x068
COMPLETED_FENCE = 0x070
FAULT_STATUS, FAULT_ENTRY, FAULT_ADDRESS = 0x080, 0x084, 0x088
PACKET_COUNT, BYTE_COUNT = 0x0a0, 0x0a8
SCANOUT_CONTROL, SCANOUT_OFFSET, SCANOUT_WIDTH, SCANOUT_HEIGHT, SCANOUT_STRIDE = 0x100, 0x108, 0x110, 0x114, 0x118

DISABLED, IDLE, BUSY, HALTED = range(4)
IN_VRAM, IN_SOURCE_VRAM = 1, 2  # flags: the destination, the source
NO_SNOOP, NO_SOURCE_SNOOP = 0x20, 0x40

# docs/gpu.md, 2: offset, bytes, value after a reset of the machine
RESET_VALUES = [
    (0x000, 4, 0x50414d52), (0x004, 4, 0x00010002), (0x020, 4, 0), (0x024, 4, 0), (0x040, 8, 0), (0x048, 4, 0),
    (0x050, 4, 0), (0x054, 4, 0), (0x060, 4, 0), (0x064, 4, 0xf), (0x068, 4, 0), (0x070, 8, 0), (0x080, 4, 0),
    (0x084, 4, 0), (0x088, 8, 0), (0x0a0, 8, 0), (0x0a8, 8, 0), (0x100, 4, 0), (0x108, 8, 0), (0x110, 4, 0),
    (0x114, 4, 0), (0x118, 4, 0),
]

FIRST_WINDOW = 0xe0000000  # a part has 256 MiB from here: VRAM, then the registers, then MSI-X


def packet(opcode, flags=0, pattern=0, destination=0, source=0, length=0, pitch=0, width=0, lines=0, value=0):
    return struct.pack("<HHIQQQQQIIQ", opcode, flags, pattern, destination, source, length, pitch, 0, width, lines, value)


def fill(destination, length, pattern, flags=0):
    return packet(2, flags=flags, destination=destination, length=length, pattern=pattern)


def fill_bytes(destination, length, pattern, flags=0):
    """One by one, as a rectangle of lines of a byte: that takes its time."""
    return packet(4, flags=flags, destination=destination, pattern=pattern, pitch=1, width=1, lines=length)


def copy(destination, source, length, flags=0):
    return packet(3, flags=flags, destination=destination, source=source, length=length)


def fence(destination, value, interrupt=False):
    return packet(6, flags=4 if interrupt else 0, destination=destination, value=value)


class Gpu(Function):
    """One GPU. Its BARs are set by the constructor and, since a reset forgets them, by `place`."""

    def __init__(self, machine, device=3, bus=0, window=FIRST_WINDOW):
        super().__init__(machine, device, bus)
        self.vram, self.registers, self.msix = window, window + 0x4000000, window + 0x4010000
        self.place()

    def place(self):
        self.set_command(0)
        for offset, base in ((0x10, self.registers), (0x18, self.vram), (0x20, self.msix)):
            self.write_config(offset, base)
        for offset in (0x14, 0x1c):
            self.write_config(offset, 0)
        self.set_command(0x6)

    def get(self, offset, size=4):
        read = self.machine.read64 if size == 8 else self.machine.read32
        return read(self.registers + offset)

    def set(self, offset, value, size=4):
        write = self.machine.write64 if size == 8 else self.machine.write32
        write(self.registers + offset, value)

    def state(self):
        return self.get(STATUS) & 3

    def start(self, ring, packets, log2_entries=None, ring_at=None):
        """Puts packets in a ring at the physical address `ring`, which the part knows as `ring_at`, and enables it.
        Returns the tail that submits them all."""
        if log2_entries is None:
            log2_entries = max(1, len(packets).bit_length())
        self.set(CONTROL, 0)
        wait_until(lambda: self.get(STATUS) == DISABLED, "the engine stops")
        self.machine.write(ring, b"".join(packets))
        self.set(RING_BASE, ring if ring_at is None else ring_at, 8)
        self.set(RING_SIZE, log2_entries)
        self.set(CONTROL, 1)
        return len(packets)

    def submit(self, ring, packets, **where):
        self.set(RING_TAIL, self.start(ring, packets, **where))

    def run(self, ring, packets, **where):
        """Executes packets to the last, or to the first that faults; the state it ends in."""
        self.submit(ring, packets, **where)
        wait_until(lambda: self.state() != BUSY, "the engine finishes")
        return self.state()

    # MSI-X

    def set_message(self, vector, address, data, masked=False):
        entry = self.msix + vector * MSIX_ENTRY
        for offset, value in ((0, address & 0xffffffff), (4, address >> 32), (8, data), (12, int(masked))):
            self.machine.write32(entry + offset, value)

    def enable_messages(self):
        self.write_config(self.capability(MSIX_CAPABILITY), 0x80000000)

    def mask_vector(self, vector, masked):
        self.machine.write32(self.msix + vector * MSIX_ENTRY + 12, int(masked))

    def pending(self):
        return self.machine.read64(self.msix + 0x800)
