#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Campaigns over machines that only pretend: what is made, counted, resumed, divided and made smaller."""

import itertools
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import minimise  # pylint: disable=wrong-import-position
import plan as plans  # pylint: disable=wrong-import-position
from fake_campaign import Campaign  # pylint: disable=wrong-import-position


class CampaignTest(unittest.TestCase):
    def campaign(self, rules):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Campaign(folder.name, rules)

    def test_every_outcome_is_told_apart(self):
        one = self.campaign({name: [name] for name in ("noticed", "missed", "late", "hang", "crash", "reset", "never")})
        one.run("--jobs", "7", seeds="5")
        got = {Path(run["rules"]).stem: run["outcome"] for run in one.report()["detail"]}
        self.assertEqual(got, {"noticed": "noticed", "missed": "missed", "late": "tolerated", "hang": "hung",
                               "crash": "crashed", "reset": "died", "never": "quiet"})

    def test_what_is_reported_is_what_was_injected(self):
        one = self.campaign({"a": ["missed", "late"], "b": ["late"]})
        one.run(seeds="1..6")
        acted = sum(1 + seed % 3 for seed in range(1, 7))
        report = one.report()
        self.assertEqual({name: (row["injected"], row["traced"]) for name, row in report["injected"].items()},
                         {"delay of dma": (2 * acted, 2 * acted), "flip-bit of dma": (acted, acted)})
        self.assertEqual(report["outcomes"], {"missed": 6, "tolerated": 6})

    def test_a_deed_that_came_to_nothing_is_said_to(self):
        one = self.campaign({"a": ["vain"]})
        one.run(seeds="1..6")
        row = one.report()["injected"]["drop of invalidation"]
        self.assertEqual((row["in_vain"], row["injected"], row["traced"]), (6, 12, 12))

    def test_an_injection_that_the_trace_does_not_show_fails_the_campaign(self):
        one = self.campaign({"a": ["untraced"]})
        said = one.run(seeds="1", status=1)
        self.assertIn("injected 2 faults, and the trace shows 1", said)

    def test_a_suite_that_fails_without_rules_is_said_to(self):
        one = self.campaign({"a": ["late"]})
        fake = Path(one.environment["QEMU"]).read_text(encoding="utf-8").replace('wrong = "noticed"', 'wrong = True or "noticed"')
        broken = one.folder / "qemu"
        broken.write_text(fake, encoding="utf-8")
        broken.chmod(0o755)
        one.environment["QEMU"] = str(broken)
        self.assertIn("stock:runtime, without rules: noticed", one.run(seeds="1", status=1))

    def test_a_finished_campaign_runs_nothing_again(self):
        one = self.campaign({"a": ["late"], "b": ["missed"]})
        one.run()
        first = one.report()
        made = len(one.starts())
        self.assertEqual(made, 1 + 2 * 3)
        one.run()
        one.run(new=False)
        self.assertEqual(one.report(), first)
        self.assertEqual(len(one.starts()), made)

    def test_other_arguments_for_the_same_folder_are_refused(self):
        one = self.campaign({"a": ["late"]})
        one.run()
        self.assertIn("holds another campaign: seeds differ", one.run(seeds="1..4", status=2))

    def test_killed_at_any_moment_and_resumed_it_loses_no_run_and_makes_none_twice(self):
        one = self.campaign({"a": ["late"], "b": ["missed"], "c": ["noticed"], "d": ["crash"]})
        one.environment["FAKE_SECONDS"] = "0.02"
        chance = random.Random(6)
        finished = set()
        for _ in range(12):
            with subprocess.Popen(one.command("--jobs", "3", seeds="1..8"), env=one.environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                time.sleep(chance.uniform(0.3, 0.8))
                process.send_signal(signal.SIGKILL)
            now = {file.parent.name for file in one.root.glob("runs/*/result.json")}
            self.assertLessEqual(finished, now)
            stamps = {name: (one.root / "runs" / name / "result.json").stat().st_mtime_ns for name in now}
            finished = now
        one.run("--jobs", "3", seeds="1..8")
        for name, stamp in stamps.items():
            self.assertEqual((one.root / "runs" / name / "result.json").stat().st_mtime_ns, stamp, f"{name} was made twice")
        report = one.report()
        self.assertEqual((report["runs"], report["missing"]), (33, []))
        self.assertEqual(report["outcomes"], {"crashed": 8, "missed": 8, "noticed": 8, "tolerated": 8})

    def test_a_result_that_is_not_whole_is_made_again(self):
        one = self.campaign({"a": ["late"]})
        one.run()
        for text in ("", "{", "[]", '{"outcome'):
            (one.root / "runs/000002/result.json").write_text(text, encoding="utf-8")
            before = len(one.starts())
            one.run()
            self.assertEqual(len(one.starts()), before + 1, repr(text))

    def test_machines_do_not_outlive_a_killed_campaign(self):
        one = self.campaign({"a": ["hang"]})
        with subprocess.Popen(one.command("--jobs", "1", seeds="1"), env=one.environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 20
            while len(one.starts()) < 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        self.assertEqual(len(one.starts()), 2)
        deadline = time.monotonic() + 10
        while (left := self.processes_of(one.folder)) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(left, [])

    @staticmethod
    def processes_of(folder):
        found = []
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdigit() and str(folder).encode() in (process / "cmdline").read_bytes():
                    found.append(process.name)
            except OSError:
                pass
        return found

    def test_shards_make_every_run_once_and_the_same_report(self):
        whole, parts = self.campaign({"a": ["late"], "b": ["missed"]}), self.campaign({"a": ["late"], "b": ["missed"]})
        whole.run(seeds="1..5")
        for index in (1, 2, 3):
            said = parts.run("--shard", f"{index}/3", seeds="1..5")
            self.assertEqual("of other shards are missing" in said, index != 3)
        self.assertEqual(len(parts.starts()), len(whole.starts()))
        self.assertEqual(parts.report(), whole.report())

    def test_two_at_once_in_one_folder_share_the_work(self):
        one = self.campaign({"a": ["late"], "b": ["missed"]})
        one.environment["FAKE_SECONDS"] = "0.05"
        one.run("--shard", "1/99")
        both = [subprocess.Popen(one.command("--jobs", "2"), env=one.environment, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL) for _ in range(2)]
        for process in both:
            process.wait(timeout=60)
        one.run(new=False)
        self.assertEqual(len(one.starts()), 7)
        self.assertEqual(one.report()["missing"], [])

    def test_minimising_leaves_the_rules_that_matter(self):
        one = self.campaign({"many": ["late", "never", "pair-a", "never", "late", "pair-b", "never"]})
        one.run(seeds="4")
        said = one.run("--minimise", "2", new=False)
        self.assertIn("2 of its rules are enough", said)
        smallest = json.loads((one.root / "runs/000002/minimal.json").read_text(encoding="utf-8"))
        self.assertEqual([rule["name"] for rule in smallest["rules"]], ["pair-a", "pair-b"])
        self.assertEqual(smallest["seed"], 4)
        self.assertEqual(one.report()["minimal"], {"2": ["pair-a", "pair-b"]})

    def test_a_run_that_repeats_is_told_from_one_that_does_not(self):
        one = self.campaign({"a": ["late", "noticed"]})
        one.run(seeds="5")
        self.assertIn("run 2 (noticed) repeats: 6 events of the trace are the same", one.run("--repeat", "2", new=False))
        one.environment["FAKE_TRACE"] = str(one.folder / "grows")
        self.assertIn("run 2 does not repeat: event 8 differs", one.run("--repeat", "2", new=False, status=1))

    def test_ddmin_finds_parts_of_which_nothing_can_be_left_out(self):
        chance = random.Random(2)
        for _ in range(300):
            items = list(range(chance.randint(1, 24)))
            needed = [set(chance.sample(items, chance.randint(1, min(4, len(items))))) for _ in range(chance.randint(1, 3))]
            fails = lambda part: any(one <= set(part) for one in needed)  # pylint: disable=cell-var-from-loop
            smallest = minimise.ddmin(items, fails)
            self.assertTrue(fails(smallest))
            self.assertEqual(smallest, sorted(smallest))
            for left_out in smallest:
                self.assertFalse(fails([item for item in smallest if item != left_out]), (items, needed, smallest))

    def test_mistakes_get_a_sentence(self):
        one = self.campaign({"a": ["late"]})
        for words, sentence in ((["--seeds", "5..1"], "5..1 is no range"), (["--seeds", "x"], "'x' is neither a number"),
                                (["--suite", "nothing"], "nothing: not VARIANT:SUITE"),
                                (["--rules", "/nowhere.json"], "/nowhere.json: No such file"),
                                (["--shard", "3/2"], "3/2: not I/N")):
            self.assertIn(sentence, one.run(*words, status=2))
        self.assertIn("holds no campaign", one.run(new=False, status=2))

    def test_seeds_and_shards(self):
        self.assertEqual(plans.parse_seeds("1..3,7,2"), [1, 2, 3, 7])
        made = plans.Plan(["v:s"], {"r.json": ""}, list(range(20)), 1, None).runs()
        parts = [plans.shard_of(made, (index, 4)) for index in range(1, 5)]
        self.assertEqual(sorted(itertools.chain(*parts), key=lambda run: run.number), made)
        self.assertLessEqual({len(part) for part in parts}, {5, 6})


if __name__ == "__main__":
    unittest.main()
