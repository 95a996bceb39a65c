#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A short run of compare.py: that it measures, and that what it measures can be true. No targets: other work of the
machine may slow any part of it down."""

import json
import os
import subprocess
import sys
import tempfile
from statistics import median

HERE = os.path.dirname(os.path.abspath(__file__))


def find(results, part, kind, pages):
    [one] = [one for one in results[part] if one["kind"] == kind and one["pages"] == pages]
    return one["times"]


def problems(results, rounds):
    """Sentences."""
    for part, names in (("copies", {"none", "intel", "remap", "memcpy"}), ("invalidations", {"intel", "remap"})):
        for one in results[part]:
            where = f"{part}: {one['kind']}, {one['pages']} pages"
            if set(one["times"]) != names:
                yield f"{where}: measured on {sorted(one['times'])}"
            for name, times in one["times"].items():
                if len(times) != rounds or min(times) <= 0:
                    yield f"{where}: {name}: {times}"
    for one in results["copies"]:
        times = {name: median(of_round) for name, of_round in one["times"].items()}
        # A device does what memcpy does and more; a translation takes longer than none.
        for less, more in (("memcpy", "none"), ("none", "remap"), ("none", "intel")):
            if times[less] > 1.5 * times[more]:
                yield f"{one['kind']}, {one['pages']} pages: {less} took {times[less]}, {more} {times[more]}"
    # More pages than intel-iommu's IOTLB has entries.
    missing = find(results, "copies", "64 bytes, scattered", 8192)
    if median(missing["intel"]) < 1.2 * median(missing["remap"]):
        yield f"no faster than behind intel-iommu where that misses each time: {missing}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "times.json")
        command = [os.path.join(HERE, "compare.py"), *sys.argv[1:], "--quick", "--rounds", "3", "--json", path]
        if subprocess.run(command, check=False).returncode != 0:
            return 1
        with open(path, encoding="utf-8") as file:
            found = list(problems(json.load(file), 3))
    for problem in found:
        print("wrong:", problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
