#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a guest's driver does is in the machine's trace: its callbacks, its objects, what devices reach of them and what
the CPU sees; in order, with numbers that match; and nothing that is not a driver's to say.

usage: lab_guest_test.py QEMU REMAPCTL RUN_GUEST LABORATORY_ELF MEMORY_OBJECTS_ELF"""

import json
import os
import subprocess
import sys
import tempfile

from tap import case, expect, expect_equal, main

QEMU, REMAPCTL, RUN_GUEST, LABORATORY, MEMORY_OBJECTS = sys.argv[1:6]
del sys.argv[2:6]  # what follows is the name of a case
CREATE, DESTROY = 0, 1
START_ADAPTER = 64
KINDS = "map,unmap,object,frames,call,return"
LAST_OF_SUITE = 99  # the number that the suite's refused events bear


def run(image, *variant):
    """The events of a guest's driver, in order."""
    with tempfile.TemporaryDirectory() as folder:
        segment = os.path.join(folder, "segment")
        guest = subprocess.run([RUN_GUEST, "--qemu", QEMU, "remap-lab", image, "--", "-global",
                                f"remap-iommu.lab-file={segment}"], stdout=subprocess.PIPE, text=True, timeout=90,
                               check=False)
        expect_equal(guest.returncode, 0, f"the guest's verdict ({guest.stdout})")
        trace = subprocess.run([REMAPCTL, "--file", segment, "trace", "--json", "--kind", KINDS, *variant],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        expect_equal(trace.returncode, 0, f"remapctl: {trace.stderr}")
        expect(" 0 lost" in trace.stderr, trace.stderr)
        return [json.loads(line) for line in trace.stdout.splitlines()]


class Session:
    """What must hold of any driver's session, event by event."""

    def __init__(self):
        self.call = None
        self.objects = {}  # bytes, by number
        self.frames = {}   # bytes told, by number
        self.highest = 0
        self.reached = {}  # bytes, by device and logical page of 4 KiB
        self.counts = dict.fromkeys(KINDS.split(","), 0)

    def take(self, event):
        self.counts[event["kind"]] += 1
        getattr(self, "on_" + event["kind"])(event)

    def on_call(self, event):
        expect(self.call is None, f"a call in a call: {event}")
        self.call = event

    def on_return(self, event):
        expect(self.call is not None, f"a return without a call: {event}")
        expect_equal((event["code"], event["address"]), (self.call["code"], self.call["address"]), "the call's end")
        if event["code"] < START_ADAPTER:
            expect(event["address"] != 0, f"who called? {event}")
        expect_equal("refused" in event["flags"], event["result"] >= 0x80000000, f"the status of {event}")
        if event["code"] == CREATE and event["result"] == 0:
            expect(event["detail"] in self.objects, f"an object that nobody was told of: {event}")
        if event["code"] == DESTROY and event["detail"]:
            expect(event["detail"] not in self.objects, f"it is still there: {event}")
        self.call = None

    def on_object(self, event):
        number = event["detail"]
        if "ended" in event["flags"]:
            expect_equal(self.objects.pop(number), event["length"], "bytes of an object that ends")
            expect_equal(self.frames.pop(number), event["length"], "bytes of its frames")
            return
        expect(number == self.highest + 1, f"objects are numbered in order: {event}")
        self.highest = number
        self.objects[number] = event["length"]
        self.frames[number] = 0

    def on_frames(self, event):
        change = -event["length"] if "ended" in event["flags"] else event["length"]
        if change > 0 and event["result"] == 0:
            self.frames[event["detail"]] = 0
        if change > 0:
            self.frames[event["detail"]] += change

    def pages(self, event):
        return [(event.get("device"), page) for page in
                range(event["address"] >> 12, event["address"] + event["length"] >> 12)]

    def on_map(self, event):
        expect(event["detail"] == 0 or event["detail"] in self.objects, f"of an object that is not there: {event}")
        for page in self.pages(event):
            self.reached[page] = event["detail"]

    def on_unmap(self, event):
        for page in self.pages(event):
            expect_equal(self.reached.pop(page, None), event["detail"], f"who had page {page}")


def check(events):
    session = Session()
    for event in events:
        session.take(event)
    expect(session.call is None, f"a call without an end: {session.call}")
    expect_equal(session.objects, {}, "objects that are left")
    expect_equal(session.reached, {}, "pages that are left")
    return session


@case
def each_call_of_a_session_is_there_with_its_object_frames_and_maps():
    events = run(LABORATORY)
    session = check(events)
    expect(all(session.counts.values()), f"a kind is missing: {session.counts}")
    expect_equal(session.counts["call"], session.counts["return"], "returns")
    expect(any(event["kind"] == "object" and event["address"] == 0xabcd for event in events), "the driver's Context")
    expect(any(event.get("device") for event in events if event["kind"] == "map"), "maps for a device")


@case
def what_the_guest_may_not_say_is_not_there():
    for event in run(LABORATORY):
        expect(event["detail"] != LAST_OF_SUITE, f"believed: {event}")


@case
def a_suite_of_memory_objects_leaves_nothing_and_mixes_nothing_up():
    session = check(run(MEMORY_OBJECTS))
    expect(session.counts["object"] > 10 and session.counts["map"] > 10, f"little was done: {session.counts}")


main()
