#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""States that do not fit the machine, or are damaged: QEMU says so and ends, and nothing worse."""

import os
import random
import struct
import tempfile
import zlib

from gpu import BUSY, BYTE_COUNT, Gpu, INTERRUPT_MASK, fill_bytes
from machine import MIB, Machine, wait_until
from migration import Journey, load, refusal, save
from tap import case, expect, expect_equal, main

GPU = "remap-gpu,addr=3,vram=4M"
RING, SYSTEM, MESSAGE = 16 * MIB, 32 * MIB, 0xd00000
SMALL = {"memory": "64M"}
HEAD = 16  # bytes: kind, version, length, checksum


class Saved:
    """A machine in the middle of work as a file, and the place of the GPU's state in it."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "state")
        with Machine(GPU, **SMALL) as machine:
            gpu = Gpu(machine)
            gpu.set_message(3, MESSAGE, 0xa3)
            gpu.enable_messages()
            gpu.set(INTERRUPT_MASK, 0)
            gpu.submit(RING, [fill_bytes(SYSTEM, 16 * MIB, 1)] * 100)
            wait_until(lambda: gpu.get(BYTE_COUNT, 8) > 0, "the engine works")
            machine.monitor.ask("stop")
            expect_equal(gpu.state(), BUSY, "state")
            save(machine, self.path)
        with open(self.path, "rb") as file:
            self.data = file.read()
        self.at = self.data.index(b"RGPU\x04\0\0\0")
        self.size = struct.unpack_from(">I", self.data, self.at - 4)[0]
        expect_equal(struct.unpack_from("<I", self.data, self.at + 8)[0], self.size - HEAD, "length in the head")

    def write(self, data):
        with open(self.path, "wb") as file:
            file.write(data)

    def changed(self, at, new):
        """The same with other bytes somewhere before or in the GPU's state."""
        self.write(self.data[:self.at + at] + new + self.data[self.at + at + len(new):])

    def lie(self, at, new):
        """The same with other fields, and a checksum that fits them."""
        state = bytearray(self.data[self.at:self.at + self.size])
        state[HEAD + at:HEAD + at + len(new)] = new
        state[12:HEAD] = struct.pack("<I", zlib.crc32(state[HEAD:], zlib.crc32(state[:12])))
        self.changed(0, bytes(state))

    def expect_refused(self, *words):
        said = refusal(self.path, GPU, **SMALL)
        for word in words:
            expect(word in said, f"QEMU says {word!r}: {said}")


@case
def a_flipped_bit_anywhere_in_the_state_is_found():
    generator = random.Random(4)
    with tempfile.TemporaryDirectory() as folder:
        saved = Saved(folder)
        for _ in range(20):
            bit = generator.randrange(saved.size * 8)
            saved.changed(bit // 8, bytes([saved.data[saved.at + bit // 8] ^ 1 << bit % 8]))
            saved.expect_refused("remap-gpu: the saved state is refused: stream: ", "Failed to load remap-gpu:state")


@case
def lengths_are_not_believed():
    with tempfile.TemporaryDirectory() as folder:
        saved = Saved(folder)
        for length in (4097, 0x7fffffff, 0xffffffff):
            saved.changed(-4, struct.pack(">I", length))
            saved.expect_refused(f"remap-gpu: a saved state of {length} bytes is none, 4096 are the most")
        for length in (0, 1, HEAD, saved.size - 1, saved.size + 1, 4096):
            saved.changed(-4, struct.pack(">I", length))
            saved.expect_refused("remap-gpu: the saved state is refused: stream: ")
        for size in (1, saved.size // 2):
            saved.write(saved.data[:saved.at + size])
            saved.expect_refused("remap-gpu: the saved state is cut short")


@case
def states_that_no_gpu_can_be_in_are_refused_by_name():
    with tempfile.TemporaryDirectory() as folder:
        saved = Saved(folder)
        saved.lie(30, struct.pack("<I", 0xffff))
        saved.expect_refused("remap-gpu: the saved state is refused: registers: RING_HEAD is behind the end of the ring")
        saved.lie(133 + 8, struct.pack("<Q", 1 << 63))  # the packet in execution
        saved.lie(133 + 2, struct.pack("<H", 1))
        saved.expect_refused("engine: packet cannot be in execution, or not there")


@case
def a_vector_that_does_not_exist_is_not_raised():
    with tempfile.TemporaryDirectory() as folder:
        saved = Saved(folder)
        saved.changed(-8, struct.pack(">I", 0x10))
        saved.expect_refused("Input validation failed: remap-gpu/raised vectors exist")


@case
def a_vector_that_was_raised_is_sent_when_the_machine_runs():
    with tempfile.TemporaryDirectory() as folder:
        saved = Saved(folder)
        saved.changed(-8, struct.pack(">I", 0x8))
        with Journey(GPU, **SMALL) as journey:
            target = journey.prepare()
            load(target, saved.path)
            expect_equal(target.read32(MESSAGE), 0, "the message before the machine runs")
            target.monitor.ask("cont")
            target.monitor.wait_for("RESUME")
            target.is_alive()
            expect_equal(target.read32(MESSAGE), 0xa3, "the message")


@case
def machines_with_another_gpu_are_refused():
    with tempfile.TemporaryDirectory() as folder:
        saved = Saved(folder)
        for gpu, words in (("remap-gpu,addr=3,vram=8M", "remap-gpu.vram"),
                           ("remap-gpu,addr=3,vram=4M,address-bits=40", "address-bits of remap-gpu differs"),
                           ("edu,addr=3", "remap-gpu.vram")):
            said = refusal(saved.path, gpu, **SMALL)
            expect(words in said, f"QEMU says {words!r} with {gpu}: {said}")


main()
