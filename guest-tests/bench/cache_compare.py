#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares machines with a model of the processors' caches with one without, and with QEMU's own way to see accesses.

usage: cache_compare.py --qemu QEMU --image IMAGE [--plugin libmem.so] [--rounds N] [--quick] [--json FILE]

docs/bench.md says what is measured. All machines are alive at the same time and do a kind of work in turn, in another
order each round, and then the next kind. Times are processor time of all of QEMU's threads.
"""

import argparse
import json
import os
import sys
import types

import machines
import report
import run_guest

MEMORY_MIB = 512
MODES = ("report", "strict")
# what is done, words of the request (cache_cost.cc)
WORK = [
    ("compute: sort 64 Ki numbers", ("sort", 20)),
    ("compute: locked increments", ("count", 20_000_000)),
    ("compute: a chain through 64 MiB", ("chase", 500_000)),
    ("map: views of 16 pages", ("view", 2000)),
    ("map: allocations of 16 pages", ("allocate", 300)),
    ("stores to the GPU's memory, cached", ("store", "cached", 4000)),
    ("stores to the GPU's memory, combined", ("store", "combined", 4000)),
    ("stores to the GPU's memory, uncached", ("store", "uncached", 4000)),
    ("after all that: a chain through 64 MiB", ("chase", 500_000)),
]


class Guest(machines.Server):
    def __init__(self, name, args, machine=(), more=()):
        command = run_guest.command_line(
            {"machine": list(machine), "devices": ["remap-iommu", "remap-gpu"], "memory_mib": MEMORY_MIB},
            types.SimpleNamespace(qemu=args.qemu, accel=None, option=[], image=args.image,
                                  monitor=types.SimpleNamespace(arguments=lambda: []), more=list(more)))
        super().__init__(name, command)

    def work(self, request):
        begin = self.processor_time()
        self.ask(*request)
        return self.processor_time() - begin


def start(args):
    guests = []
    try:
        guests.append(Guest("off", args))
        guests += [Guest(mode, args, [f"cache-model={mode}"]) for mode in MODES]
        if args.plugin:
            guests.append(Guest("plugin", args, more=["-plugin", args.plugin + ",callback=true", "-d", "plugin",
                                                      "-D", os.devnull]))
        for guest in guests:
            guest.expect("ready")
    except BaseException:
        end(guests)
        raise
    return guests


def end(guests):
    for guest in guests:
        guest.end()


def scaled(request, quick):
    return (*request[:-1], max(1, request[-1] // 10)) if quick else request


def measure(args, guests):
    times = {kind: {guest.name: [] for guest in guests} for kind, _ in WORK}
    for kind, request in WORK:
        print(kind, file=sys.stderr, flush=True)
        for number in range(args.rounds):
            for guest in guests[number % len(guests):] + guests[:number % len(guests)]:
                times[kind][guest.name].append(guest.work(scaled(request, args.quick)))
    return times


def text(times):
    names = [name for name in next(iter(times.values())) if name != "off"]
    rows = [[kind, *(report.spread(report.ratios(of[name], of["off"])) for name in names)] for kind, of in times.items()]
    heads = {"report": "cache-model=report", "strict": "cache-model=strict", "plugin": "a plugin that counts accesses"}
    return "\n".join(report.table("Times as long as without", [heads[name] for name in names], rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qemu", required=True)
    parser.add_argument("--image", required=True, help="the guest program, bench-cache.elf")
    parser.add_argument("--plugin", metavar="FILE", help="QEMU's plugin tests/tcg/plugins/mem.c, to compare with")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--json", metavar="FILE", help="where to write all times of all rounds, in nanoseconds")
    args = parser.parse_args()
    guests = []
    try:
        guests = start(args)
        times = measure(args, guests)
    except (machines.BenchError, OSError) as error:
        sys.exit(f"bench: {error}")
    finally:
        end(guests)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(times, file, indent=1)
    print(text(times))
    return 0


if __name__ == "__main__":
    sys.exit(main())
