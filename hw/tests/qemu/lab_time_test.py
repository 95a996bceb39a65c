#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What comes late, or never, by the laboratory's rules (docs/laboratory.md): DMA, translations, commands to the unit.

Of a machine without instructions to count, DMA is late by the host's time and all else by the virtual clock, which
goes on when the test says so; of one that counts them, all is late by the virtual clock.

usage: lab_time_test.py QEMU REMAPCTL [CASE]"""

import os
import sys
import tempfile
import time

from gpu import BUSY, IDLE, fill
from laboratory import FRAME, LOGICAL, Laboratory, MILLISECOND, OTHER, Remapctl, RING, SECOND, STATUS, rule
from machine import wait_until
from tap import case, expect, expect_equal, main
from vtd import FAULT_STATUS as UNIT_STATUS, PAGE, QIE, TE

REMAPCTL = sys.argv[2]
INVALIDATE_IOTLB = 0xf8  # the register
PENDING, ALL = 1 << 63, 1 << 60  # IVT, the scope


def expect_late_by_the_host(kind, **when):
    """One of two packets is late: nobody but the GPU's engine waits for it, and nothing of it is lost."""
    with Laboratory(rule(kind, {"delay": "300 ms"}, access="write", times=1, **when)) as machine:
        began = time.monotonic()
        machine.gpu.submit(RING, [fill(LOGICAL, 8, 1), fill(LOGICAL + PAGE, 8, 2)])
        states = 0
        while machine.gpu.state() == BUSY and time.monotonic() < began + 10:
            states += 1
        expect(time.monotonic() - began >= 0.3, f"it took {time.monotonic() - began} s")
        expect(states > 10, f"the machine answered {states} times meanwhile")
        expect_equal(machine.gpu.state(), IDLE, "state")
        expect_equal([machine.read64(FRAME), machine.read64(FRAME + PAGE)], [0x100000001, 0x200000002], "memory")
        machine.expect_injections(1)


@case
def dma_is_late_and_only_its_device_waits():
    expect_late_by_the_host("dma", address=hex(LOGICAL))


@case
def a_translation_is_late_and_only_its_device_waits():
    expect_late_by_the_host("translation", address=hex(LOGICAL))


class Counting(Laboratory):
    """Counts instructions. Its processor has halted, so that the clock goes from one thing that is to happen to the
    next."""

    HALT = bytes.fromhex("faf4ebfd")  # cli; hlt; and again after an NMI

    def __init__(self, *rules):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "firmware")
            with open(path, "wb") as file:
                file.write(bytes(0xfff0) + self.HALT + bytes(12))
            super().__init__(*rules, unit="lab=on,trace=on", accel="tcg",
                             more=["-bios", path, "-icount", "shift=1,sleep=off"])
            self.is_alive()  # it has read the file

    def times(self):
        """Of the writes of four packets: when they were made, and which of them rules had part in."""
        packets = [fill(LOGICAL + number * PAGE, 8, 1) for number in range(4)]
        before = len(self.writes())
        expect_equal(self.run(*packets), IDLE, "state")
        events = self.writes()[before:]
        expect_equal([event["address"] for event in events], [LOGICAL + number * PAGE for number in range(4)], "writes")
        return [event["time"] for event in events], ["tampered" in event["flags"] for event in events]

    def writes(self):
        return [event for event in self.tool.events("dma") if "write" in event["flags"]]

    @property
    def tool(self):
        return Remapctl(REMAPCTL, "-m", self.name)


@case
def dma_is_late_by_the_clock_of_a_machine_that_counts_instructions():
    with Counting() as machine:
        times, tampered = machine.times()
        expect(times[-1] - times[0] < MILLISECOND and not any(tampered), f"without a rule: {times}, {tampered}")
        machine.set_rules(rule("dma", {"delay": "1 s"}, access="write"))
        began = time.monotonic()
        times, tampered = machine.times()
        took = time.monotonic() - began
        expect(all(tampered), f"which were late: {tampered}")
        for one, next_one in zip(times, times[1:]):
            expect(SECOND <= next_one - one < SECOND + MILLISECOND, f"a second later: {next_one - one} ns")
        expect(took < 3, f"the host waited too: {took} s")
        machine.tool.expect_injections(machine, 4)


