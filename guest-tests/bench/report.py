# SPDX-License-Identifier: MIT
"""What a run of scripts/bench says: ratios, each as "median (smallest..largest)" of the rounds."""

import statistics


def ratios(above, below):
    """Of each round its own: what slows one machine down in a round slows all down."""
    return [a / b for a, b in zip(above, below)]


def spread(values):
    digits = 1 if max(values) >= 10 else 3 if max(values) < 0.1 else 2
    median, least, most = (f"{choose(values):.{digits}f}" for choose in (statistics.median, min, max))
    return f"{median} ({least}..{most})"


def table(title, heads, rows):
    """Lines of columns, the first to the left, the others to the right; nothing without rows."""
    if not rows:
        return []
    cells = [["", *heads], *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["", title] + ["  ".join([row[0].ljust(widths[0])] + [cell.rjust(width)
                                    for cell, width in zip(row[1:], widths[1:])]).rstrip() for row in cells]


def with_least_pages(results, one):
    """The result that differs from this one in nothing but its working set."""
    return min((other for other in results if other["kind"] == one["kind"]), key=lambda other: other["pages"])


def name_of(result):
    return f"{result['kind']}, {result['pages']} pages"


def copies(results):
    rows = [[name_of(one), *(spread(ratios(one["times"][slower], one["times"][faster])) for slower, faster in
                             (("intel", "remap"), ("intel", "none"), ("none", "remap"), ("memcpy", "remap")))]
            for one in results]
    return table("Copies by the GPU: how many times the first is as fast as the second",
                 ["remap : intel", "no IOMMU : intel", "remap : no IOMMU", "remap : memcpy"], rows)


def refills(results):
    rows = [[name_of(one), spread(ratios(one["times"]["intel"], one["times"]["remap"])),
             *(spread(ratios(one["times"][name], one["warm"][name])) for name in ("remap", "intel"))] for one in results]
    return table("Copies with an IOTLB that was just invalidated: how many times",
                 ["remap : intel, as fast", "remap : warm, as long", "intel : warm, as long"], rows)


def invalidations(results):
    rows = []
    for one in results:
        least = with_least_pages(results, one)
        rows.append([name_of(one), spread(ratios(one["times"]["intel"], one["times"]["remap"])),
                     *(spread(ratios(one["times"][name], least["times"][name])) for name in ("remap", "intel"))])
    return table("An invalidation through the queue, to its completion, while that many pages are live: how many times",
                 ["remap : intel, as fast", "remap : fewest pages, as long", "intel : fewest pages, as long"], rows)


def lookups(results):
    rows = [[name_of(one), spread(ratios(one["times"], with_least_pages(results, one)["times"]))] for one in results]
    return table("The engine alone, one translation: how many times", ["as long as with the fewest pages"], rows)


def figures(results):
    """The one place with absolute numbers."""
    lines = ["", "Medians in nanoseconds, which mean something on this machine and in this run only:"]
    for part, title in (("copies", "copy"), ("refills", "refill"), ("invalidations", "invalidation")):
        for one in results[part]:
            numbers = ", ".join(f"{name} {statistics.median(times):.0f}" for name, times in one["times"].items())
            lines.append(f"  {title}: {name_of(one)}: {numbers}")
    return lines + [f"  lookup: {name_of(one)}: {statistics.median(one['times']):.1f}" for one in results["lookups"]]


def report(results):
    return "\n".join(copies(results["copies"]) + refills(results["refills"]) + invalidations(results["invalidations"]) +
                     lookups(results["lookups"]) + figures(results))
