#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs one guest image in one variant of the machine and forwards what it says.

  run_guest.py --list                          the pairs "variant suite kind" of variants.json, one a line
  run_guest.py VARIANT IMAGE [--qemu QEMU] [--option NAME=VALUE ...] [--picture FILE] [--accel kvm]
               [--seconds SECONDS] [--seconds-to-verdict SECONDS] [-- QEMU ARGUMENTS]

A suite speaks TAP, a program what it likes. Either way the image's verdict is also QEMU's exit status; the two must
agree, and so must this program's own status: 0 passed, 1 failed, 2 wrong use. A line "@picture" is a request to save what
the display shows; the guest gets "+" on its serial port when that is done, "-" when it could not be. A line "@mappings
ADDRESS" asks who maps a physical page (docs/coherency.md).

A file beside the image with its name and the suffix .sys is a driver in binary form: the guest gets it as its boot module.

Keys of a variant: about; devices (each a -device); memory_mib (512); cpu (max); machine (more properties of q35); correct
(true: the programs make no mistake that the cache model could find, so that a report of one fails the run);
options (for the kernel command line); seconds (60, the longest a run may take); seconds_to_verdict (3.0); suites and
programs (what runs in it).

A suite that passes fails all the same when QEMU needed more than seconds_to_verdict from its start to the verdict. What
counts is processor time of all of QEMU's threads, so that a machine with other work to do does not fail it; a guest that
waits by polling uses it up as the time passes. A comment at the end of a suite tells both times.
"""

import argparse
import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time

from monitor import Monitor
from source_lines import SourceLines

HERE = os.path.dirname(os.path.abspath(__file__))
FIRMWARE = ["/usr/share/qemu", "/usr/share/seabios"]  # where distributions put it; QEMU's own places are tried too
LARGE_MIB = 65536  # from here on the host reserves no memory in advance
SECONDS_TO_VERDICT = 3.0  # where the variant does not say
STATUS_PASS, STATUS_FAIL = 1, 3  # of QEMU: isa-debug-exit makes 2 * value + 1 of the verdict
RESULT = re.compile(r"(not )?ok (\d+)\b(.*)")
MAPPING = re.compile(r"^(0x[0-9a-f]+) ([A-Z]+-?) ", re.MULTILINE)
CACHE_FINDING = "cache-model: "
SKIPPED = re.compile(r"#\s*(skip|todo)\b", re.IGNORECASE)
WITH_ITS_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]  # QEMU does not outlive this program, however that ends


def read_variants():
    with open(os.path.join(HERE, "variants.json"), encoding="utf-8") as file:
        return json.load(file)


def list_pairs():
    for name, variant in read_variants().items():
        for kind in ("suite", "program"):
            for image in variant.get(kind + "s", []):
                print(name, image, kind)


def command_line(variant, args):
    memory = variant.get("memory_mib", 512)
    machine = ["q35"] + variant.get("machine", [])
    command = [args.qemu, "-nodefaults", "-vga", "none", "-display", "none", "-no-reboot", "-serial", "stdio"]
    for directory in filter(os.path.isdir, FIRMWARE):
        command += ["-L", directory]
    if memory >= LARGE_MIB:
        machine.append("memory-backend=ram")
        command += ["-object", f"memory-backend-ram,id=ram,size={memory}M,reserve=off"]
    if args.accel:
        command += ["-accel", args.accel]
    command += ["-machine", ",".join(machine), "-cpu", variant.get("cpu", "max"), "-m", f"{memory}M"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    for device in variant.get("devices", []):
        command += ["-device", device]
    options = {"memory_mib": memory, **variant.get("options", {})}
    options.update(option.partition("=")[::2] for option in args.option)
    words = [f"{name}={value}" for name, value in options.items()]
    command += args.monitor.arguments()
    module = os.path.splitext(args.image)[0] + ".sys"
    if os.path.exists(module):
        command += ["-initrd", module]
    return command + ["-kernel", args.image, "-append", " ".join(words)] + args.more


class Tap:
    """What a stream of TAP has said so far."""

    def __init__(self):
        self.planned = None
        self.seen = 0
        self.failed = 0
        self.bailed_out = False
        self.mistakes = 0  # that QEMU's cache model has found
        self.last = "before the first case"

    def take(self, line):
        result = RESULT.match(line)
        if result:
            self.seen += 1
            self.failed += bool(result.group(1)) and not SKIPPED.search(result.group(3))
            self.last = "after: " + line
        elif line.startswith("1.."):
            self.planned = int(line[3:].split()[0])
        elif line.startswith("Bail out!"):
            self.bailed_out = True

    def passed(self):
        return not self.bailed_out and not self.failed and self.planned == self.seen and self.seen > 0


class Duration:
    """Of QEMU, from its start to its end: by the clock, and of processors. There is no other child process."""

    def __init__(self):
        self.begin = time.monotonic()
        self.wall = 0.0
        self.processor = 0.0

    def end(self):
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.wall = time.monotonic() - self.begin
        self.processor = used.ru_utime + used.ru_stime

    def __str__(self):
        return f"QEMU ran for {self.wall:.2f} s and used {self.processor:.2f} s of processor time"


def say(line):
    """One whole line at a time: two threads write."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def forward_as_comments(stream, begun, lines, tap):
    """Not before the guest has begun: TAP wants its version on the first line."""
    for line in stream:
        begun.wait()
        tap.mistakes += CACHE_FINDING in line
        say("# qemu: " + lines.add_to(line.rstrip()))


