#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares DMA behind remap-iommu with DMA behind intel-iommu, without IOMMU, and with memcpy on the host.

usage: compare.py --qemu QEMU --image IMAGE --memcpy PROGRAM [--lookups PROGRAM] [--rounds N] [--quick] [--json FILE]

docs/bench.md says what is measured. Times of copies are processor time of the threads that do the work, so that other
work of the host disturbs less; those of invalidations are the guest's clock, from the doorbell to the completion.
"""

import argparse
import json
import statistics
import subprocess
import sys

import machines
import report

SETS = (64, 512, 2048, 8192, 32768, 100000)
SETS_QUICK = (64, 8192)
IOMMUS = ("remap", "intel")
LEAST_COPIES = 4096  # of a pass, so that what begins and ends it does not count
PASSES = 4


def plan(sets):
    """What the GPU is to copy: kind, pages of the working set, words of the request, whether an IOTLB's refill shows."""
    for pages in sets:
        copies = max(LEAST_COPIES, pages // 2)
        yield "4 KiB, scattered", pages, ("copy", "small", 4096, pages, copies), True
    for pages in sets:
        copies = max(LEAST_COPIES, pages // 2)
        yield "64 bytes, scattered", pages, ("copy", "small", 64, pages, copies), True
    for pages in sets:
        copies = max(LEAST_COPIES, pages // 2)
        yield "4 KiB, in pages of 2 MiB", pages, ("copy", "large", 4096, pages, copies), False
    in_a_row = max(pages for pages in (1024, 8192, 65536) if pages <= max(sets))
    yield "2 MiB, in pages of 2 MiB", in_a_row, ("row", in_a_row, 32), False


def again(server, copies, *how):
    """Nanoseconds that one copy of the list takes."""
    begin = server.processor_time()
    server.ask("again", PASSES, *how)
    return (server.processor_time() - begin) / (PASSES * copies)


class Results:
    """Lists of dictionaries, one for each case and in the order of the plan, to which each round adds."""

    def __init__(self):
        self.parts = {"copies": [], "refills": [], "invalidations": [], "lookups": []}

    def case(self, part, kind, pages, **fields):
        for one in self.parts[part]:
            if one["kind"] == kind and one["pages"] == pages:
                return one
        self.parts[part].append({"kind": kind, "pages": pages, **fields})
        return self.parts[part][-1]


def add(times, name, nanoseconds):
    times.setdefault(name, []).append(nanoseconds)


def measure(results, server, step):
    """One step of the plan on one machine."""
    kind, pages, request, refill = step
    copies = request[-1]
    server.ask(*request)
    warm = again(server, copies)
    add(results.case("copies", kind, pages, times={})["times"], server.name, warm)
    if server.name in IOMMUS and refill:
        # Without a page twice: each is missed once, by a translation for reading or one for writing.
        if copies == pages // 2:
            one = results.case("refills", kind, pages, times={}, warm={})
            add(one["warm"], server.name, warm)
            add(one["times"], server.name, again(server, copies, "cold"))


def invalidate(results, server, pages, count):
    server.ask("copy", "small", 64, pages, pages // 2)
    for granularity in ("page", "domain", "global"):
        taken = server.ask("forget", granularity, count)
        one = results.case("invalidations", granularity, pages, times={})
        add(one["times"], server.name, statistics.median(taken))


def look_up(results, program, quick):
    """The engine without QEMU: iommu/bench."""
    command = [program, "--benchmark_format=json", f"--benchmark_min_time={0.01 if quick else 0.1}"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for one in answer["benchmarks"]:
        kind, pages = one["name"].split("/")[:2]
        results.case("lookups", kind.replace("_", " "), int(pages), times=[])["times"].append(1e9 / one["items_per_second"])


def run(args, servers, results):
    names = list(servers)
    for number in range(args.rounds):
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
        order = [servers[name] for name in names[number % len(names):] + names[:number % len(names)]]
        for step in plan(args.sets):
            for server in order:
                measure(results, server, step)
        for pages in args.sets:
            for server in order:
                if server.name in IOMMUS:
                    invalidate(results, server, pages, 4 if args.quick else 8)
        if args.lookups:
            look_up(results, args.lookups, args.quick)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qemu", required=True, help="with remap-iommu and remap-gpu")
    parser.add_argument("--image", required=True, help="the guest program, bench.elf")
    parser.add_argument("--memcpy", required=True, help="the host program, bench-memcpy")
    parser.add_argument("--lookups", help="the benchmark of the engine alone")
    parser.add_argument("--accel", help="QEMU's accelerator, for example kvm (default: tcg)")
    parser.add_argument("--rounds", type=int, help="default: 7, or 3 with --quick")
    parser.add_argument("--quick", action="store_true", help="small working sets only")
    parser.add_argument("--json", metavar="FILE", help="where to write all times of all rounds, in nanoseconds")
    args = parser.parse_args()
    args.sets = SETS_QUICK if args.quick else SETS
    args.rounds = args.rounds or (3 if args.quick else 7)
    args.pages = -(-max(args.sets) // 512) * 512
    return args


def main():
    args = parse_arguments()
    results = Results()
    servers = {}
    try:
        servers = machines.start(args)
        run(args, servers, results)
    except (machines.BenchError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error}")
    finally:
        machines.end(servers)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(results.parts, file, indent=1)
    print(report.report(results.parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
