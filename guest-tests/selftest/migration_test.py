#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest that works with the GPU, moved from QEMU to QEMU while it runs, and none the wiser.

usage: migration_test.py QEMU IMAGE [CASE]
"""

import os
import random
import socket
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "hw", "tests", "qemu"))
IMAGE = sys.argv.pop(2)

from machine import Machine, wait_until  # pylint: disable=wrong-import-position
from migration import incoming, migrate  # pylint: disable=wrong-import-position
from tap import case, expect, expect_equal, main  # pylint: disable=wrong-import-position

PASSED = 1  # QEMU's status when the guest's verdict is 0 (isa-debug-exit)


class Guest:
    """The machine the guest is in now, and the serial line it speaks on."""

    def __init__(self, folder, devices):
        self.folder, self.devices = folder, devices
        self.number = 0
        self.text = ""
        self.machine, self.line = self.start(Machine, "-S")
        self.machine.monitor.ask("cont")

    def start(self, kind, *more):
        self.number += 1
        path = os.path.join(self.folder, f"serial{self.number}")
        machine = kind(*self.devices, "isa-debug-exit,iobase=0xf4,iosize=4", accel="tcg", memory="256M", more=[
            "-cpu", "max", "-no-reboot", "-kernel", IMAGE, "-append", "soak case_seconds=100",
            "-chardev", f"socket,id=serial,path={path},server=on,wait=off", "-serial", "chardev:serial", *more])
        machine.__enter__()
        line = socket.socket(socket.AF_UNIX)
        line.connect(path)
        line.setblocking(False)
        return machine, line

    def listen(self):
        """Whether anything came; all that did is in `text`."""
        try:
            came = self.line.recv(65536).decode()
        except BlockingIOError:
            return False
        self.text += came
        return came != ""

    def wait_for_rounds(self):
        """Until it has told of another piece of work."""
        wait_until(lambda: self.listen() and "# round" in self.text.splitlines()[-1], "the guest works", seconds=30)

    def move(self, generator):
        target, line = self.start(incoming)
        try:
            self.machine.monitor.ask("migrate-set-parameters", **{"max-bandwidth": generator.choice((256, 2048)) << 20})
            time.sleep(generator.uniform(0, 0.1))
            migrate(self.machine, target)
        except Exception:
            target.end(True)
            raise
        self.listen()
        self.close()
        self.machine, self.line = target, line

    def finish(self):
        """Tells the guest that it is enough; QEMU's status."""
        self.line.send(b".")
        status = self.machine.process.wait(60)
        while self.listen():
            pass
        return status

    def close(self, failed=False):
        self.line.close()
        self.machine.end(failed)


def expect_survives(moves, *devices):
    generator = random.Random(moves)
    with tempfile.TemporaryDirectory() as folder:
        guest = Guest(folder, devices)
        failed = True
        try:
            guest.wait_for_rounds()
            for _ in range(moves):
                guest.move(generator)
                guest.wait_for_rounds()
            status = guest.finish()
            expect("ok 1 - " in guest.text and "not ok" not in guest.text, f"the guest says {guest.text}")
            expect_equal(status, PASSED, "QEMU's status")
            failed = False
        finally:
            guest.close(failed)


@case
def with_nothing_between_the_gpu_and_memory():
    expect_survives(6, "remap-gpu,vram=16M")


@case
def behind_our_iommu():
    expect_survives(4, "remap-iommu", "remap-gpu,vram=16M")


@case
def behind_qemus_own_iommu():
    expect_survives(4, "intel-iommu", "remap-gpu,vram=16M")


main()
