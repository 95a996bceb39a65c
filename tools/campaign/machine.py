# SPDX-License-Identifier: MIT
"""One run: a guest suite in a machine whose laboratory has the rules, and what both left behind."""

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import outcome
from plan import write_whole

GUESTS = Path(__file__).resolve().parents[2] / "guest-tests"
MOST_LINES = 10_000  # of a guest that talks without end

# Who starts a machine takes it along when killed, however that happens: a machine that goes on would write into a folder
# that the next campaign is at.
WITH_ITS_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]


@dataclass(frozen=True)
class Tools:
    qemu: str
    images: str  # folder of the suites' images
    remapctl: str


def laboratory(run, folder, rules):
    """Options of QEMU. The control segment is a file, which is there when the machine has crashed."""
    properties = {"lab-file": folder / "lab", "trace": "on"}
    if rules:
        properties |= {"rules": rules, "seed": run.seed}
    for name, value in properties.items():
        yield from ["-global", f"remap-iommu.{name}={value}"]


def command_line(tools, plan, run, folder, rules):
    image = Path(tools.images) / f"{run.suite}.elf"
    command = [*WITH_ITS_PARENT, str(GUESTS / "run_guest.py"), "--qemu", tools.qemu, "--seconds", str(plan.seconds),
               "--seconds-to-verdict", "inf", run.variant, str(image), "--", *laboratory(run, folder, rules)]
    if plan.icount:
        command += ["-icount", plan.icount, "-rtc", "clock=vm"]
    return [str(word) for word in command]


def read_guest(command, seconds):
    """What run_guest.py says. It ends the machine itself after `seconds`; when it does not, it is ended, too."""
    guest = outcome.Guest()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", errors="replace") as process:
        try:
            text, _ = process.communicate(timeout=seconds + 30)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            text, _ = process.communicate()
            guest.timed_out = True
    lines = text.splitlines()
    guest.lines = lines if len(lines) <= MOST_LINES else lines[:MOST_LINES // 2] + lines[-MOST_LINES // 2:]
    guest.status = process.returncode
    return guest


class NoEvidence(Exception):
    """A sentence: the laboratory's file cannot be read."""


def read_evidence(tools, folder):
    """What the laboratory has counted, and what is in its trace."""
    told = subprocess.run([tools.remapctl, "--file", folder / "lab", "account", "--json"], capture_output=True,
                          encoding="utf-8", timeout=60, check=False)
    try:
        return json.loads(told.stdout)
    except ValueError:
        raise NoEvidence(told.stderr.strip() or f"remapctl ended with status {told.returncode}") from None


def unaccounted(evidence):
    """Where what was injected and what the trace shows differ; sentences."""
    for rule in evidence["rules"]:
        if rule["injected"] != rule["traced"]:
            yield f"rule {rule['name']!r} injected {rule['injected']} faults, and the trace shows {rule['traced']}"
    if evidence["injections"]["lost"]:
        yield f"{evidence['injections']['lost']} injections are no longer in the trace"
    if evidence["injections"]["unknown"]:
        yield f"{evidence['injections']['unknown']} injections in the trace belong to no rule"


def make(tools, plan, run, folder, rules):
    """Runs it in this folder, which may hold what an interruption left, and writes result.json as the last thing."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in (folder / "lab", folder / "result.json"):
        left.unlink(missing_ok=True)
    begin = time.monotonic()
    guest = read_guest(command_line(tools, plan, run, folder, rules), plan.seconds)
    (folder / "guest.log").write_text("\n".join(guest.lines) + "\n", encoding="utf-8")
    result = asdict(run) | {"title": run.title, "failed": guest.failed_cases(), "bail": guest.bail(),
                            "seconds": round(time.monotonic() - begin, 3), "rules_acted": [], "unaccounted": []}
    try:
        evidence = read_evidence(tools, folder)
        result["rules_acted"] = evidence["rules"]
        result["unaccounted"] = list(unaccounted(evidence))
        result["faults"] = evidence["faults"]
        result["trace"] = evidence["trace"]
    except NoEvidence as problem:
        result["unaccounted"] = [f"no evidence of the laboratory: {problem}"]
    result["outcome"] = outcome.judge(guest, result["rules_acted"])
    write_whole(folder / "result.json", json.dumps(result, indent=1) + "\n")
    return result


def keep_little(folder, result):
    """Of a run that nobody will look into, the trace goes: it is megabytes."""
    if result["outcome"] in ("quiet", "tolerated", "noticed") and not result["unaccounted"]:
        (folder / "lab").unlink(missing_ok=True)


def environment_problem(tools):
    """What is missing, as a sentence; None."""
    for what, path in (("QEMU", tools.qemu), ("remapctl", tools.remapctl)):
        if not os.access(path, os.X_OK):
            return f"no {what} at {path}"
    return None if os.path.isdir(tools.images) else f"no folder of images at {tools.images}"
