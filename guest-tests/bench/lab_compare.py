#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares DMA of the GPU in a machine with a laboratory with DMA in one without.

usage: lab_compare.py --qemu QEMU --image IMAGE [--rounds N] [--json FILE]

All machines are alive at the same time and do a kind of work in turn, in another order each round. Times are processor time
of all of QEMU's threads but its processor's, as in compare.py.
"""

import sys

import compare
import machines
import side_by_side

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


def measure(args, work=None):
    """Of each kind of work and each machine: nanoseconds that a copy takes, for each round."""
    args.pages, args.accel = PAGES, None
    makers = (lambda name=name, options=options: machines.Guest(name, ["remap-iommu" + options, "remap-gpu"], args)
              for name, options in LABS)
    return side_by_side.run(makers, args.json, lambda guests: side_by_side.measure(
        guests, work or WORK, args.rounds, lambda guest, request: guest.ask(*request),
        lambda guest, request: compare.again(guest, request[-1])))


def main():
    args = side_by_side.parser(__doc__, "bench.elf", rounds=15).parse_args()
    print(side_by_side.table("Times of DMA as long as without a laboratory", measure(args), "off", {}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
