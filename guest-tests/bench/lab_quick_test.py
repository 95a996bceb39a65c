#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A short run of lab_compare.py: what a laboratory that nobody listens to costs DMA, and what its trace does. Ratios of
processor time and of the best rounds, so that other work of the host hardly counts. Where a machine's memory happens to lie
makes several per cent: what is too dear in one launch is measured again in others, and alone."""

import sys

import lab_compare
import side_by_side

ROUNDS = 25
LAUNCHES = 12
OFF, IDLE, TRACED, ASKED = (name for name, _ in lab_compare.LABS)
SMALL = "64 bytes, scattered"  # which move next to nothing
# which machine, as which other, how many times as long at most, and of what copies
LIMITS = ((IDLE, OFF, 1.08, lambda kind: True), (TRACED, IDLE, 1.10, lambda kind: True),
          (TRACED, OFF, 1.10, lambda kind: kind != SMALL))
LEAST = 1.02  # what rules cost at least that want to be asked; else nothing was measured


def problems(times):
    """Of one launch: sentences, by kind of work and machines."""
    found = {}
    for kind, of in times.items():
        best = {name: min(taken) for name, taken in of.items()}
        for name, other, most, concerns in LIMITS:
            ratio = best[name] / best[other]
            if concerns(kind) and ratio > most:
                found[kind, name, other] = f"{kind}: \"{name}\" is {ratio:.3f} times \"{other}\", at most {most}"
        if best[ASKED] / best[OFF] < LEAST:
            found[kind, ASKED, OFF] = f"{kind}: a rule that is asked each time costs nothing"
    return found


def main():
    args = side_by_side.parser(__doc__, "bench.elf", ROUNDS).parse_args()
    left = problems(lab_compare.measure(args))
    for _ in range(LAUNCHES - 1):
        if not left:
            break
        for sentence in left.values():
            print("again:", sentence, flush=True)
        kinds = {what[0] for what in left}
        now = problems(lab_compare.measure(args, [work for work in lab_compare.WORK if work[0] in kinds]))
        left = {what: sentence for what, sentence in now.items() if what in left}
    for sentence in left.values():
        print("wrong:", sentence)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
