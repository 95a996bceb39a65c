# SPDX-License-Identifier: MIT
"""The smallest part of a set of rules that still makes a run end in the same way: delta debugging (Zeller and Hildebrandt,
"Simplifying and Isolating Failure-Inducing Input", IEEE TSE 2002), the algorithm ddmin. That it works at all is owed to
each rule's own generator of chances: the others are not disturbed when one is left out."""

import json

import machine
import outcome
import runner
from plan import write_whole


def split(items, parts):
    """Into so many pieces of about the same length, none empty."""
    bounds = [len(items) * part // parts for part in range(parts + 1)]
    return [items[first:last] for first, last in zip(bounds, bounds[1:]) if first < last]


def ddmin(items, fails):
    """A part of `items`, in their order, for which fails(part) is true and of which nothing can be left out. `fails` is
    true of all of them."""
    parts = 2
    while len(items) >= 2:
        pieces = split(items, parts)
        rests = [[item for other in pieces if other is not piece for item in other] for piece in pieces]
        for smaller, next_parts in [(piece, 2) for piece in pieces] + [(rest, parts - 1) for rest in rests]:
            if 0 < len(smaller) < len(items) and fails(smaller):
                items, parts = smaller, max(next_parts, 2)
                break
        else:
            if parts >= len(items):
                break
            parts = min(len(items), 2 * parts)
    return items


def minimise(tools, plan, root, run, result):
    """The file with the smallest set, and how many runs that took."""
    whole = json.loads((root / "rules" / run.rules).read_text(encoding="utf-8"))
    wanted = outcome.signature(result)
    folder = runner.folder_of(root, run) / "minimise"
    tries = 0

    def fails(rules):
        nonlocal tries
        tries += 1
        trial = folder / str(tries)
        trial.mkdir(parents=True, exist_ok=True)
        file = trial / run.rules
        write_whole(file, json.dumps(whole | {"rules": rules}, indent=2) + "\n")
        return outcome.signature(machine.make(tools, plan, run, trial, file)) == wanted

    # A set without the part that has never acted is the first try, and mostly the last but a few.
    acted = {rule["name"] for rule in result["rules_acted"] if rule["injected"]}
    rules = named(whole["rules"])
    suspects = [rule for rule in rules if rule["name"] in acted]
    if suspects and len(suspects) < len(rules) and fails(suspects):
        rules = suspects
    smallest = ddmin(rules, fails)
    file = runner.folder_of(root, run) / "minimal.json"
    write_whole(file, json.dumps({"seed": run.seed, "rules": smallest}, indent=2) + "\n")
    return file, len(smallest), tries


def named(rules):
    """A rule without a name is called by its place, which changes when others are left out: it is given the name that it
    has in the whole file."""
    return [{"name": f"rule-{number}"} | rule for number, rule in enumerate(rules, 1)]