def hide_the_page(machine):
    """The unit knows the page, and the tables have another by now."""
    expect_equal(machine.run(fill(LOGICAL, 8, 1)), IDLE, "the page is known")
    machine.unit.map_page(machine.top, LOGICAL, OTHER)


def expect_reaches(machine, frame):
    for one in (FRAME, OTHER):
        machine.write64(one, 0)
    expect_equal(machine.run(fill(LOGICAL, 8, 1)), IDLE, "state")
    expect_equal([machine.read64(one) != 0 for one in (FRAME, OTHER)], [frame == FRAME, frame == OTHER],
                 "which of two frames was written")


@case
def an_invalidation_in_the_queue_is_late_and_what_is_behind_it_waits():
    with Laboratory(rule("invalidation", {"delay": "5 ms"}, nth=1)) as machine:
        machine.begin_queue()
        hide_the_page(machine)
        machine.write64(STATUS, 0)
        machine.invalidate()
        machine.wait(1)
        machine.step(4 * MILLISECOND)
        expect_equal([machine.head(), machine.read64(STATUS), machine.unit.get(UNIT_STATUS)], [0, 0, 0],
                     "head, status word, error")
        expect_reaches(machine, FRAME)
        machine.step(MILLISECOND)
        wait_until(lambda: machine.read64(STATUS) == 1, "the wait is done")
        expect_reaches(machine, OTHER)
        machine.expect_injections(1)


@case
def an_invalidation_by_register_is_late_and_pending():
    with Laboratory(rule("invalidation", {"delay": "5 ms"})) as machine:
        hide_the_page(machine)
        machine.unit.set(INVALIDATE_IOTLB, PENDING | ALL, 8)
        machine.step(4 * MILLISECOND)
        expect(machine.unit.get(INVALIDATE_IOTLB, 8) & PENDING, "it is pending")
        expect_reaches(machine, FRAME)
        machine.step(MILLISECOND)
        wait_until(lambda: not machine.unit.get(INVALIDATE_IOTLB, 8) & PENDING, "it is done")
        expect_reaches(machine, OTHER)
        machine.expect_injections(1)


@case
def a_stuck_invalidation_ends_with_the_queue_or_the_rule():
    with Laboratory(rule("invalidation", {"stick": True})) as machine:
        machine.begin_queue()
        hide_the_page(machine)
        machine.invalidate()
        machine.expect_injections(1)
        machine.step(10 ** 10)
        expect_equal([machine.head(), machine.unit.get(UNIT_STATUS)], [0, 0], "head, error")
        machine.unit.set(0x18, TE)
        wait_until(lambda: not machine.unit.get(0x1c) & QIE, "the queue can be disabled")
        expect_reaches(machine, FRAME)
        machine.tail = 0
        machine.unit.set(0x88, 0, 8)
        machine.begin_queue()
        machine.invalidate()
        machine.expect_injections(2)
        expect_equal(machine.head(), 0, "it sticks again")
        machine.set_rules()
        wait_until(lambda: machine.head() == machine.tail, "without the rule it goes on")
        expect_reaches(machine, OTHER)
        machine.expect_injections(2)


@case
def completions_are_late_lost_and_stuck():
    with Laboratory(rule("completion", {"delay": "1 ms"}, nth=1, name="late"),
                    rule("completion", {"drop": True}, nth=2, name="lost"),
                    rule("completion", {"stick": True}, nth=3, name="stuck")) as machine:
        machine.begin_queue()
        machine.write64(STATUS, 0)
        machine.wait(1)
        expect_equal(machine.read64(STATUS), 0, "before its time")
        machine.step()
        wait_until(lambda: machine.read64(STATUS) == 1, "the late one comes")
        machine.wait(2)
        wait_until(lambda: machine.head() == machine.tail, "the lost one is done")
        expect_equal(machine.read64(STATUS), 1, "its status")
        machine.wait(3)
        machine.step()
        expect(machine.head() != machine.tail, "the queue stands")
        expect_equal(machine.unit.get(UNIT_STATUS), 0, "no error")
        machine.set_rules()
        wait_until(lambda: machine.head() == machine.tail, "without the rule it goes on")
        expect_equal(machine.read64(STATUS), 3, "the last status")
        machine.expect_injections(3)


if __name__ == "__main__":
    main(arguments=2)
