#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A short run of cache_compare.py: that the model costs a guest nothing that does not touch what the GPU reaches. Ratios of
processor time, and of the best rounds, so that other work of the machine hardly counts."""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = 5
COMPUTING = ("compute: sort 64 Ki numbers", "compute: locked increments")
MOST = 1.5      # times as long as without the model
TRACKED = "stores to the GPU's memory, cached"
LEAST = 3.0     # as long: else the model has not seen them


def problems(times):
    """Sentences."""
    for kind, of in times.items():
        for name, taken in of.items():
            if len(taken) != ROUNDS or min(taken) <= 0:
                yield f"{kind}: {name}: {taken}"
    for mode in ("report", "strict"):
        ratio = {kind: min(of[mode]) / min(of["off"]) for kind, of in times.items()}
        for kind in COMPUTING:
            if ratio[kind] > MOST:
                yield f"{kind}: {ratio[kind]:.2f} times as long with cache-model={mode}"
        if ratio[TRACKED] < LEAST:
            yield f"{TRACKED}: {ratio[TRACKED]:.2f} times as long with cache-model={mode}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "times.json")
        command = [os.path.join(HERE, "cache_compare.py"), *sys.argv[1:], "--quick", "--rounds", str(ROUNDS),
                   "--json", path]
        if subprocess.run(command, check=False).returncode != 0:
            return 1
        with open(path, encoding="utf-8") as file:
            found = list(problems(json.load(file)))
    for problem in found:
        print("wrong:", problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
