#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A short run of lab_compare.py: that a laboratory nobody listens to costs DMA nothing that can be measured, and the trace
less than a tenth; of copies of 64 bytes, which move next to nothing, less than a fifth. Ratios of processor time and of the best
rounds, so that other work of the host hardly counts. Where a machine's memory happens to lie makes several per cent: what is
too dear in one launch is measured again in others."""

import sys

import lab_compare
import side_by_side

ROUNDS = 25
LAUNCHES = 6
# times as long as without a laboratory
MOST_IDLE = 1.08
MOST_TRACED = 1.10
MOST_TRACED_SMALL = 1.20  # of SMALL
SMALL = "64 bytes, scattered"
LEAST = 1.02  # what rules cost at least that want to be asked; else nothing was measured


def problems(times):
    """Of one launch: sentences, by kind of work and machine."""
    found = {}
    for kind, of in times.items():
        ratio = {name: min(taken) / min(of["off"]) for name, taken in of.items()}
        for name, most in (("lab=on", MOST_IDLE), ("and trace=on", MOST_TRACED_SMALL if kind == SMALL else MOST_TRACED)):
            if ratio[name] > most:
                found[kind, name] = f"{kind}: {ratio[name]:.3f} times as long with {name}, at most {most} is allowed"
        if ratio["and a rule that never acts"] < LEAST:
            found[kind, "rule"] = f"{kind}: a rule that is asked each time costs nothing"
    return found


def main():
    args = side_by_side.parser(__doc__, "bench.elf", ROUNDS).parse_args()
    left = problems(lab_compare.measure(args))
    for _ in range(LAUNCHES - 1):
        if not left:
            break
        for sentence in left.values():
            print("again:", sentence, flush=True)
        now = problems(lab_compare.measure(args))
        left = {what: sentence for what, sentence in now.items() if what in left}
    for sentence in left.values():
        print("wrong:", sentence)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
