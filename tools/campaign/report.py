# SPDX-License-Identifier: MIT
"""One report of a campaign, whoever made its runs: as data, as text, and as a page."""

import collections
import json
from pathlib import Path

import jinja2

import runner
from outcome import OUTCOMES
from plan import write_whole

MOST_LISTED = 50  # runs of one outcome, in what people read; the data has all
WORTH_A_LOOK = ["crashed", "hung", "missed", "died"]


def of_run(run, result):
    acted = {rule["name"]: rule["injected"] for rule in result["rules_acted"] if rule["injected"]}
    return {"number": run.number, "title": run.title, "rules": run.rules, "variant": run.variant, "suite": run.suite,
            "seed": run.seed, "outcome": result["outcome"], "acted": acted, "failed": result["failed"],
            "bail": result["bail"], "unaccounted": result["unaccounted"], "faults": result.get("faults", 0)}


def collect(plan, root):
    """The report as data. Without times and places, so that it is the same wherever the runs were made."""
    results = runner.results(plan, root)
    runs = [of_run(run, result) for run, result in results if result]
    tried = [run for run in runs if run["rules"]]
    by_rules = {name: collections.Counter(run["outcome"] for run in tried if run["rules"] == name) for name in plan.rules}
    by_suite = {suite: collections.Counter(run["outcome"] for run in tried if f"{run['variant']}:{run['suite']}" == suite)
                for suite in plan.suites}
    return {"plan": plan.digest, "runs": len(results), "missing": [run.number for run, result in results if not result],
            "outcomes": in_order(collections.Counter(run["outcome"] for run in tried)),
            "by_rules": {name: in_order(count) for name, count in by_rules.items()},
            "by_suite": {name: in_order(count) for name, count in by_suite.items()},
            "injected": by_deed(results),
            "without_rules": [run for run in runs if not run["rules"] and run["outcome"] != "quiet"],
            "unaccounted": [run for run in runs if run["unaccounted"]],
            "detail": tried, "minimal": minimal_sets(root, plan)}


def in_order(counter):
    return {name: counter[name] for name in OUTCOMES if counter[name]}


def by_deed(results):
    """What was done to what: how often it was injected, how often the trace shows it, and how those runs ended."""
    table = {}
    for _, result in results:
        for rule in (result or {}).get("rules_acted", []):
            if rule["acted"] or rule["traced"]:
                row = table.setdefault(f"{rule['do']} of {rule['on']}", {"in_vain": 0, "injected": 0, "traced": 0,
                                                                         "outcomes": collections.Counter()})
                row["in_vain"] += rule["acted"] - rule["injected"]
                row["injected"] += rule["injected"]
                row["traced"] += rule["traced"]
                row["outcomes"][result["outcome"]] += 1
    return {name: row | {"outcomes": in_order(row["outcomes"])} for name, row in sorted(table.items())}


def minimal_sets(root, plan):
    found = {}
    for run in plan.runs():
        file = runner.folder_of(root, run) / "minimal.json"
        if file.exists():
            found[run.number] = [rule["name"] for rule in json.loads(file.read_text(encoding="utf-8"))["rules"]]
    return found


def problems(report):
    """Sentences that say why this campaign cannot be relied on; none if it can."""
    if report["missing"]:
        yield f"{len(report['missing'])} of {report['runs']} runs are missing"
    for run in report["without_rules"]:
        yield f"{run['title']}: {run['outcome']}, so what its runs with rules say is in doubt"
    for run in report["unaccounted"]:
        yield f"run {run['number']} ({run['title']}): {'; '.join(run['unaccounted'])}"


def table(header, rows):
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
            for row in cells]


def outcome_rows(counts):
    return [[name, *(count.get(outcome, 0) or "-" for outcome in OUTCOMES)] for name, count in counts.items()]


def why(run):
    parts = [f"{name} x{times}" for name, times in run["acted"].items()]
    if run["failed"]:
        parts.append(f"failed: {', '.join(run['failed'][:3])}")
    elif run["bail"]:
        parts.append(run["bail"])
    return "; ".join(parts)


def as_text(report):
    injected = report["injected"]
    lines = ["# Injected", ""]
    lines += table(["deed", "in vain", "injected", "in trace", *OUTCOMES],
                   [[name, row["in_vain"] or "-", row["injected"], row["traced"], *(row["outcomes"].get(o, 0) or "-" for o in OUTCOMES)]
                    for name, row in injected.items()])
    lines += ["", "# How the runs ended", ""]
    lines += table(["rules", *OUTCOMES], outcome_rows(report["by_rules"]))
    lines += [""] + table(["suite", *OUTCOMES], outcome_rows(report["by_suite"]))
    for name in WORTH_A_LOOK:
        chosen = [run for run in report["detail"] if run["outcome"] == name]
        if chosen:
            lines += ["", f"# {name}: {OUTCOMES[name]}", ""]
            lines += [f"{run['number']:>6}  {run['title']}: {why(run)}" for run in chosen[:MOST_LISTED]]
            lines += [f"        and {len(chosen) - MOST_LISTED} more"] * (len(chosen) > MOST_LISTED)
    if report["minimal"]:
        lines += ["", "# Smallest rules that still do it", ""]
        lines += [f"{number:>6}  {', '.join(names)}" for number, names in report["minimal"].items()]
    total = sum(row["injected"] for row in injected.values())
    traced = sum(row["traced"] for row in injected.values())
    lines += ["", f"{report['runs'] - len(report['missing'])} runs; {total} faults injected, {traced} in the traces"]
    lines += [f"NOT ACCOUNTED FOR: {problem}" for problem in problems(report)]
    return "\n".join(lines) + "\n"


def as_page(report):
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True,
                                     trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(
        report=report, outcomes=OUTCOMES, problems=list(problems(report)), why=why, listed=MOST_LISTED,
        worth_a_look=WORTH_A_LOOK)


def write(plan, root):
    report = collect(plan, root)
    write_whole(root / "report.json", json.dumps(report, indent=1) + "\n")
    write_whole(root / "report.txt", as_text(report))
    write_whole(root / "report.html", as_page(report))
    return report
