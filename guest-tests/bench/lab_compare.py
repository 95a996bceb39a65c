#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares DMA of the GPU in a machine with a laboratory with DMA in one without.

usage: lab_compare.py --qemu QEMU --image IMAGE [--rounds N] [--quick] [--json FILE]

All machines are alive at the same time and do a kind of work in turn, in another order each round. Times are processor time
of all of QEMU's threads but its processor's, as in compare.py.
"""

import argparse
import json
import sys

import compare
import machines
import report

NEVER = '{"rules": [{"name": "never", "when": {"on": "dma", "device": "1f:1f.0"}, "do": {"refuse": true}}]}'
# what is in the table, options of remap-iommu
LABS = (("off", ""), ("lab=on", ",lab=on"), ("and trace=on", ",lab=on,trace=on"),
        ("and a rule that never acts", ",rules=" + NEVER.replace(",", ",,")))
PAGES = 8192
# kind, words of the request
WORK = [
    ("4 KiB, scattered", ("copy", "small", 4096, PAGES, 4096)),
    ("64 bytes, scattered", ("copy", "small", 64, PAGES, 4096)),
    ("4 KiB, in pages of 2 MiB", ("copy", "large", 4096, PAGES, 4096)),
    ("2 MiB, in pages of 2 MiB", ("row", PAGES, 32)),
]


def start(args):
    guests = []
    try:
        for name, options in LABS:
            guests.append(machines.Guest(name, ["remap-iommu" + options, "remap-gpu"], args))
        for guest in guests:
            guest.expect("ready")
    except BaseException:
        end(guests)
        raise
    return guests


def end(guests):
    for guest in guests:
        guest.end()


def measure(args, guests):
    times = {kind: {guest.name: [] for guest in guests} for kind, _ in WORK}
    for kind, request in WORK:
        print(kind, file=sys.stderr, flush=True)
        for guest in guests:
            guest.ask(*request)
        for number in range(args.rounds):
            for guest in guests[number % len(guests):] + guests[:number % len(guests)]:
                times[kind][guest.name].append(compare.again(guest, request[-1]))
    return times


def text(times):
    names = [name for name, _ in LABS[1:]]
    rows = [[kind, *(report.spread(report.ratios(of[name], of["off"])) for name in names)] for kind, of in times.items()]
    return "\n".join(report.table("Times of DMA as long as without a laboratory", names, rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qemu", required=True)
    parser.add_argument("--image", required=True, help="the guest program, bench.elf")
    parser.add_argument("--rounds", type=int, default=0, help="default: 15, with --quick 5")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", metavar="FILE", help="where to write all times of all rounds, in nanoseconds")
    args = parser.parse_args()
    args.rounds = args.rounds or (5 if args.quick else 15)
    args.pages, args.accel = PAGES, None
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
