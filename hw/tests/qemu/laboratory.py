# SPDX-License-Identifier: MIT
"""Machines with a laboratory (docs/laboratory.md), and remapctl as people call it.

Time is qtest's: it passes when the test says so."""

import json
import subprocess

from gpu import BUSY, FAULT_STATUS, Gpu, fill, packet
from machine import MIB, Machine, wait_until
from scalable import Extended, ProcessUnit
from tap import expect, expect_equal
from vtd import PAGE, QIE, TE, Unit

TABLES, QUEUE, STATUS = 0x100000, 0x700000, 0x701000
RING, FRAME, OTHER = 0x800000, 64 * MIB, 66 * MIB
LOGICAL = 0x40000000
PROCESS, PAGE_OF_PROCESS = 7, 0x7f1234567000
MILLISECOND, SECOND = 10 ** 6, 10 ** 9
GPU = "remap-gpu,addr=3,id=gpu0,vram=4M"
PROCESS_GPU = GPU + ",ats=on,pri=on,pasid=on"
INVALIDATE_ALL = 0x12  # translations, all of them
WAIT_AND_WRITE = 0x25


def rule(on, do, name="rule", **when):
    return {"name": name, "when": {"on": on, **when}, "do": do}


def text_of(*rules, seed=0):
    return json.dumps({"seed": seed, "rules": list(rules)})


class Controlled(Machine):
    """A machine whose unit has a laboratory; its rules begin when its devices are set up."""

    def __init__(self, *devices, rules=(), **options):
        super().__init__(*devices, memory="256M", **options)
        self.rules = rules

    def __enter__(self):
        super().__enter__()
        self.set_up()
        if self.rules:
            self.set_rules(*self.rules)
        return self

    def set_up(self):
        pass

    @property
    def name(self):
        return f"qemu-{self.process.pid}"

    def set_rules(self, *rules):
        self.put("rules", text_of(*rules))

    def put(self, name, value):
        self.monitor.ask("qom-set", path="/machine/peripheral/unit", property=name, value=value)

    def ask(self, name):
        return self.monitor.ask("qom-get", path="/machine/peripheral/unit", property=name)

    def step(self, nanoseconds=MILLISECOND):
        self.request(f"clock_step {nanoseconds}")

    def expect_injections(self, count):
        """In the property and, if the trace is off, in the lane of injections, which is then all that is written."""
        wait_until(lambda: self.ask("injections") == count, f"{count} injections: {self.ask('injections')}")
        if not self.ask("trace"):
            expect_equal(self.ask("trace-records"), count, "records")
        expect_equal(sum(device["injections"] for device in self.ask("devices")) <= count, True, "those of devices")


class Laboratory(Controlled):
    """A unit that translates for one GPU: its ring and two pages of memory."""

    def __init__(self, *rules, unit="lab=on", devices=(), **options):
        super().__init__(f"remap-iommu,id=unit,{unit}", GPU, *devices, rules=rules, **options)

    def set_up(self):
        self.gpu = Gpu(self)
        self.unit = Unit(self, TABLES)
        self.top = self.unit.attach(self.gpu.source, 1)
        self.unit.map_large(self.top, RING, RING, 2 * MIB)
        for number in range(4):
            self.unit.map_page(self.top, LOGICAL + number * PAGE, FRAME + number * PAGE)
        self.unit.enable()
        self.tail = 0

    def begin_queue(self):
        self.fill(QUEUE, PAGE, 0)
        self.unit.set(0x90, QUEUE, 8)
        self.unit.set(0x18, TE | QIE)

    def command(self, *words):
        for word in words:
            self.write64(QUEUE + self.tail, word)
            self.tail += 8
        self.unit.set(0x88, self.tail, 8)

    def invalidate(self):
        self.command(INVALIDATE_ALL, 0)

    def wait(self, value=1):
        self.command(WAIT_AND_WRITE | value << 32, STATUS)

    def head(self):
        return self.unit.get(0x80, 8)

    def leaf(self, number):
        """Where the entry of a page lies."""
        child = self.unit.child
        return child(child(child(self.top) + 8)) + 8 * number

    def run(self, *packets):
        return self.gpu.run(RING, list(packets))


def process_devices(unit="lab=on,trace=on", timeout=1000):
    """A unit and a GPU that keeps translations and asks for pages; the time-out is in milliseconds."""
    return (f"remap-iommu,id=unit,{unit},scalable-mode=on,device-iotlb=on,svm=on,device-iotlb-timeout={timeout}",
            PROCESS_GPU)


class ProcessLaboratory(Controlled):
    """A GPU that works on the memory of a process."""

    def __init__(self, *rules, **devices):
        super().__init__(*process_devices(**devices), rules=rules)

    def set_up(self):
        self.begin()

    def begin(self):
        """Also after a reset."""
        self.gpu = Gpu(self)
        self.unit = ProcessUnit(self, TABLES, self.gpu.source, PROCESS)
        self.unit.enable()
        self.extended = Extended(self, self.gpu)
        self.extended.enable()

    def submit(self, pattern=0x5a5a5a5a):
        self.gpu.submit(RING, [packet(7, flags=8, value=PROCESS), fill(PAGE_OF_PROCESS, 8, pattern)], log2_entries=4)

    def waits_for_page(self):
        return self.gpu.get(0x024) & 8 != 0

    def expect_done(self):
        wait_until(lambda: self.gpu.state() != BUSY, "the packet is done")
        expect_equal(self.gpu.get(FAULT_STATUS), 0, "fault")

    def expect_reaches(self, frame):
        """Which of two frames the GPU finds at the page."""
        for one in (FRAME, OTHER):
            self.write64(one, 0)
        self.submit()
        self.expect_done()
        expect_equal([self.read64(one) != 0 for one in (FRAME, OTHER)], [frame == FRAME, frame == OTHER],
                     "which of two frames was written")


class Remapctl:
    """The tool, attached to a machine or to what one has left."""

    def __init__(self, path, *target):
        self.path, self.target = path, target

    def command(self, *arguments):
        return [self.path, *self.target, *map(str, arguments)]

    def call(self, *arguments, text=None, code=0):
        done = subprocess.run(self.command(*arguments), input=text, text=True, capture_output=True, timeout=60,
                              check=False)
        expect(done.returncode == code, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def json(self, *arguments, **options):
        return json.loads(self.call(*arguments, "--json", **options).stdout)

    def events(self, *kinds):
        """What the trace holds now; nothing of it is lost."""
        chosen = ["--kind", ",".join(kinds)] if kinds else []
        done = self.call("trace", "--json", *chosen)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        expect(f"{len(events)} events shown, 0 lost" in done.stderr, done.stderr)
        return events

    def expect_injections(self, machine, count):
        """The machine's own count, the trace, and the account that holds one against the other. Of a machine that runs
        the counts of rules are published twenty times a second."""
        machine.expect_injections(count)
        expect_equal(len(self.events("injection")), count, "injections in the trace")
        def sums():
            rules = json.loads(subprocess.run(self.command("account", "--json"), capture_output=True, timeout=60,
                                              check=False).stdout)["rules"]
            return sum(one["injected"] for one in rules), sum(one["traced"] for one in rules)
        wait_until(lambda: sums() == (count, count), f"an account of {count} injections")
        self.call("account")
