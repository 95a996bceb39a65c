#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds the index of the tests by the specification's tables to the tests that there are, and reports in TAP.

usage: index_test.py README FAULT_REASONS_HEADER GUEST_SUITES_FOLDER TABLES_PROGRAM OTHER_PROGRAM...
"""
import fnmatch
import re
import subprocess
import sys
from pathlib import Path


def tests_of(program):
    """The names of a program's tests as the index has them: Suite.Test, or Suite/Row of a parameter table."""
    listed = subprocess.run([program, "--gtest_list_tests"], check=True, capture_output=True, text=True, timeout=60)
    found = set()
    suite = ""
    for line in listed.stdout.splitlines():
        name = line.split("#")[0].strip()
        if not line.startswith(" "):
            suite = name.rstrip(".").split("/")[-1]
        elif "/" in name:
            found.add(f"{suite}/{name.split('/')[1]}")
        else:
            found.add(f"{suite}.{name}")
    return found


def patterns_of(text):
    """What stands in backticks and looks like a test."""
    return {name for name in re.findall(r"`([^`]+)`", text) if re.fullmatch(r"[A-Z*][\w*]*[./][\w*]+", name)}


def missing_cases(text, suites):
    """Cases of guest suites that stand in backticks, suite.case, and that there are not."""
    for name in sorted(set(re.findall(r"`([a-z]\w*\.[a-z]\w*)`", text))):
        suite, case = name.split(".")
        source = suites / f"{suite}.cc"
        if case not in ("py", "toml") and not (source.is_file() and f"TEST({case})" in source.read_text(encoding="utf-8")):
            yield name


def reasons_of(header):
    """Name and number of each fault reason."""
    body = header.split("enum class FaultReason")[1].split("};")[0]
    return {(name, int(number, 16)) for name, number in re.findall(r"^\s+(\w+) = (0x[0-9a-f]+),", body, re.MULTILINE)}


def problems(text, header, suites, tables, others):
    patterns = patterns_of(text)
    everything = tables | others
    yield "every name in the index is a test", [
        name for name in sorted(patterns) if not fnmatch.filter(everything, name)]
    yield "every guest case in the index is there", list(missing_cases(text, suites))
    yield "every test is in the index", [
        name for name in sorted(tables) if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    lines = re.findall(r"^\| *(?:[A-Z]{3}\.\d+)? *\| (0x[0-9a-f]+) \| (\w+) \| (.*) \|$", text, re.MULTILINE)
    indexed = {(name, int(number, 16)) for number, name, _ in lines}
    expected = {reason for reason in reasons_of(header) if reason[1] != 0}
    yield "every fault reason has its line", sorted(f"{name} {number:#x}" for name, number in expected ^ indexed)
    yield "every line of a fault reason names a test or says why there is none", [
        name for number, name, tests in lines if not patterns_of(tests) and not tests.startswith(("never: ", "page requests only: "))]


def main(readme, header, suites, *programs):
    text = Path(readme).read_text(encoding="utf-8")
    tables = tests_of(programs[0])
    others = set().union(*(tests_of(program) for program in programs[1:]))
    results = list(problems(text, Path(header).read_text(encoding="utf-8"), Path(suites), tables, others))
    print(f"1..{len(results)}")
    for number, (rule, broken) in enumerate(results, 1):
        print(f"{'not ok' if broken else 'ok'} {number} - {rule}")
        for name in broken:
            print(f"# {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
