# SPDX-License-Identifier: MIT
"""Machines that are all alive at once and do a kind of work in turn, in another order each round, and then the next kind:
what slows the host down slows all of them down."""

import argparse
import json
import sys

import machines
import report


def parser(doc, image, rounds=7):
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--qemu", required=True)
    made.add_argument("--image", required=True, help=f"the guest program, {image}")
    made.add_argument("--rounds", type=int, default=rounds, help="default: %(default)s")
    made.add_argument("--json", metavar="FILE", help="where to write all times of all rounds, in nanoseconds")
    return made


def measure(guests, work, rounds, prepare, time_of):
    """Of each kind of work and each machine by its name: a time for each round. `work` is pairs, a kind and what `prepare`
    and `time_of` get with the guest."""
    times = {kind: {guest.name: [] for guest in guests} for kind, _ in work}
    for kind, request in work:
        print(kind, file=sys.stderr, flush=True)
        for guest in guests:
            prepare(guest, request)
        for number in range(rounds):
            for guest in guests[number % len(guests):] + guests[:number % len(guests)]:
                times[kind][guest.name].append(time_of(guest, request))
    return times


def table(title, times, base, heads):
    """Ratios to the machine `base`; `heads`: by the names of the others."""
    names = [name for name in next(iter(times.values())) if name != base]
    rows = [[kind, *(report.spread(report.ratios(of[name], of[base])) for name in names)] for kind, of in times.items()]
    return "\n".join(report.table(title, [heads.get(name, name) for name in names], rows))


def run(makers, json_file, measured):
    """Makes the machines one after the other, has `measured` measure them, and ends them. Ends the program with a sentence
    if it cannot."""
    guests = []
    try:
        for make in makers:
            guests.append(make())
        for guest in guests:
            guest.expect("ready")
        times = measured(guests)
    except (machines.BenchError, OSError) as error:
        sys.exit(f"bench: {error}")
    finally:
        for guest in guests:
            guest.end()
    if json_file:
        with open(json_file, "w", encoding="utf-8") as file:
            json.dump(times, file, indent=1)
    return times
