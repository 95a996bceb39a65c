#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a fuzz target over its corpus, and on from there with mutations that are the same each time. Reports in TAP.

usage: replay.py TARGET CORPUS [RUNS]
New inputs are thrown away: scripts/fuzz is what adds to a corpus. The input of a finding is left beside the target.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 30000  # unless said otherwise; those of the corpus are among them


def executed_units(log):
    found = re.search(r"stat::number_of_executed_units:\s+(\d+)", log)
    return int(found[1]) if found else 0


def main(target, corpus, runs=RUNS):
    print("TAP version 13\n1..2")
    inputs = sum(1 for path in Path(corpus).iterdir() if path.is_file()) if Path(corpus).is_dir() else 0
    print(f"{'ok' if inputs else 'not ok'} 1 - there is a corpus")
    with tempfile.TemporaryDirectory() as scratch:
        command = [target, f"-runs={runs}", "-seed=1", "-max_len=256", "-len_control=0", "-timeout=20", "-print_final_stats=1",
                   f"-artifact_prefix={target}-finding-", scratch, corpus]
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             encoding="utf-8", errors="replace", check=False)
    kept = run.returncode == 0 and executed_units(run.stdout) >= int(runs)
    print(f"{'ok' if kept else 'not ok'} 2 - {runs} runs without a finding")
    if not kept:
        print("\n".join("# " + line for line in run.stdout.splitlines()[-60:]))
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
