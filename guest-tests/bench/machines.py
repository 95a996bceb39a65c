# SPDX-License-Identifier: MIT
"""What scripts/bench compares: guests in machines of different kinds, and a process of the host. All are alive at the same
time, take requests on their standard input (bench.cc) and sleep in between, so that one can be asked right after the
other."""

import os
import subprocess
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import run_guest  # pylint: disable=wrong-import-position

MIB_BESIDES = 160  # of a guest: kernel, tables, ring
SECONDS_OF_NANOSECONDS = 1e9


class BenchError(Exception):
    """A sentence for people."""


class Server:
    """A process that answers lines of words with lines of numbers."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
                                        errors="replace", bufsize=1)

    def expect(self, start):
        """The rest of the line that comes next, which has to begin so."""
        line = self.process.stdout.readline().rstrip("\r\n")
        if not line.startswith(start):
            raise BenchError(f"{self.name} said {line!r} in place of {start!r}")
        return line[len(start):]

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        return [int(number) for number in self.expect("=").split()]

    def processor_time(self):
        """Nanoseconds that the work has taken of processors, whatever else the host did meanwhile."""
        return sum(self.time_of(task) for task in os.listdir(f"/proc/{self.process.pid}/task"))

    def time_of(self, task):
        with open(f"/proc/{self.process.pid}/task/{task}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])

    def end(self):
        try:
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


class Guest(Server):
    """A machine with a GPU. What its processor does, which only sets the work up, does not count."""

    def __init__(self, name, devices, args):
        monitor = types.SimpleNamespace(arguments=lambda: ["-name", "bench,debug-threads=on"])
        # A large page that is shared between the set and something else is one less.
        memory = args.pages * 4 // 1024 + MIB_BESIDES
        command = run_guest.command_line(
            {"devices": devices, "memory_mib": memory},
            types.SimpleNamespace(qemu=args.qemu, accel=args.accel, option=[f"pages={args.pages}"], image=args.image,
                                  monitor=monitor, more=[]))
        super().__init__(name, command)

    def time_of(self, task):
        with open(f"/proc/{self.process.pid}/task/{task}/comm", encoding="ascii") as file:
            name = file.read()
        return 0 if name.startswith("CPU ") else super().time_of(task)


def start(args):
    """All of them, by name."""
    servers = {}
    try:
        for name, devices in (("none", ["remap-gpu"]), ("intel", ["intel-iommu", "remap-gpu"]),
                              ("remap", ["remap-iommu", "remap-gpu"])):
            servers[name] = Guest(name, devices, args)
        servers["memcpy"] = Server("memcpy", [args.memcpy, str(args.pages)])
        for server in servers.values():
            server.expect("ready")
    except BaseException:
        end(servers)
        raise
    return servers


def end(servers):
    for server in servers.values():
        server.end()
