#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What goes wrong between the unit and a device (docs/laboratory.md): orders to forget translations, page requests and
their answers that are lost, late, or met with silence, and interrupts that are lost or refused. The trace is on, and
each case holds what was reported against it.

usage: lab_device_test.py QEMU REMAPCTL [CASE]"""

import sys

from gpu import BUSY, CONTROL, FAULT_STATUS, FIRST_WINDOW, Gpu, HALTED, fill, packet
from laboratory import (Controlled, FRAME, GPU, MILLISECOND, OTHER, PAGE_OF_PROCESS, PROCESS, ProcessLaboratory,
                        RING, Remapctl, SECOND, TABLES, process_devices, rule)
from machine import MIB, wait_until
from migration import moved_by_file
from pci import open_bridge, unplug
from remapping import Remapping, pending, send, set_up, vector_word
from scalable import Extended, PAGE_QUEUE_HEAD, PAGE_QUEUE_TAIL, PAGE_STATUS, PRI, ProcessUnit, QUEUE_ERROR
from tap import case, expect, expect_equal, main
from vtd import FAULT_STATUS as UNIT_STATUS

REMAPCTL = sys.argv[2]
BRIDGE = "pcie-root-port,id=bridge,addr=4,chassis=1,slot=1"
INVALIDATIONS = 0x0d8  # those that the GPU has obeyed
ITE, ICE = 1 << 6, 1 << 5  # in the unit's status
PAGE_REQUEST_BLOCKED = 0x47


def attached(machine):
    return Remapctl(REMAPCTL, "-m", machine.name)


def keep_an_old_page(machine):
    """The GPU keeps a translation; by the tables and the unit the page is in another frame now."""
    machine.unit.map_process(PAGE_OF_PROCESS, FRAME)
    machine.expect_reaches(FRAME)
    machine.unit.map_process(PAGE_OF_PROCESS, OTHER)
    machine.unit.forget(PAGE_OF_PROCESS)
    machine.unit.wait()


def tell_again(machine):
    """Without rules the device obeys."""
    machine.set_rules()
    machine.unit.tell_device(PAGE_OF_PROCESS)
    machine.unit.wait()
    machine.expect_reaches(OTHER)


def expect_traced(machine, count, kind, *flags):
    """So many injections, and so many events that show it."""
    tool = attached(machine)
    tool.expect_injections(machine, count)
    events = [event for event in tool.events(kind) if "tampered" in event["flags"]]
    expect_equal(len(events), count, f"events of {kind} that were tampered with")
    for event in events:
        expect(set(flags) <= set(event["flags"]) and event["device"] == "00:03.0", f"{flags}, in {event}")


@case
def a_device_that_says_it_has_forgotten_goes_on_with_the_old_page():
    with ProcessLaboratory(rule("device-invalidation", {"drop": True})) as machine:
        keep_an_old_page(machine)
        machine.unit.tell_device(PAGE_OF_PROCESS)
        machine.step()
        machine.unit.wait()
        machine.expect_reaches(FRAME)
        expect_equal(machine.gpu.get(INVALIDATIONS, 8), 0, "what the GPU was told")
        expect_traced(machine, 1, "device-invalidation", "refused")
        expect_equal(len(attached(machine).events("device-answer")), 1, "answers in the trace")
        tell_again(machine)
        expect_equal([machine.gpu.get(INVALIDATIONS, 8), machine.unit.get(UNIT_STATUS)], [1, 0], "obeyed; status")
        machine.expect_injections(1)


@case
def a_device_that_is_silent_is_timed_out():
    with ProcessLaboratory(rule("device-invalidation", {"silence": True}, nth=1)) as machine:
        keep_an_old_page(machine)
        machine.unit.tell_device(PAGE_OF_PROCESS)
        machine.step()
        expect(not machine.unit.done(), "the unit waits")
        machine.expect_reaches(FRAME)
        for _ in range(3):
            machine.step(SECOND)
        wait_until(lambda: machine.unit.get(UNIT_STATUS) & ITE, "the time is over")
        expect_equal(machine.unit.get(QUEUE_ERROR, 8) >> 32 & 0xffff, machine.gpu.source, "who did not answer")
        expect_traced(machine, 1, "device-invalidation", "refused")
        expect_equal(len(attached(machine).events("device-answer")), 0, "answers in the trace")
        machine.unit.set(UNIT_STATUS, ITE)
        tell_again(machine)
        expect_equal(machine.unit.get(UNIT_STATUS), 0, "the unit's status")
        machine.expect_injections(1)


@case
def a_device_that_is_late_uses_the_old_page_until_then():
    with ProcessLaboratory(rule("device-invalidation", {"delay": "5 ms"})) as machine:
        keep_an_old_page(machine)
        machine.unit.tell_device(PAGE_OF_PROCESS)
        machine.step(4 * MILLISECOND)
        machine.expect_reaches(FRAME)
        expect(not machine.unit.done(), "the unit waits")
        machine.step(MILLISECOND)
        machine.unit.wait()
        machine.expect_reaches(OTHER)
        expect_equal([machine.gpu.get(INVALIDATIONS, 8), machine.unit.get(UNIT_STATUS)], [1, 0], "obeyed; status")
        expect_traced(machine, 1, "device-invalidation")


@case
def a_device_that_is_later_than_the_time_out_answers_nobody():
    with ProcessLaboratory(rule("device-invalidation", {"delay": "1 s"}), timeout=100) as machine:
        keep_an_old_page(machine)
        machine.unit.tell_device(PAGE_OF_PROCESS)
        machine.step(SECOND // 2)
        wait_until(lambda: machine.unit.get(UNIT_STATUS) & ITE, "the time is over")
        machine.unit.set(UNIT_STATUS, ITE)
        machine.expect_reaches(FRAME)
        machine.step(SECOND)
        wait_until(lambda: machine.unit.get(UNIT_STATUS) & ICE, "the answer comes too late")
        expect_equal(machine.unit.get(QUEUE_ERROR, 8) >> 48, machine.gpu.source, "whose")
        machine.expect_reaches(OTHER)
        expect_traced(machine, 1, "device-invalidation")


def ask_and_answer(machine):
    """The GPU asks for the page and gets it, as far as the unit can tell; the words of the request."""
    machine.submit()
    page, low, high = machine.unit.request()
    machine.unit.map_process(page, FRAME)
    machine.unit.answer(low, high)
    machine.unit.wait()
    return low, high


def expect_filled(machine):
    machine.expect_done()
    expect_equal(machine.read64(FRAME), 0x5a5a5a5a5a5a5a5a, "the page")


@case
def an_answer_that_is_lost_has_to_come_again():
    with ProcessLaboratory(rule("page-answer", {"silence": True})) as machine:
        request = ask_and_answer(machine)
        machine.expect_injections(1)
        machine.step(SECOND)
        expect(machine.waits_for_page(), "the GPU waits for the page that is there")
        expect_traced(machine, 1, "page-answer", "refused")
        machine.set_rules()
        machine.unit.answer(*request)
        expect_filled(machine)
        machine.expect_injections(1)


@case
def an_answer_that_is_late_comes_in_its_time():
    with ProcessLaboratory(rule("page-answer", {"delay": "5 ms"})) as machine:
        ask_and_answer(machine)
        machine.step(4 * MILLISECOND)
        expect(machine.waits_for_page(), "the GPU waits")
        machine.step(MILLISECOND)
        expect_filled(machine)
        expect_traced(machine, 1, "page-answer")


@case
def an_answer_that_is_late_comes_before_the_machine_moves():
    with ProcessLaboratory(rule("page-answer", {"delay": "500 ms"})) as machine:
        ask_and_answer(machine)
        expect(machine.waits_for_page(), "the GPU waits")
        attached(machine).expect_injections(machine, 1)
        with moved_by_file(machine, machine.gpu, *process_devices(), memory="256M") as (other, gpu):
            wait_until(lambda: gpu.state() != BUSY, "the packet is done")
            expect_equal([other.read64(FRAME), gpu.get(FAULT_STATUS)], [0x5a5a5a5a5a5a5a5a, 0], "the page; fault")


@case
def an_answer_that_is_late_does_not_outlive_a_reset():
    """A new life's first request has the number of the old one's."""
    with ProcessLaboratory(rule("page-answer", {"delay": "500 ms"}, nth=1)) as machine:
        ask_and_answer(machine)
        machine.expect_injections(1)
        machine.reset()
        machine.begin()
        machine.submit()
        page, low, high = machine.unit.request()
        machine.step(SECOND)
        expect_equal(machine.unit.get(PAGE_QUEUE_HEAD, 8), machine.unit.get(PAGE_QUEUE_TAIL, 8), "nobody asks again")
        expect(machine.waits_for_page(), "nobody has answered this request")
        machine.unit.map_process(page, FRAME)
        machine.unit.answer(low, high)
        machine.unit.wait()
        expect_filled(machine)
        status = machine.extended.get(machine.extended.all()[PRI] + 4)
        expect_equal(status >> 17 & 1, 0, "answers that nobody expects")


def plug(machine):
    """A GPU that works for the process, and its unit."""
    open_bridge(machine, 4, 1, FIRST_WINDOW, 256 * MIB)
    machine.monitor.ask("device_add", driver="remap-gpu", id="guest", bus="bridge", vram=4 * MIB, ats=True, pri=True,
                        pasid=True)
    gpu = Gpu(machine, device=0, bus=1)
    unit = ProcessUnit(machine, TABLES, gpu.source, PROCESS)
    unit.enable()
    Extended(machine, gpu).enable()
    return gpu, unit


@case
def what_is_late_for_a_device_that_is_unplugged_reaches_nobody():
    unit, _ = process_devices()
    with Controlled(unit, BRIDGE, rules=[rule(kind, {"delay": "50 ms"}, name=kind)
                                         for kind in ("page-answer", "device-invalidation")]) as machine:
        gpu, unit = plug(machine)
        gpu.submit(RING, [packet(7, flags=8, value=PROCESS), fill(PAGE_OF_PROCESS, 8, 1)], log2_entries=4)
        _, low, high = unit.request()
        unit.answer(low, high)
        unit.wait()
        unit.tell_device(PAGE_OF_PROCESS)
        attached(machine).expect_injections(machine, 2)
        unplug(machine)
        for _ in range(3):
            machine.step(SECOND)
        wait_until(lambda: unit.get(UNIT_STATUS) & ITE, "the time is over")
        expect_equal(unit.get(QUEUE_ERROR, 8) >> 32 & 0xffff, gpu.source, "who did not answer")
        machine.expect_injections(2)


@case
def a_page_request_that_is_lost_is_seen_by_nobody():
    with ProcessLaboratory(rule("page-request", {"drop": True}, nth=1, device="00:03.0", pasid=PROCESS)) as machine:
        machine.submit()
        machine.expect_injections(1)
        machine.step(SECOND)
        expect(machine.waits_for_page(), "the GPU waits")
        unit = machine.unit
        expect_equal([unit.get(PAGE_QUEUE_HEAD, 8), unit.get(PAGE_QUEUE_TAIL, 8), unit.get(PAGE_STATUS)], [0, 0, 0],
                     "the queue of page requests, and its status")
        expect_traced(machine, 1, "page-request", "refused")
        machine.gpu.set(CONTROL, 0)
        ask_and_answer(machine)
        expect_filled(machine)
        machine.expect_injections(1)


@case
def a_page_request_is_refused_with_a_fault():
    with ProcessLaboratory(rule("page-request", {"fault": PAGE_REQUEST_BLOCKED}, nth=1)) as machine:
        machine.submit()
        wait_until(lambda: machine.gpu.state() == HALTED, "the GPU is told")
        wait_until(lambda: machine.unit.get(UNIT_STATUS) & 2, "a fault is recorded")
        expect_equal([machine.unit.get(0x228, 8) >> 32 & 0xff, machine.unit.get(0x220, 8)],
                     [PAGE_REQUEST_BLOCKED, PAGE_OF_PROCESS], "its reason and page")
        tool = attached(machine)
        tool.expect_injections(machine, 1)
        expect_equal([event["code"] for event in tool.events("page-request-fault")], [PAGE_REQUEST_BLOCKED], "faults")
        machine.unit.set(0x22c, 1 << 31)
        machine.gpu.set(FAULT_STATUS, machine.gpu.get(FAULT_STATUS))
        ask_and_answer(machine)
        expect_filled(machine)
        machine.expect_injections(1)


@case
def remapped_interrupts_are_lost_and_refused():
    with Controlled("remap-iommu,id=unit,lab=on,trace=on", GPU) as machine:
        unit, gpu = Remapping(machine), set_up(machine)
        for number, vector in enumerate((0x61, 0x62, 0x63)):
            unit.entry(number, vector_word(vector), source=gpu.source)
        machine.set_rules(rule("interrupt", {"drop": True}, name="lost", device="00:03.0", nth=2),
                          rule("interrupt", {"fault": 0x26}, name="refused", device="00:03.0", nth=3))
        send(gpu, 0)
        wait_until(lambda: pending(machine) == [0x61], "the first one comes")
        send(gpu, 1)
        machine.expect_injections(1)
        expect_equal(unit.get(UNIT_STATUS), 0, "nothing is recorded of one that is lost")
        send(gpu, 2)
        expect_equal(unit.fault(), (2 << 48, 0x8000002600000000 | gpu.source), "the fault of one that is refused")
        expect_traced(machine, 2, "interrupt", "refused")
        expect_equal(pending(machine), [0x61], "pending vectors")
        send(gpu, 1)
        wait_until(lambda: pending(machine) == [0x61, 0x62], "the next one comes")
        machine.expect_injections(2)


if __name__ == "__main__":
    main(arguments=2)
