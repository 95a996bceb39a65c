# SPDX-License-Identifier: MIT
"""Cases in the order of the file, reported in TAP. A case is a function; an exception is its failure."""

import sys
import traceback

CASES = []


def case(function):
    CASES.append(function)
    return function


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def expect_equal(value, wanted, what):
    def show(number):
        return hex(number) if isinstance(number, int) and not isinstance(number, bool) else repr(number)
    expect(value == wanted, f"{what}: expected {show(wanted)}, got {show(value)}")


def main(arguments=1):
    """Runs the cases whose names contain the word behind so many arguments (QEMU's path), if there is one."""
    words = sys.argv[1 + arguments:]
    chosen = [one for one in CASES if not words or words[0] in one.__name__]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, one in enumerate(chosen, 1):
        try:
            one()
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {one.__name__}")
            for line in traceback.format_exc(limit=-6).splitlines():
                print(f"# {line}")
        else:
            print(f"ok {number} - {one.__name__}")
        sys.stdout.flush()
    sys.exit(1 if failed or not chosen else 0)
