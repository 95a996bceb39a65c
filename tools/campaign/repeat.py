# SPDX-License-Identifier: MIT
"""A run once more, twice, and whether all three are the same: what the guest said, and every event of the trace."""

import itertools
import subprocess

import machine
import outcome
import runner


def trace_of(tools, folder):
    """A line for each event that is still in the trace, and how many are not."""
    told = subprocess.run([tools.remapctl, "--file", folder / "lab", "trace", "--json"], capture_output=True,
                          encoding="utf-8", timeout=600, check=False)
    if told.returncode != 0:
        raise machine.NoEvidence(told.stderr.strip())
    return told.stdout.splitlines()


def guest_of(folder):
    """What the guest itself said. QEMU's words come between as they like."""
    lines = (folder / "guest.log").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith(("# QEMU ran for", "# by hand:", "# qemu:"))]


def first_difference(name, one, other):
    """A sentence, or None when both lists are the same."""
    for number, (left, right) in enumerate(itertools.zip_longest(one, other, fillvalue="(nothing)"), 1):
        if left != right:
            return f"{name} {number} differs:\n  {left}\n  {right}"
    return None


def repeat(tools, plan, root, run, result):
    """What to print, and whether all was the same."""
    folder = runner.folder_of(root, run)
    rules = root / "rules" / run.rules if run.rules else None
    again = [folder / "repeat" / name for name in ("1", "2")]
    made = [machine.make(tools, plan, run, one, rules) for one in again]
    for one in made:
        if outcome.signature(one) != outcome.signature(result):
            return f"run {run.number} ended as {result['outcome']}, and now as {one['outcome']}", False
    logs, traces = map(guest_of, again), [trace_of(tools, one) for one in again]
    differences = [first_difference("line", *logs), first_difference("event", *traces)]
    for difference in filter(None, differences):
        return f"run {run.number} does not repeat: {difference}", False
    return f"run {run.number} ({result['outcome']}) repeats: {len(traces[0])} events of the trace are the same", True
