#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Boots a stock Linux kernel in one machine of machines.json, and forwards what the program in it (init.cc) says.

  run_linux.py --list                     the machines, one a line, without those that are run by hand only
  run_linux.py MACHINE [--build DIR] [--kernel FILE] [--initramfs FILE] [--qemu QEMU] [--guest WORD ...]
               [--console FILE] [--accel kvm] [-- QEMU ARGUMENTS]

What is not named is taken from the build directory (build). Each WORD goes to the program: disk-mib=N, network-mib=N,
or an option of GoogleTest, for example --guest=--gtest_filter=Disk.* .

Keys of a machine: about; devices (each a -device, before those that every machine has); machine (more properties of q35);
kernel (for its command line); guest (words for the program); memory_mib (4096, so that half of it lies above 4 GiB); seconds (300, the longest a run
may take); by_hand (why it is not among the tests).

The disk lives in memory, as long as the run. The kernel's messages go to a console of their own; a run that fails shows
its end. A line "@counters" of the guest asks for what the IOMMU counts.
"""

import argparse
import json
import os
import shlex
import socket
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from monitor import Monitor
from run_guest import FIRMWARE, STATUS_PASS, Duration, Tap, run, say, verdict

DISK_BYTES = 1 << 30
CONSOLE_LINES = 40  # of a failed run, shown
COUNTERS = ["translations", "walks", "interrupts", "stale-uses", "undecided-stale-uses"]  # properties of remap-iommu
# What cases.cc wants in every machine; the second network card is a requester on another bus.
# The disk takes transfers of up to 2^9 pages, a huge page.
DEVICES = [
    "nvme,drive=disk,serial=disk,mdts=9", "e1000e,netdev=left,romfile=",
    "pcie-root-port,id=bridge,chassis=1,slot=1", "e1000e,netdev=right,romfile=,bus=bridge",
]
KERNEL = [  # options of the command line of every machine
    "console=ttyS1",     # ttyS0 is the program's
    "panic=-1",          # a panic ends QEMU at once (-no-reboot)
    "log_buf_len=4M",    # the program reads the whole log at the end
    "iomem=relaxed",     # it looks into the unit's registers
    "nowatchdog",        # an emulated CPU may stand still for seconds when the host has other work,
    "no_timer_check",    # right when the kernel counts timer interrupts at boot,
    "tsc=reliable",      # or while it compares clocks
    "mitigations=off",   # only cost time under TCG
    "ipv6.disable=1",    # sends frames of its own
]


def read_machines():
    return json.loads((HERE / "machines.json").read_text(encoding="utf-8"))


class Files:
    """What QEMU inherits besides the monitor: the disk, and the two ends of the wire between the network cards."""

    def __init__(self):
        self.disk = os.memfd_create("disk")
        os.ftruncate(self.disk, DISK_BYTES)
        self.left, self.right = (end.detach() for end in socket.socketpair())

    def numbers(self):
        return [self.disk, self.left, self.right]


def command_line(machine, args, files):
    memory = machine.get("memory_mib", 4096)
    command = [args.qemu, "-nodefaults", "-vga", "none", "-display", "none", "-no-reboot"]
    for directory in filter(os.path.isdir, FIRMWARE):
        command += ["-L", directory]
    command += ["-accel", args.accel or "tcg,thread=multi"]
    command += ["-machine", ",".join(["q35", *machine.get("machine", [])]), "-cpu", "max", "-smp", "2", "-m", f"{memory}M"]
    command += ["-serial", "stdio", "-serial", f"file:{args.console}", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    disk = f"driver=file,node-name=disk,filename=/proc/self/fd/{files.disk}"
    command += ["-blockdev", disk + ",locking=off,cache.no-flush=on"]
    for name, end in (("left", files.left), ("right", files.right)):
        command += ["-netdev", f"stream,id={name},server=off,addr.type=fd,addr.str={end}"]
    for device in machine["devices"] + DEVICES:
        command += ["-device", device]
    command += args.monitor.arguments()
    words = KERNEL + machine["kernel"].split() + ["--"] + machine.get("guest", []) + args.guest
    return command + ["-kernel", args.kernel, "-initrd", args.initramfs, "-append", " ".join(words)] + args.more


def counters(args):
    """The answer to the guest: what the IOMMU counts, or "none" when it does not; nothing when it does not say."""
    words = []
    try:
        for path in args.monitor.objects("remap-iommu"):
            for name in COUNTERS:
                words.append(f"{name}={args.monitor.ask('qom-get', path=path, property=name)}")
    except (OSError, RuntimeError, ValueError) as error:
        say(f"# no counters: {error}")
        return "\n"
    return " ".join(words or ["none"]) + "\n"


def show_console(path):
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return say(f"# no console: {error}")
    for line in lines[-CONSOLE_LINES:]:
        say("# kernel: " + line)
    return say(f"# the whole console: {os.path.relpath(path)}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="list what the tests run, and end")
    parser.add_argument("--build", default="build", help="the build directory (build)")
    parser.add_argument("--qemu", help="default: the build's")
    parser.add_argument("--kernel", help="default: the build's")
    parser.add_argument("--initramfs", help="default: the build's")
    parser.add_argument("--console", help="file for the kernel's messages; default: in the build directory")
    parser.add_argument("--guest", action="append", default=[], metavar="WORD", help="for the program in the guest")
    parser.add_argument("--accel", help="QEMU's accelerator, for example kvm (default: tcg)")
    parser.add_argument("machine", nargs="?")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:end])
    args.more = words[end + 1:]
    if not args.list and args.machine is None:
        parser.error("a machine is needed")
    folder = os.path.join(args.build, "guest-tests", "linux")
    args.qemu = args.qemu or os.path.join(args.build, "qemu-system-x86_64")
    args.kernel = args.kernel or os.path.join(folder, "vmlinuz")
    args.initramfs = args.initramfs or os.path.join(folder, "initramfs.cpio")
    args.image = os.path.join(folder, "linux-init")
    args.console = args.console or os.path.join(folder, f"{args.machine}.console")
    return args


def main():
    args = parse_arguments()
    machines = read_machines()
    if args.list:
        print("\n".join(name for name, machine in machines.items() if "by_hand" not in machine))
        return 0
    if args.machine not in machines:
        sys.exit(f"no machine {args.machine}; there are: {', '.join(machines)}")
    for file in (args.qemu, args.kernel, args.initramfs):
        if not os.path.exists(file):
            sys.exit(f"Bail out! {file} is missing: scripts/test sets it up")
    machine = machines[args.machine]
    args.monitor = Monitor()
    files = Files()
    command = command_line(machine, args, files)
    tap, duration, seconds = Tap(), Duration(), machine.get("seconds", 300)
    try:
        status = run(command, seconds, tap, args, {"@counters": counters}, files.numbers())
    except OSError as error:
        sys.exit(f"Bail out! {args.qemu}: {error.strerror}")
    duration.end()
    say(f"# {duration}")
    problem = verdict(status, seconds, tap, True)
    if problem:
        say(f"Bail out! {problem}")
    if not problem and status == STATUS_PASS:
        return 0
    show_console(args.console)
    say(f"# by hand: {shlex.join(sys.argv)}")
    say(f"# QEMU was: {shlex.join(command)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
