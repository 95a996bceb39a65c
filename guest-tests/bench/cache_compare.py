#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares machines with a model of the processors' caches with one without, and with QEMU's own way to see accesses.

usage: cache_compare.py --qemu QEMU --image IMAGE [--plugin libmem.so] [--rounds N] [--quick] [--json FILE]

docs/bench.md says what is measured. All machines are alive at the same time and do a kind of work in turn, in another
order each round, and then the next kind. Times are processor time of all of QEMU's threads.
"""

import os
import sys
import types

import machines
import run_guest
import side_by_side

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


def makers(args):
    yield lambda: Guest("off", args)
    for mode in MODES:
        yield lambda mode=mode: Guest(mode, args, [f"cache-model={mode}"])
    if args.plugin:
        yield lambda: Guest("plugin", args, more=["-plugin", args.plugin + ",callback=true", "-d", "plugin",
                                                  "-D", os.devnull])


def scaled(request, quick):
    return (*request[:-1], max(1, request[-1] // 10)) if quick else request


def main():
    parser = side_by_side.parser(__doc__, "bench-cache.elf")
    parser.add_argument("--plugin", metavar="FILE", help="QEMU's plugin tests/tcg/plugins/mem.c, to compare with")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    args = parser.parse_args()
    work = [(kind, scaled(request, args.quick)) for kind, request in WORK]
    times = side_by_side.run(makers(args), args.json, lambda guests: side_by_side.measure(
        guests, work, args.rounds, lambda guest, request: None, Guest.work))
    print(side_by_side.table("Times as long as without", times, "off",
                             {"report": "cache-model=report", "strict": "cache-model=strict",
                              "plugin": "a plugin that counts accesses"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
