# SPDX-License-Identifier: MIT
"""What a campaign runs: suites times rule files times seeds, numbered, so that everybody who has the plan agrees on which
run is which, in whatever shard and after whatever interruption."""

import hashlib
import itertools
import json
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path


class PlanError(Exception):
    """A sentence for people."""


@dataclass(frozen=True)
class Run:
    number: int  # from 1
    variant: str
    suite: str
    rules: str | None  # file name below rules/ of the campaign; None: the suite as it is
    seed: int

    @property
    def name(self):
        """Of its folder."""
        return f"{self.number:06}"

    @property
    def title(self):
        what = f"{Path(self.rules).stem}, seed {self.seed}" if self.rules else "without rules"
        return f"{self.variant}:{self.suite}, {what}"


@dataclass(frozen=True)
class Plan:
    suites: list  # "VARIANT:SUITE"
    rules: dict  # file name: its text
    seeds: list
    seconds: float  # the longest a run may take
    icount: str | None  # of QEMU's -icount; None: in real time

    def runs(self):
        """Each suite without rules first: what fails there is not the rules' doing."""
        plain = [(suite, None, 0) for suite in self.suites]
        tried = itertools.product(self.suites, self.rules, self.seeds)
        return [Run(number, *suite.split(":"), rules, seed)
                for number, (suite, rules, seed) in enumerate([*plain, *tried], 1)]

    def as_json(self):
        return json.dumps(asdict(self), indent=2) + "\n"

    @staticmethod
    def from_json(text):
        try:
            return Plan(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise PlanError(f"not a campaign's plan: {error}") from None

    @property
    def digest(self):
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:16]


def parse_seeds(text):
    """"1..100", "7", "1,5,9"."""
    seeds = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", part.strip())
        if not found:
            raise PlanError(f"--seeds {text}: {part!r} is neither a number nor FROM..TO")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last - first >= 1_000_000 or last >= 2**64:
            raise PlanError(f"--seeds {text}: {part} is no range of at most a million seeds below 2^64")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def parse_shard(text):
    """"I/N" to (I, N)."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise PlanError(f"--shard {text}: not I/N with I from 1 to N")
    return int(found[1]), int(found[2])


def shard_of(runs, shard):
    index, count = shard
    return [run for run in runs if run.number % count == index % count]


def read_rules(paths):
    texts = {}
    for path in map(Path, paths):
        for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
            if file.name in texts:
                raise PlanError(f"two files of rules are called {file.name}")
            try:
                texts[file.name] = file.read_text(encoding="utf-8")
            except OSError as error:
                raise PlanError(f"{file}: {error.strerror}") from None
    if not texts:
        raise PlanError(f"no rules (*.json) in {', '.join(map(str, paths))}")
    return texts


def write_whole(path, text):
    """The file is there with all of its text or not at all, whatever happens meanwhile."""
    passing = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(passing, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(passing, path)


def settle(folder, wanted):
    """The plan that this folder is for: the one it has, which must be the wanted one if that is given; or from now on the
    wanted one."""
    file = folder / "plan.json"
    if not file.exists():
        if wanted is None:
            raise PlanError(f"{folder} holds no campaign: name suites and rules to begin one")
        (folder / "rules").mkdir(parents=True, exist_ok=True)
        (folder / "runs").mkdir(exist_ok=True)
        for name, text in wanted.rules.items():
            write_whole(folder / "rules" / name, text)
        write_whole(file, wanted.as_json())
        return wanted
    plan = Plan.from_json(file.read_text(encoding="utf-8"))
    if wanted is not None and wanted != plan:
        differing = [key for key, value in asdict(plan).items() if asdict(wanted)[key] != value]
        raise PlanError(f"{folder} holds another campaign: {' and '.join(differing)} differ; use another folder, or name "
                        "only the folder to go on with that one")
    return plan


def with_rules(plan, rules):
    return replace(plan, rules=rules)
