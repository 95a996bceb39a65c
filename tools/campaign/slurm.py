# SPDX-License-Identifier: MIT
"""A campaign as a Slurm job array: each task makes one shard with the very command line that a person would use. Slurm
starts a task anew when its node dies, and the task goes on where it was."""

import shlex
import subprocess
from pathlib import Path

from plan import PlanError


def script(command, shards):
    """What each task runs: the shard of its number."""
    words = " ".join(map(shlex.quote, command))
    return f"#!/bin/sh\nexec {words} --shard \"$SLURM_ARRAY_TASK_ID/{shards}\"\n"


def submit(command, shards, root, options):
    """Waits for the array's end; the status of the worst task."""
    root = Path(root).resolve()
    logs = root / "slurm"
    logs.mkdir(parents=True, exist_ok=True)
    sbatch = ["sbatch", "--parsable", "--wait", f"--array=1-{shards}", "--requeue", "--job-name=remaplab-campaign",
              f"--output={logs}/%a.log", "--open-mode=append", f"--chdir={Path.cwd()}", *options]
    try:
        done = subprocess.run(sbatch, input=script(command, shards), encoding="utf-8", stdout=subprocess.PIPE, check=False)
    except FileNotFoundError:
        raise PlanError("no sbatch: install Slurm's client (package slurm-client), or leave --slurm out") from None
    if not done.stdout.strip():
        raise PlanError(f"sbatch did not take the job (status {done.returncode})")
    return done.returncode
