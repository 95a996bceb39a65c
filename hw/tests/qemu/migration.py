# SPDX-License-Identifier: MIT
"""Machines that take each other's place, by a socket, a file or a snapshot; work that shows whether they lost any."""

import contextlib
import copy
import ctypes
import os
import random
import tempfile

from gpu import IDLE, IN_SOURCE_VRAM, IN_VRAM, RING_TAIL, copy as copy_packet, fill
from machine import Machine, wait_until
from tap import expect, expect_equal

ENDED = ("completed", "failed", "cancelled")


def incoming(*devices, **options):
    """A machine that waits for the state of another."""
    return Machine(*devices, **{**options, "more": [*options.get("more", ()), "-incoming", "defer"]})


def on(machine, device):
    """The same device in the machine that took the place of its own."""
    moved = copy.copy(device)
    moved.machine = machine
    return moved


def status(machine):
    return machine.monitor.ask("query-migrate").get("status", "none")


def wait_for_end(machine, meanwhile=lambda: None):
    """Until the migration has ended in whatever way."""
    def ended():
        meanwhile()
        return status(machine) in ENDED
    wait_until(ended, "the migration ends", seconds=60)
    return status(machine)


def migrate(source, target, meanwhile=lambda: None):
    """Live, over a socket; the target runs at the end if the source did."""
    runs = source.is_alive() == "running"
    with tempfile.TemporaryDirectory() as folder:
        uri = f"unix:{folder}/stream"
        target.monitor.ask("migrate-incoming", uri=uri)
        source.monitor.ask("migrate", uri=uri)
        expect_equal(wait_for_end(source, meanwhile), "completed", "the migration")
        wait_until(lambda: target.is_alive() == ("running" if runs else "paused"), "the target is there")


def save(machine, path):
    """The machine's state as a file; it stays stopped."""
    machine.monitor.ask("migrate", uri=f"file:{path}")
    expect_equal(wait_for_end(machine), "completed", "saving")


def load(machine, path):
    machine.monitor.ask("migrate-incoming", uri=f"file:{path}")
    wait_until(lambda: machine.is_alive() in ("running", "paused"), "the machine is loaded")


def refusal(path, *devices, **options):
    """What QEMU says when it refuses a file; it has to end by itself, with an error."""
    machine = incoming(*devices, **options)
    try:
        machine.is_alive()
        machine.monitor.ask("migrate-incoming", uri=f"file:{path}")
        expect_equal(machine.process.wait(10), 1, "QEMU's status after a bad state")
        return machine.said()
    finally:
        machine.end(False)


class Journey:
    """A machine, and those that take its place one after another. Use it in a `with`."""

    def __init__(self, *devices, **options):
        self.devices, self.options = devices, options
        self.machine = Machine(*devices, **options)
        self.target = None

    def __enter__(self):
        self.machine.__enter__()
        return self

    def __exit__(self, *error):
        for machine in (self.machine, self.target):
            if machine:
                machine.__exit__(*error)

    def prepare(self):
        """The next machine, which is not there yet."""
        self.target = incoming(*self.devices, **self.options).__enter__()
        return self.target

    def arrive(self):
        """The machine of before is at its end."""
        self.machine.__exit__(None, None, None)
        self.machine, self.target = self.target, None


@contextlib.contextmanager
def moved_by_file(source, gpu, *devices, **options):
    """The machine that goes on where the source stopped, and its GPU."""
    with tempfile.TemporaryDirectory() as folder, incoming(*devices, **options) as target:
        path = os.path.join(folder, "state")
        save(source, path)
        load(target, path)
        yield target, on(target, gpu)


class Shifting:
    """Rounds of packets that move two buffers, one in system memory and one in VRAM, about in themselves and through
    each other: a packet or a piece of one that is left out, done twice, or done with old bytes leaves a trace for good.

    The ring holds all rounds from the start; `feed` lets the engine have more of them."""

    IN_ROUND = 5

    def __init__(self, ring, system, size, logical=0):
        """Addresses are the machine's; the part knows them as `logical` more."""
        self.ring, self.system, self.size, self.logical = ring, system, size, logical
        self.rounds = 65535 // self.IN_ROUND

    def packets(self, number):
        size, system = self.size, self.system + self.logical
        both = IN_VRAM | IN_SOURCE_VRAM
        return [copy_packet(system + 4099, system, size - 4099),
                fill(system, 4099, number * 0x01234567 & 0xffffffff),
                copy_packet(size // 4 + 5, system + 9, size // 2, flags=IN_VRAM),
                copy_packet(77, 0, size - 77, flags=both),
                copy_packet(system + size // 3, size // 2 + 1, size // 4, flags=IN_SOURCE_VRAM)]

    def start(self, gpu):
        for address, seed in ((self.system, 1), (gpu.vram, 2)):
            gpu.machine.write(address, self.noise(seed))
        all_packets = [packet for number in range(self.rounds) for packet in self.packets(number)]
        gpu.start(self.ring, all_packets, log2_entries=16, ring_at=self.ring + self.logical)

    def noise(self, seed):
        return random.Random(seed).randbytes(self.size)

    def submitted(self, gpu):
        return gpu.get(RING_TAIL) // self.IN_ROUND

    def feed(self, gpu, rounds=20):
        """Another so many rounds, unless that many are still waiting."""
        tail = gpu.get(RING_TAIL)
        if gpu.state() == IDLE or tail - gpu.get(0x054) < rounds * self.IN_ROUND:
            gpu.set(RING_TAIL, min(tail + rounds * self.IN_ROUND, self.rounds * self.IN_ROUND))

    def expected(self, rounds):
        """Both buffers after so many rounds."""
        size = self.size
        system, vram = (ctypes.create_string_buffer(self.noise(seed), size) for seed in (1, 2))
        at, video = ctypes.addressof(system), ctypes.addressof(vram)
        for number in range(rounds):
            ctypes.memmove(at + 4099, at, size - 4099)
            ctypes.memmove(at, (number * 0x01234567 & 0xffffffff).to_bytes(4, "little") * 1025, 4099)
            ctypes.memmove(video + size // 4 + 5, at + 9, size // 2)
            ctypes.memmove(video + 77, video, size - 77)
            ctypes.memmove(at + size // 3, video + size // 2 + 1, size // 4)
        return system.raw, vram.raw

    def expect_done(self, gpu):
        """The engine comes to the end of what it was given, and both memories hold what that gives."""
        wait_until(lambda: gpu.state() == IDLE, "the engine finishes", seconds=60)
        rounds = self.submitted(gpu)
        expect_equal(gpu.get(0x080), 0, "FAULT_STATUS")
        expect_equal(gpu.get(0x0a0, 8), rounds * self.IN_ROUND, "PACKET_COUNT")
        system, vram = self.expected(rounds)
        expect(gpu.machine.read(self.system, self.size) == system, f"system memory after {rounds} rounds is wrong")
        expect(gpu.machine.read(gpu.vram, self.size) == vram, f"VRAM after {rounds} rounds is wrong")
