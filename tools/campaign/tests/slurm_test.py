#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A campaign on a cluster: the same command line, the same report, and nothing lost when a task dies."""

import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cluster import Cluster
from fake_campaign import Campaign

RULES = {"a": ["late"], "b": ["missed"], "c": ["crash"]}


class SlurmTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.cluster = Cluster(folder.name)
        cls.addClassCleanup(cls.cluster.stop)

    def campaign(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        one = Campaign(folder.name, RULES)
        one.environment |= {"SLURM_CONF": str(self.cluster.configuration)}
        return one

    def test_an_array_makes_every_run_once_and_reports_as_one_machine_does(self):
        here, there = self.campaign(), self.campaign()
        here.run(seeds="1..4")
        there.run("--slurm", "3", seeds="1..4")
        self.assertEqual(there.report(), here.report())
        self.assertEqual(sorted(map(str, there.starts())), sorted(str(start).replace(str(here.folder), str(there.folder))
                                                                  for start in here.starts()))
        self.assertEqual(len(list((there.root / "slurm").glob("*.log"))), 3)

    def test_a_task_that_is_killed_is_made_up_for_by_the_next_array(self):
        one = self.campaign()
        one.environment["FAKE_SECONDS"] = "0.3"
        with subprocess.Popen(one.command("--slurm", "2", "--jobs", "1", seeds="1..4"), env=one.environment,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as waiting:
            self.kill_one_task(one)
            self.assertNotEqual(waiting.wait(timeout=60), 0)
        missing = one.report()["missing"]
        self.assertTrue(missing)
        one.run("--slurm", "2", new=False)
        self.assertEqual(one.report()["missing"], [])

    def kill_one_task(self, one):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if len(one.starts()) >= 3 and (tasks := self.tasks_of(one)):
                os.kill(tasks[0], signal.SIGKILL)
                return
            time.sleep(0.05)
        self.fail(f"no task has begun: {self.cluster.ask('squeue')}")

    @staticmethod
    def tasks_of(one):
        """Processes that make a shard of this campaign."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0") if process.name.isdigit() else []
            except OSError:
                continue
            if b"--shard" in words and str(one.root).encode() in words:
                found.append(int(process.name))
        return found


if __name__ == "__main__":
    unittest.main()
