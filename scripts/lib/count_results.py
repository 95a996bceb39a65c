#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Sums up the results that `meson test` left in build directories, case by case.

usage: count_results.py BUILD...
Names each case that failed or was skipped; the last line is "N passed, N failed" (", N skipped" may follow). Exit status
0 only if something passed and nothing failed.
"""
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


def main(builds):
    counts = Counter()
    for build in builds:
        for suite in suites(build):
            cases = list(suite.iter("testcase"))
            results = Counter(outcome(case) for case in cases)
            for case in cases:
                if outcome(case) != "passed":
                    print(f"{outcome(case)}: {Path(build).name}: {suite.get('name')}: {case.get('name')}")
            # A program that crashed or hung may have lost the case that was at fault.
            if not cases or (int(suite.get("errors") or 0) and not results["failed"]):
                print(f"failed: {Path(build).name}: {suite.get('name')}: ended without a full report")
                results["failed"] += 1
            counts += results
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 0 if counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