def save_picture(args):
    """The answer to the guest."""
    path = os.path.abspath(args.picture or os.path.splitext(args.image)[0] + ".png")
    try:
        args.monitor.save_picture(path)
    except (OSError, RuntimeError, ValueError) as error:
        say(f"# no picture: {error}")
        return "-"
    say(f"{'  saved as  ' if args.program else '# picture: '}{os.path.relpath(path)}")
    return "+"


def name_mappings(args, page):
    """Who maps a physical page, as the cache model says it: "ADDRESS:TYPE" of each mapping, by ascending addresses."""
    try:
        args.monitor.ask("qom-set", path="/machine/caches", property="page", value=int(page, 16))
        text = args.monitor.ask("qom-get", path="/machine/caches", property="mappings")
    except (OSError, RuntimeError, ValueError) as error:
        say(f"# no mappings: {error}")
        return "\n"
    return " ".join(f"{address}:{kind}" for address, kind in MAPPING.findall(text)) + "\n"


REQUESTS = {"@picture": save_picture, "@mappings": name_mappings}


def run(command, seconds, tap, args, requests=None, files=()):
    """Forwards what guest and QEMU say, and answers the guest's requests. QEMU inherits the monitor and these files.
    Addresses of code that QEMU tells of are looked up in args.image. Returns QEMU's status, or None if it had to be
    killed."""
    requests = REQUESTS if requests is None else requests
    killed, begun = threading.Event(), threading.Event()

    def kill():
        killed.set()
        process.kill()

    with subprocess.Popen([*WITH_ITS_PARENT, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1,
                          encoding="utf-8", errors="replace",
                          pass_fds=[args.monitor.for_qemu.fileno(), *files]) as process:
        timer = threading.Timer(seconds, kill)
        comments = threading.Thread(target=forward_as_comments, args=[process.stderr, begun, SourceLines(args.image), tap])
        timer.start()
        comments.start()
        try:
            for line in process.stdout:
                line = line.rstrip("\r\n")
                request, *words = line.split(" ")
                if request in requests:
                    process.stdin.write(requests[request](args, *words))
                    process.stdin.flush()
                    continue
                say(line)
                begun.set()
                tap.take(line)
            status = process.wait()
        finally:
            timer.cancel()
            begun.set()
            comments.join()
    return None if killed.is_set() else status


def verdict(status, seconds, tap, suite):
    """The sentence that says what is wrong with the run as a whole, or None."""
    if status is None:
        return f"QEMU was killed: no verdict within {seconds} s, {tap.last}"
    if status < 0:
        return f"QEMU was ended by signal {signal.Signals(-status).name}, {tap.last}"
    if status not in (STATUS_PASS, STATUS_FAIL):
        return f"QEMU ended with status {status} and without a verdict of the guest, {tap.last}"
    if not suite or tap.bailed_out:
        return None
    if tap.planned != tap.seen:
        return f"{tap.seen} results for {tap.planned} planned cases, {tap.last}"
    if tap.passed() != (status == STATUS_PASS):
        return f"the guest's verdict (QEMU's status {status}) contradicts its {tap.failed} failed cases"
    return None


def too_slow(duration, variant, args):
    """The sentence that says so, or None."""
    budget = args.seconds_to_verdict
    if budget is None:
        budget = variant.get("seconds_to_verdict", SECONDS_TO_VERDICT)
    if duration.processor <= budget:
        return None
    return f"{duration}, seconds_to_verdict are {budget}"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="list what runs where, and end")
    parser.add_argument("--qemu", default=os.environ.get("QEMU", "qemu-system-x86_64"), help="default: $QEMU")
    parser.add_argument("--accel", help="QEMU's accelerator, for example kvm (default: tcg)")
    parser.add_argument("--program", action="store_true", help="the image is a program: its output is not TAP")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="for the guest")
    parser.add_argument("--picture", metavar="FILE", help="where to save a picture, .png or .ppm (default: IMAGE.png)")
    parser.add_argument("--seconds", type=float, help="the longest a run may take; default: the variant's")
    parser.add_argument("--seconds-to-verdict", type=float, metavar="SECONDS",
                        help="processor time that a suite may use; default: the variant's")
    parser.add_argument("variant", nargs="?")
    parser.add_argument("image", nargs="?")
    parser.add_argument("more", nargs="*", help="further QEMU arguments, after --")
    args = parser.parse_args()
    if not args.list and args.image is None:
        parser.error("a variant and an image are needed")
    return args


def main():
    args = parse_arguments()
    if args.list:
        return list_pairs()
    variants = read_variants()
    if args.variant not in variants:
        sys.exit(f"no variant {args.variant}; there are: {', '.join(variants)}")
    variant = variants[args.variant]
    args.monitor = Monitor()
    command = command_line(variant, args)
    tap = Tap()
    seconds = args.seconds or variant.get("seconds", 60)
    duration = Duration()
    try:
        status = run(command, seconds, tap, args)
    except OSError as error:
        sys.exit(f"Bail out! {args.qemu}: {error.strerror}")
    duration.end()
    problem = verdict(status, seconds, tap, not args.program)
    if not problem and tap.mistakes and variant.get("correct"):
        problem = f"the cache model reports {tap.mistakes} mistakes of a program that is correct"
    if not args.program:
        print(f"# {duration}")
        if not problem and status == STATUS_PASS:  # the time of a run that failed is no news
            problem = too_slow(duration, variant, args)
    if problem:
        print(f"Bail out! {problem}")
    passed = not problem and status == STATUS_PASS
    if not passed:
        print(f"# by hand: {shlex.join(command)}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
