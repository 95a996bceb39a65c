#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine that counts instructions repeats itself to the last event: what the guest says, and every trace event of the
devices in its order, with times of the virtual clock, whatever else the host has to do.

usage: icount_test.py QEMU IMAGES [CASE]
IMAGES is the folder of the guest images.
"""

import difflib
import itertools
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "hw", "tests", "qemu"))
RUNNER = os.path.join(HERE, "..", "run_guest.py")
IMAGES = sys.argv.pop(2)

from machine import QEMU  # pylint: disable=wrong-import-position
from tap import case, expect, main  # pylint: disable=wrong-import-position

COUNTED = ["-icount", "shift=1,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1", "-trace", "remap_*"]
OF_QEMU = "# qemu: "
HOST_TIME = "# QEMU ran for "
DELAYS = json.dumps({"seed": 5, "rules": [
    {"name": "slow", "when": {"on": "dma", "probability": 0.1}, "do": {"delay": "20 us"}},
    {"name": "late", "when": {"on": "completion", "every": 3}, "do": {"delay": "30 us"}}]})
NEAR = 3  # lines around a difference that are shown


class Busy:
    """Every processor of the host has something else to do meanwhile."""

    def __enter__(self):
        self.loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"])  # pylint: disable=consider-using-with
                      for _ in range(os.cpu_count())]

    def __exit__(self, *_):
        for loop in self.loops:
            loop.kill()
            loop.wait()


class OneProcessor:
    """All of QEMU's threads share one."""

    def __enter__(self):
        self.all = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(self.all)})

    def __exit__(self, *_):
        os.sched_setaffinity(0, self.all)


def run(variant, suite, log, more):
    """What the guest said, then what QEMU said: they speak on two lines, whose words come in any order."""
    done = subprocess.run(
        [sys.executable, RUNNER, "--qemu", QEMU, "--seconds-to-verdict", "60", variant,
         os.path.join(IMAGES, suite + ".elf"), "--", *COUNTED, *more, "-D", log],
        stdout=subprocess.PIPE, text=True, check=False)
    expect(done.returncode == 0, done.stdout)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(HOST_TIME)]
    return sorted(lines, key=lambda line: line.startswith(OF_QEMU))  # which keeps the order of either


def first_difference(one, other):
    """Nothing if the two logs are the same."""
    with open(one, encoding="utf-8") as left, open(other, encoding="utf-8") as right:
        for number, (a, b) in enumerate(itertools.zip_longest(left, right), 1):
            if a != b:
                ahead = [list(itertools.islice(rest, NEAR)) for rest in (left, right)]
                return f"line {number}:\n" + "".join(difflib.ndiff([str(a)] + ahead[0], [str(b)] + ahead[1]))
    return None


def expect_repeats(variant, suite, *more):
    with tempfile.TemporaryDirectory() as folder:
        logs = [os.path.join(folder, name) for name in ("plain", "busy", "one")]
        said = [run(variant, suite, logs[0], more)]
        with Busy():
            said.append(run(variant, suite, logs[1], more))
        with OneProcessor():
            said.append(run(variant, suite, logs[2], more))
        expect(os.path.getsize(logs[0]) > 10000, "the trace has next to nothing")
        for number, name in ((1, "on a busy host"), (2, "on one processor")):
            expect(said[0] == said[number], "\n".join([f"the guest says otherwise {name}:", *difflib.unified_diff(
                said[0], said[number], lineterm="", n=NEAR)]))
            difference = first_difference(logs[0], logs[number])
            expect(difference is None, f"the trace differs {name} at {difference}")


@case
def dma_repeats():
    expect_repeats("remap", "gpu_dma")


@case
def invalidations_repeat():
    expect_repeats("remap", "iommu_queue")


@case
def page_requests_and_invalidations_of_devices_repeat():
    expect_repeats("remap-svm", "page_requests")
    expect_repeats("remap-svm", "device_tlb")


@case
def interrupts_repeat():
    expect_repeats("interrupts", "interrupt_remapping")


@case
def invalidations_that_take_their_time_repeat():
    expect_repeats("remap", "remapping", "-global", "remap-iommu.async-invalidation=on",
                   "-global", "remap-iommu.invalidation-delay=50")


@case
def callbacks_repeat():
    expect_repeats("rules", "callback_rules")


@case
def rules_act_at_the_same_times():
    expect_repeats("remap", "gpu_dma", "-global", "remap-iommu.rules=" + DELAYS)


@case
def a_gpu_behind_another_iommu_repeats():
    expect_repeats("rules-intel", "callback_rules")


@case
def the_cache_model_repeats():
    expect_repeats("remap-caches-strict", "memory_types")


if __name__ == "__main__":
    main()
