#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs guest suites under fault rules, many times, and says what was injected, what the guest noticed, what it missed and
what hung.

A campaign is a folder: its plan, its runs, its report. Called again with the folder alone, or with the same arguments, it
goes on with the runs that are missing; after an interruption of any kind nothing that was finished is made again.
"""

import argparse
import os
import sys
from pathlib import Path

import machine
import minimise
import repeat
import report
import runner
import slurm
from plan import Plan, PlanError, parse_seeds, parse_shard, read_rules, settle, shard_of

ICOUNT = "shift=1,sleep=off"
EPILOG = """examples:
  campaign bits --suite remap:gpu_dma --rules faults.json --seeds 1..100
  campaign bits                                       go on with it
  campaign bits --shard 2/4                           every fourth run, here; others elsewhere, in the same folder
  campaign bits --slurm 4                             the same as an array of four Slurm tasks
  campaign bits --repeat 17                           is run 17 the same again, to the last event?
  campaign bits --minimise 17                         the smallest part of its rules with which run 17 still fails
status: 0 all runs are made and accounted for (whatever their outcome), 1 not, 2 wrong use."""


def parse_arguments(words):
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the campaign; made if it is not there")
    parser.add_argument("--suite", action="append", default=[], metavar="VARIANT:SUITE",
                        help="a guest suite in a variant of the machine (run_guest.py --list)")
    parser.add_argument("--rules", action="append", default=[], metavar="FILE|FOLDER", help="fault rules")
    parser.add_argument("--seeds", default="1", metavar="FROM..TO", help="of the rules, for example 1..100 or 1,5 (1)")
    parser.add_argument("--seconds", type=float, default=60, help="the longest a run may take (60)")
    parser.add_argument("--icount", default=ICOUNT, metavar="OPTIONS",
                        help=f"of QEMU's -icount, with which a run can be repeated ({ICOUNT}); off: in real time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="machines at a time (processors of the host)")
    parser.add_argument("--shard", metavar="I/N", help="only the runs of this part")
    parser.add_argument("--slurm", type=int, metavar="N", help="make the runs as an array of N Slurm tasks, and wait")
    parser.add_argument("--sbatch", action="append", default=[], metavar="OPTION", help="for sbatch, with --slurm")
    parser.add_argument("--minimise", type=int, action="append", default=[], metavar="RUN",
                        help="look for the smallest part of the rules with which this run ends in the same way")
    parser.add_argument("--repeat", type=int, action="append", default=[], metavar="RUN",
                        help="make this run twice more, and compare everything that was said and traced")
    parser.add_argument("--report", action="store_true", help="write the report of what is there, and run nothing")
    parser.add_argument("--qemu", default=os.environ.get("QEMU"), help=argparse.SUPPRESS)
    parser.add_argument("--images", default=os.environ.get("GUEST_IMAGES"), help=argparse.SUPPRESS)
    parser.add_argument("--remapctl", default=os.environ.get("REMAPCTL"), help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    if args.shard and args.slurm:
        parser.error("--shard is for one task, --slurm for all of them")
    if args.jobs < 1 or args.seconds <= 0 or (args.slurm is not None and args.slurm < 1):
        parser.error("--jobs, --seconds and --slurm are numbers above 0")
    return args


def wanted_plan(args):
    """None: that of the folder."""
    if not args.suite and not args.rules:
        return None
    if not args.suite or not args.rules:
        raise PlanError("a new campaign needs --suite and --rules")
    for suite in args.suite:
        if suite.count(":") != 1:
            raise PlanError(f"--suite {suite}: not VARIANT:SUITE")
    return Plan(suites=list(dict.fromkeys(args.suite)), rules=read_rules(args.rules), seeds=parse_seeds(args.seeds),
                seconds=args.seconds, icount=None if args.icount == "off" else args.icount)


def own_command(args):
    """This campaign's, for a task elsewhere: the plan is in the folder."""
    here = Path(__file__).resolve()
    tools = [f"--{name}={Path(value).resolve()}" for name, value in
             (("qemu", args.qemu), ("images", args.images), ("remapctl", args.remapctl))]
    return [str(here), str(args.folder.resolve()), "--jobs", str(args.jobs), *tools]


def find_made(plan, args, number):
    """A run that is made, and its result."""
    run = next((run for run in plan.runs() if run.number == number), None)
    result = run and runner.read_result(runner.folder_of(args.folder, run))
    if not result:
        raise PlanError(f"there is no run {number}, or it was not made yet")
    return run, result


def minimise_runs(tools, plan, args):
    for number in args.minimise:
        run, result = find_made(plan, args, number)
        if not run.rules:
            raise PlanError(f"run {number} is without rules: there is nothing to make smaller")
        file, size, tries = minimise.minimise(tools, plan, args.folder, run, result)
        print(f"run {number} ({result['outcome']}): {size} of its rules are enough, found in {tries} runs: {file}")


def repeat_runs(tools, plan, args):
    """Whether all of them were the same."""
    same = True
    for number in args.repeat:
        said, good = repeat.repeat(tools, plan, args.folder, *find_made(plan, args, number))
        print(said)
        same = same and good
    return same


def work(args):
    tools = machine.Tools(args.qemu or "", args.images or "", args.remapctl or "")
    shard = parse_shard(args.shard) if args.shard else (1, 1)
    plan = settle(args.folder, wanted_plan(args))
    if not args.report:
        if problem := machine.environment_problem(tools):
            raise PlanError(problem)
        if args.slurm:
            slurm.submit(own_command(args), args.slurm, args.folder, args.sbatch)
        elif not args.minimise and not args.repeat:
            runner.make_missing(tools, plan, args.folder, shard_of(plan.runs(), shard), args.jobs)
        minimise_runs(tools, plan, args)
        same = repeat_runs(tools, plan, args)
        if args.minimise or args.repeat:
            report.write(plan, args.folder)
            return 0 if same else 1
    made = report.write(plan, args.folder)
    if args.shard and made["missing"]:
        print(f"shard {args.shard} is made; {len(made['missing'])} runs of other shards are missing")
        return 0
    print(report.as_text(made), end="")
    print(f"{args.folder}/report.html shows the same; report.json has every run")
    return 1 if any(report.problems(made)) else 0


def main():
    args = parse_arguments(sys.argv[1:])
    try:
        return work(args)
    except (PlanError, machine.NoEvidence) as problem:
        print(f"campaign: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"campaign: interrupted; campaign {args.folder} goes on with it", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
