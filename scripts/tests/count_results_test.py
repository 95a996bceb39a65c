#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""count_results.py counts what the logs of `meson test` say: cases, and programs that failed beside their cases."""

import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
COUNT = os.path.join(HERE, "..", "lib", "count_results.py")


def results_of(*programs):
    """Programs are (shell script, protocol). What count_results.py prints, and its status."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "meson.build"), "w", encoding="utf-8") as build:
            build.write("project('remaplab')\n")
            for number, (script, protocol) in enumerate(programs):
                build.write(f"test('program {number}', find_program('sh'), args: ['-c', '{script}'],\n"
                            f"  suite: 'host', protocol: '{protocol}')\n")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["meson", "setup", folder + "/build", folder], check=True, **quiet)
        subprocess.run(["meson", "test", "-C", folder + "/build"], check=False, **quiet)
        run = subprocess.run([sys.executable, COUNT, folder + "/build"], stdout=subprocess.PIPE, text=True, check=False)
        return run.stdout.splitlines(), run.returncode


class CountResults(unittest.TestCase):
    def test_counts_cases(self):
        said, status = results_of(("echo 1..2; echo ok 1; echo ok 2", "tap"), ("true", "exitcode"))
        self.assertEqual((said, status), (["3 passed, 0 failed"], 0))

    def test_counts_a_failed_program_once(self):
        said, status = results_of(("false", "exitcode"), ("echo 1..2; echo ok 1; echo not ok 2", "tap"))
        self.assertEqual((said[-1], status), ("1 passed, 2 failed", 1))

    def test_counts_a_program_that_fails_after_its_cases_passed(self):
        said, status = results_of(("echo 1..1; echo ok 1; echo Bail out!; exit 1", "tap"))
        self.assertEqual((said[-1], status), ("1 passed, 1 failed", 1))
        self.assertIn("program 0", said[0])

    def test_counts_what_is_skipped(self):
        said, status = results_of(("echo \"1..1\"; echo \"ok 1 # skip no reason\"", "tap"), ("true", "exitcode"))
        self.assertEqual((said[-1], status), ("1 passed, 0 failed, 1 skipped", 0))


if __name__ == "__main__":
    unittest.main()
