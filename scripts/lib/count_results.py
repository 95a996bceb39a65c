#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Sums up the results that `meson test` left in build directories, case by case.

usage: count_results.py BUILD...
Names each case that failed or was skipped, and each program that failed although its cases passed; the last line is
"N passed, N failed" (", N skipped" may follow). Exit status 0 only if something passed and nothing failed.
"""
import json
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def suites(build):
    """The suites of one build directory; a log that is missing or broken counts as one failure."""
    log = Path(build) / "meson-logs" / "testlog.junit.xml"
    try:
        yield from ElementTree.parse(log).getroot().iter("testsuite")
    except (OSError, ElementTree.ParseError) as error:
        broken = ElementTree.Element("testsuite", name=f"{log}: {error}")
        ElementTree.SubElement(ElementTree.SubElement(broken, "testcase", name="has a log"), "error")
        yield broken


def program_of(name):
    """Of "PROJECT:SUITE / PROGRAM"; in the log of cases "PROJECT." is in front, and a part of it may be behind."""
    return name.split(" / ")[-1].removeprefix("remaplab.")


def failed_programs(build):
    """Names without their suites. The log of cases leaves out how a program ended whose cases were all reported."""
    try:
        with open(Path(build) / "meson-logs" / "testlog.json", encoding="utf-8") as log:
            results = [json.loads(line) for line in log]
    except (OSError, ValueError):
        return  # counted by suites()
    for one in results:
        if one["result"] not in ("OK", "SKIP", "EXPECTEDFAIL"):
            yield program_of(one["name"]), one["result"]


def main(builds):
    counts = Counter()
    for build in builds:
        told = set()
        for suite in suites(build):
            cases = list(suite.iter("testcase"))
            results = Counter(outcome(case) for case in cases)
            for case in cases:
                if outcome(case) != "passed":
                    print(f"{outcome(case)}: {Path(build).name}: {suite.get('name')}: {case.get('name')}")
                if outcome(case) == "failed":
                    told |= {program_of(suite.get("name")), program_of(case.get("name"))}
            # A program that crashed or hung may have lost the case that was at fault.
            if not cases or (int(suite.get("errors") or 0) and not results["failed"]):
                print(f"failed: {Path(build).name}: {suite.get('name')}: ended without a full report")
                results["failed"] += 1
                told.add(program_of(suite.get("name")))
            counts += results
        for program, result in failed_programs(build):
            if not any(name == program or name.startswith(program + ".") for name in told):
                print(f"failed: {Path(build).name}: {program}: {result}, although none of its cases failed")
                counts["failed"] += 1
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 0 if counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
