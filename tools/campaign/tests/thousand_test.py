#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A campaign of a thousand runs of real machines, killed on its way more than once: every run is there, and every fault
that was injected is in the trace and in the report.

usage: thousand_test.py QEMU IMAGES REMAPCTL
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CAMPAIGN = Path(__file__).resolve().parent.parent
QEMU, IMAGES, REMAPCTL = sys.argv[1:4]
RUNS = 1000
SUITES = ["remap:iommu_faults", "remap:iommu_caches"]
RULES = ["data-bits", "faults", "full-log", "late-completions", "lost-interrupts", "refused", "slow-memory",
         "spurious-interrupts", "table-bits", "wrong-pages"]
SEEDS = RUNS // (len(SUITES) * len(RULES))
SECONDS_BEFORE_KILL = (4, 9, 14)


class ThousandTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = Path(folder.name) / "campaign"
        cls.environment = dict(os.environ, QEMU=QEMU, GUEST_IMAGES=IMAGES, REMAPCTL=REMAPCTL)
        cls.command = [CAMPAIGN / "campaign.py", cls.root, "--seconds", "20", "--seeds", f"1..{SEEDS}"]
        cls.command += [word for suite in SUITES for word in ("--suite", suite)]
        cls.command += [word for name in RULES for word in ("--rules", CAMPAIGN / "rules" / f"{name}.json")]
        cls.finished = []
        for seconds in SECONDS_BEFORE_KILL:
            cls.kill_after(seconds)
            cls.finished.append({file.parent.name: file.stat().st_mtime_ns for file in cls.root.glob("runs/*/result.json")})
        cls.done = subprocess.run(cls.command, env=cls.environment, capture_output=True, text=True, check=False)
        cls.report = json.loads((cls.root / "report.json").read_text(encoding="utf-8"))

    @classmethod
    def kill_after(cls, seconds):
        with subprocess.Popen(cls.command, env=cls.environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)

    def test_no_run_is_lost_and_none_is_made_twice(self):
        self.assertEqual((self.report["runs"], self.report["missing"]), (len(SUITES) + RUNS, []))
        self.assertTrue(self.finished[-1])
        for before in self.finished:
            for name, stamp in before.items():
                self.assertEqual((self.root / "runs" / name / "result.json").stat().st_mtime_ns, stamp, name)

    def test_injected_is_observed_is_reported(self):
        self.assertEqual(self.report["unaccounted"], [])
        self.assertEqual(self.done.returncode, 0, self.done.stdout + self.done.stderr)
        acted = sum(times for run in self.report["detail"] for times in run["acted"].values())
        injected = sum(row["injected"] for row in self.report["injected"].values())
        traced = sum(row["traced"] for row in self.report["injected"].values())
        self.assertGreater(acted, RUNS)
        self.assertEqual((injected, traced), (acted, acted))

    def test_no_machine_crashes(self):
        self.assertEqual(self.report["outcomes"].get("crashed", 0), 0)

    def test_each_set_of_rules_does_something(self):
        for name, outcomes in self.report["by_rules"].items():
            self.assertNotEqual(outcomes, {"quiet": sum(outcomes.values())}, name)

    def test_runs_repeat_to_the_last_event(self):
        chosen = [next(run for run in self.report["detail"] if run["rules"] == f"{name}.json" and run["acted"])
                  for name in ("data-bits", "late-completions", "table-bits")]
        words = [word for run in chosen for word in ("--repeat", str(run["number"]))]
        done = subprocess.run([CAMPAIGN / "campaign.py", self.root, *words], env=self.environment, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("events of the trace are the same"), len(chosen))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
