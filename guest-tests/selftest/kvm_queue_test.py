#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Under KVM the tail of the invalidation queue is written without an exit to QEMU.

usage: kvm_queue_test.py QEMU IMAGE
The guest is the suite iommu_queue. Its processor is of a named model: not every host can offer all that it has.
"""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "hw", "tests", "qemu"))
RUNNER = os.path.join(HERE, "..", "run_guest.py")
IMAGE = sys.argv.pop(2)

from machine import QEMU  # pylint: disable=wrong-import-position
from tap import case, expect, expect_equal, main  # pylint: disable=wrong-import-position

TAILS = 512 + 2  # that the guest's case writes, and its bench
BY_EXIT = 40     # at most: the first ones, and what its bench wants while the queue is another


def tails(case_of_suite, variant="remap", more=()):
    """How many the guest wrote by way of QEMU's register window, and how many came by an eventfd."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        run = subprocess.run([
            sys.executable, RUNNER, "--qemu", QEMU, "--accel", "kvm", "--seconds-to-verdict", "60", "--option",
            f"only={case_of_suite}", variant, IMAGE, "--", "-cpu", "Nehalem", *more, "-D", log,
            "-trace", "remap_iommu_register_write", "-trace", "remap_iommu_tail"],
            stdout=subprocess.PIPE, text=True, check=False)
        expect(run.returncode == 0, run.stdout)
        with open(log, encoding="utf-8") as file:
            lines = file.readlines()
    return (sum("register_write offset 0x88 " in line for line in lines),
            sum(line.startswith("remap_iommu_tail ") for line in lines))


@case
def tails_do_not_come_to_qemu_one_by_one():
    by_exit, by_eventfd = tails("each_of_many_tails_is_taken_and_the_last_is_read_back")
    expect(by_exit <= BY_EXIT, f"{by_exit} tails were written by an exit")
    expect(by_eventfd >= TAILS // 8 - BY_EXIT, f"{by_eventfd} tails came by an eventfd")  # up to eight come as one


@case
def an_option_has_all_come_to_qemu():
    by_exit, by_eventfd = tails("each_of_many_tails_is_taken_and_the_last_is_read_back",
                                more=["-global", "remap-iommu.ioeventfd=off"])
    expect(by_exit >= TAILS - 2, f"{by_exit} tails were written by an exit")
    expect_equal(by_eventfd, 0, "tails by an eventfd")


if __name__ == "__main__":
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("1..0 # SKIP /dev/kvm is not there, or not for this user")
        sys.exit(0)
    main()
