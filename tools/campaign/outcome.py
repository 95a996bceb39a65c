# SPDX-License-Identifier: MIT
"""What became of a run, from what the guest said and what the laboratory knows."""

import re
from dataclasses import dataclass, field

RESULT = re.compile(r"(not )?ok \d+ (?:- )?(.*)")
SKIPPED = re.compile(r"#\s*(skip|todo)\b", re.IGNORECASE)

# In the order in which people want to read of them.
OUTCOMES = {
    "crashed": "QEMU itself died",
    "hung": "no verdict within the time",
    "missed": "something was changed under the guest, and it passed as if nothing had been",
    "noticed": "the guest said that something is wrong",
    "died": "the guest was reset or stopped without a verdict",
    "tolerated": "what happened must not make a difference, and did not",
    "quiet": "no rule has acted",
}

# Deeds that leave the guest's data and its view of them as they would have been, only later or with more or fewer
# interrupts: to pass is right. Any other is a change that somebody ought to notice.
HARMLESS = {("delay", None), ("interrupt", None), ("full-log", None), ("drop", "interrupt"), ("drop", "unit-interrupt")}


@dataclass
class Guest:
    """What came from the guest and from QEMU's end."""
    lines: list = field(default_factory=list)
    status: int | None = None  # of run_guest.py; negative: a signal ended QEMU
    timed_out: bool = False

    def failed_cases(self):
        found = (RESULT.match(line) for line in self.lines)
        return [case[2] for case in found if case and case[1] and not SKIPPED.search(case[2])]

    def bail(self):
        return next((line[len("Bail out!"):].strip() for line in self.lines if line.startswith("Bail out!")), None)


def harmful(rule):
    deed, kind = rule["do"], rule["on"]
    return rule["injected"] > 0 and (deed, None) not in HARMLESS and (deed, kind) not in HARMLESS


def judge(guest, rules):
    """One of OUTCOMES."""
    bail = guest.bail() or ""
    if "no verdict within" in bail or guest.timed_out:
        return "hung"
    if "by signal" in bail:
        return "crashed"
    if "without a verdict" in bail:
        return "died"
    if guest.status != 0:
        return "noticed"
    if not any(rule["injected"] for rule in rules):
        return "quiet"
    return "missed" if any(map(harmful, rules)) else "tolerated"


def signature(result):
    """What has to be the same for a smaller set of rules to fail in the same way."""
    return result["outcome"], tuple(sorted(result["failed"]))
