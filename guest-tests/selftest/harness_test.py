#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that failures in a guest are seen as such: runs the image `broken` through run_guest.py, whole, and then the
case of it that passes, with time enough and with too little."""

import os
import re
import subprocess
import sys

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run_guest.py")

EXPECTED = [
    r"TAP version 13",
    r"1\.\.7",
    r"ok 1 - passes",
    r"# a note of a case that passes",
    r"not ok 2 - goes_on_after_an_expectation",
    r"# .*broken\.cc:\d+: 2 \* 21: expected 0x2b, got 0x2a",
    r"# .*broken\.cc:\d+: expected: 1 == 2",
    r"not ok 3 - ends_at_a_requirement_in_a_function_it_calls",
    r"# .*broken\.cc:\d+: expected: value",
    r"not ok 4 - traps",
    r"# #UD invalid opcode, error code 0, at rip 0{10}2[0-9a-f]{5}, .*",
    r"# rax [0-9a-f]{16}  rbx .*",
    r"(# r.*\n){3}# r13 .*  r15 [0-9a-f]{16}",
    r"not ok 5 - writes_where_nothing_is",
    r"# #PF page fault, error code 2, .*",
    r"# write to ffff900000000010 \(cr2\), page is not mapped",
    r"(# r.*\n){5}not ok 6 - does_not_end",
    r"# watchdog: the case takes too long, .* at rip 0{10}2.*",
    r"(# r.*\n){5}ok 7 - runs_after_all_that",
    r"# 2 of 7 cases passed in \d+ ms",
    r"# QEMU ran for \d+\.\d\d s and used \d+\.\d\d s of processor time",
    r"# by hand: .*",
]

IN_TIME = [
    r"TAP version 13",
    r"1\.\.1",
    r"ok 1 - passes",
    r"# a note of a case that passes",
    r"# 1 of 1 cases passed in \d+ ms",
    r"# QEMU ran for .*",
]

TOO_LATE = IN_TIME + [r"Bail out! QEMU ran for .*, seconds_to_verdict are 0\.001", r"# by hand: .*"]


def ends_as(expected, status, arguments):
    qemu, image = sys.argv[1:]
    command = [sys.executable, RUNNER, "--qemu", qemu, *arguments, "stock", image]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    output = "".join(line for line in run.stdout.splitlines(True) if not line.startswith("# qemu: "))
    matched = re.fullmatch("\n".join(expected) + "\n", output) is not None
    if matched and run.returncode == status:
        return True
    print(f"status {run.returncode}, output {'as' if matched else 'not as'} expected:\n{run.stdout}")
    return False


def main():
    only = ["--option", "only=passes", "--seconds-to-verdict"]
    good = [ends_as(EXPECTED, 1, ["--option", "case_seconds=1"]), ends_as(IN_TIME, 0, only + ["60"]),
            ends_as(TOO_LATE, 1, only + ["0.001"])]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
