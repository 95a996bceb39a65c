# SPDX-License-Identifier: MIT
"""A machine whose processor does nothing: the test is its guest, over QEMU's qtest protocol, and its manager, over QMP.

Addresses are guest physical. Each request is one line and one answer; several may be sent at once, and QEMU then serves
them in one go, without returning to its main loop between two."""

import base64
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "guest-tests"))

from monitor import Monitor  # pylint: disable=wrong-import-position
from run_guest import FIRMWARE  # pylint: disable=wrong-import-position

QEMU = sys.argv[1] if len(sys.argv) > 1 else "qemu-system-x86_64"
SECONDS = 10  # the longest that QEMU may take for an answer
MIB = 1 << 20
PIECE = 1 << 16  # bytes of memory in one line
REPORTS_OF_FAULTS = re.compile("vtd_iommu_translate|New fault is not recorded")  # QEMU's own IOMMU tells its user


def firmware():
    return [word for directory in FIRMWARE if os.path.isdir(directory) for word in ("-L", directory)]


def wait_until(condition, what, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.001)


class Machine:
    """Use it in a `with`: at its end QEMU is asked to quit, and has to do so without a complaint."""

    def __init__(self, *devices, memory="512M", machine="q35", accel="qtest", more=()):
        self.known = [REPORTS_OF_FAULTS]  # what QEMU may say: patterns
        self.monitor = Monitor(SECONDS)
        self.socket, for_qemu = socket.socketpair()
        self.socket.settimeout(SECONDS)
        self.answers = self.socket.makefile("r", encoding="ascii")
        self.errors = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        command = [QEMU, "-nodefaults", "-vga", "none", "-display", "none", *firmware(), "-accel", accel,
                   "-machine", machine, "-m", memory, "-name", "test,debug-threads=on",
                   "-chardev", f"socket,id=qtest,fd={for_qemu.fileno()}", "-qtest", "chardev:qtest",
                   "-qtest-log", "/dev/null", *self.monitor.arguments()]
        for device in devices:
            command += ["-device", device]
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            command + list(more), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors,
            pass_fds=[for_qemu.fileno(), self.monitor.for_qemu.fileno()])
        for_qemu.close()
        self.monitor.for_qemu.close()

    def __enter__(self):
        try:
            self.is_alive()  # a monitor reports events once it was greeted
        except OSError:
            self.end(True)
            raise
        return self

    def __exit__(self, kind, _value, _trace):
        failed = True
        try:
            if kind is None:
                self.quit()
                failed = False
        finally:
            self.end(failed)

    def end(self, failed):
        self.process.kill()
        self.process.wait()
        self.socket.close()
        self.monitor.socket.close()
        if failed:
            for line in self.said().splitlines():
                print("# qemu: " + line)

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def quit(self):
        self.monitor.ask("quit")
        status = self.process.wait(SECONDS)
        said = [line for line in self.said().splitlines() if not any(known.search(line) for known in self.known)]
        if status != 0 or said:
            raise AssertionError(f"QEMU ended with status {status} and said: {said}")

    # qtest

    def send(self, lines):
        self.socket.sendall("".join(line + "\n" for line in lines).encode())

    def receive(self, count):
        """The words after OK of each answer."""
        words = []
        for _ in range(count):
            answer = self.answers.readline().split()
            if not answer or answer[0] != "OK":
                raise OSError(f"qtest answered {answer}, QEMU said {self.said()!r}")
            words.append(answer[1:])
        return words

    def batch(self, lines):
        self.send(lines)
        return self.receive(len(lines))

    def request(self, line):
        words = self.batch([line])[0]
        return words[0] if words else None

    def number(self, line):
        return int(self.request(line), 16)

    def read32(self, address):
        return self.number(f"readl {address:#x}")

    def read64(self, address):
        return self.number(f"readq {address:#x}")

    def write32(self, address, value):
        self.request(f"writel {address:#x} {value:#x}")

    def write64(self, address, value):
        self.request(f"writeq {address:#x} {value:#x}")

    def read(self, address, size):
        """In pieces: QEMU looks for the end of a line from its beginning each time that more of it has come."""
        words = self.batch([f"b64read {address + at:#x} {min(PIECE, size - at):#x}" for at in range(0, size, PIECE)])
        return b"".join(base64.b64decode(word[0]) for word in words)

    def write(self, address, data):
        self.batch([self.write_line(address + at, data[at:at + PIECE]) for at in range(0, len(data), PIECE)])

    @staticmethod
    def write_line(address, data):
        return f"b64write {address:#x} {len(data):#x} {base64.b64encode(data).decode()}"

    def fill(self, address, size, byte):
        self.request(f"memset {address:#x} {size:#x} {byte:#x}")

    def out32(self, port, value):
        self.request(f"outl {port:#x} {value:#x}")

    def in32(self, port):
        return self.number(f"inl {port:#x}")

    # the manager's side

    def is_alive(self):
        return self.monitor.ask("query-status")["status"]

    def reset(self):
        self.monitor.ask("system_reset")
        self.monitor.wait_for("RESET")

    def threads(self, name):
        """How many threads QEMU has of that name."""
        names = []
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/comm", encoding="ascii") as file:
                names.append(file.read().strip())
        return names.count(name)
