#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the same suites on remap-iommu and on QEMU's intel-iommu, and reports where the two differ and why.

  compare.py --qemu QEMU --images DIR           checks, and reports in TAP
  compare.py --qemu QEMU --images DIR --write   writes docs/differences.md as well

A variant of variants.json with the key `compared` is run against another: {"with": VARIANT, "suites": [...]}, where the
suites are all of the other's unless they are named. What is known of differences is in differences.json, one entry a
case, with why. The check wants that remap-iommu passes every case, that every case which does not pass on the other side
has an entry, that every entry's case still differs, and that docs/differences.md says all that.

A case that fails, or that a run did not get to because QEMU or the guest ended before, is run again on its own: what a
failed case leaves behind does not count against the next one.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import difference_report
from run_guest import read_variants

HERE = Path(__file__).resolve().parent
KINDS = ("bug", "permitted choice", "not modelled")
KEYS = {"suite", "case", "kind", "section", "remap_iommu", "intel_iommu", "why"}
RESULT = re.compile(r"(not )?ok \d+ - (\w+)$")
HANG = re.compile(r"# watchdog: |Bail out! QEMU was killed: no verdict")
ABOUT_THE_RUN = re.compile(r"# (qemu: |by hand: |QEMU ran for |\d+ of \d+ cases passed)")
QEMU_ENDED = re.compile(r"Bail out! QEMU (ended with status|was ended by signal)")

Pair = namedtuple("Pair", "ours theirs suites")
Outcome = namedtuple("Outcome", "word lines")  # passes, fails, hangs, ends QEMU, ends the guest; what was said about it


def pairs():
    variants = read_variants()
    for name, variant in variants.items():
        if "compared" in variant:
            other = variant["compared"]["with"]
            yield Pair(other, name, variant["compared"].get("suites", variants[other]["suites"]))


class Runner:
    """Of images in variants, with results by case."""

    def __init__(self, qemu, images):
        self.qemu = qemu
        self.images = Path(images)

    def lines(self, variant, suite, case=None):
        command = [sys.executable, HERE / "run_guest.py", "--qemu", self.qemu, "--seconds-to-verdict", "1000",
                   variant, self.images / f"{suite}.elf"]
        if case:
            command += ["--option", f"only={case}"]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return run.stdout.splitlines()

    def run(self, variant, suite, case=None):
        """The outcome of each case that had a result, and that of the run as a whole where it had none."""
        cases, current, rest = {}, None, []
        for line in self.lines(variant, suite, case):
            found = RESULT.match(line)
            if found:
                current = []
                cases[found[2]] = ("fails" if found[1] else "passes", current)
            elif line.startswith("Bail out!"):
                rest.append(line)
            elif current is not None and line.startswith("# ") and not ABOUT_THE_RUN.match(line):
                current.append(line[2:])
        outcomes = {name: Outcome("hangs" if any(HANG.match("# " + line) for line in said) else word, said)
                    for name, (word, said) in cases.items()}
        return outcomes, end_of(rest)

    def alone(self, variant, suite, case):
        outcomes, end = self.run(variant, suite, case)
        return outcomes.get(case, end or Outcome("is not there", []))

    def whole(self, variant, suite, expected=()):
        """Of every case. `expected`: those that are known to be there, whether or not the run got to them."""
        outcomes, _ = self.run(variant, suite)
        return {name: outcomes[name] if name in outcomes and outcomes[name].word == "passes"
                else self.alone(variant, suite, name) for name in dict.fromkeys([*outcomes, *expected])}


def end_of(bail_outs):
    """What a run that ended without a result of its case came to."""
    if not bail_outs:
        return None
    for pattern, word in ((HANG, "hangs"), (QEMU_ENDED, "ends QEMU")):
        if any(pattern.match(line) for line in bail_outs):
            return Outcome(word, bail_outs)
    return Outcome("ends the guest", bail_outs)


def compare(runner, pair, suite):
    ours, end = runner.run(pair.ours, suite)
    return ours, end, runner.whole(pair.theirs, suite, ours)


def check_data(differences):
    """Sentences about what is wrong with differences.json itself."""
    seen = set()
    for entry in differences:
        name = f"{entry.get('suite')}: {entry.get('case')}"
        if set(entry) != KEYS:
            yield f"{name}: has to have the keys {', '.join(sorted(KEYS))}"
        elif entry["kind"] not in KINDS:
            yield f"{name}: kind is none of {', '.join(KINDS)}"
        elif name in seen:
            yield f"{name}: is there twice"
        seen.add(name)


class Tap:
    def __init__(self):
        self.number = self.failed = 0
        print("TAP version 13")

    def result(self, name, problems):
        self.number += 1
        self.failed += bool(problems)
        print(f"{'not ' if problems else ''}ok {self.number} - {name}")
        for problem in problems:
            print(f"# {problem}")
        sys.stdout.flush()

    def end(self):
        print(f"1..{self.number}")
        return 1 if self.failed else 0


def judge(pair, suite, compared, known):
    """What is wrong in a suite; notes the cases that differ in `known`."""
    ours, end, theirs = compared
    if end or not ours:
        yield f"{pair.ours}: no results for all cases: {end.lines if end else 'none'}"
    for case, outcome in ours.items():
        if outcome.word != "passes":
            yield f"{case}: {outcome.word} on {pair.ours}: {'; '.join(outcome.lines)}"
        if theirs[case].word == "passes":
            continue
        if (suite, case) in known:
            known[suite, case].append((pair, theirs[case]))
        else:
            yield f"{case}: {theirs[case].word} on {pair.theirs}, which differences.json does not explain: " \
                  f"{'; '.join(theirs[case].lines)}"
    for case in theirs.keys() - ours.keys():
        yield f"{case}: runs on {pair.theirs} alone"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qemu", required=True)
    parser.add_argument("--images", required=True, metavar="DIR", help="where the suites' images are")
    parser.add_argument("--data", default=HERE / "differences.json", help="default: %(default)s")
    parser.add_argument("--report", default=HERE.parent / "docs" / "differences.md", help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help="write the report before it is checked")
    parser.add_argument("--suite", action="append", metavar="NAME", help="only these; the report is left alone")
    return parser.parse_args()


def main():
    args = parse_arguments()
    tap = Tap()
    differences = json.loads(Path(args.data).read_text(encoding="utf-8"))
    tap.result("the entries of differences.json are complete", list(check_data(differences)))
    if tap.failed:
        return tap.end()
    runner = Runner(args.qemu, args.images)
    known = {(entry["suite"], entry["case"]): [] for entry in differences}
    jobs = [(pair, suite) for pair in pairs() for suite in pair.suites if not args.suite or suite in args.suite]
    counts = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (pair, suite), compared in zip(jobs, pool.map(lambda job: compare(runner, *job), jobs)):
            tap.result(f"{suite} on {pair.ours} and {pair.theirs}", list(judge(pair, suite, compared, known)))
            counts.append((pair, suite, compared[2]))
    suites = {suite for _, suite in jobs}
    tap.result("what is explained still differs", [
        f"{suite}: {case} differs no more" for (suite, case), seen in known.items()
        if not seen and (not args.suite or suite in suites)])
    if not args.suite:
        version = subprocess.run([args.qemu, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        text = difference_report.make(version.splitlines()[0], read_variants(), counts, differences, known)
        tap.result("docs/differences.md says so", difference_report.check(Path(args.report), text, args.write))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
