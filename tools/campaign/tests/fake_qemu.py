#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Stands for QEMU and its guest: reads the rules that the laboratory would, has them act as `FAKE` says, ends as a guest
would, and leaves in the laboratory's file what fake_remapctl.py prints.

A rule's name says what it does: "noticed", "missed" (a flipped bit), "late" (a delay), "hang", "crash", "reset", "never",
"vain" (one of its deeds comes to nothing), "untraced" (one injection is not in the trace).
A name "pair-a" fails the guest only together with "pair-b". With FAKE_COUNT=FILE each start adds a line to that file.
"""

import json
import os
import signal
import sys
import time

DEEDS = {"missed": ("flip-bit", "dma"), "late": ("delay", "dma")}


def option(name):
    words = [word.split("=", 1) for word in sys.argv if word.startswith(f"remap-iommu.{name}=")]
    return words[-1][1] if words else None


def main():
    with open(os.environ["FAKE_COUNT"], "a", encoding="utf-8") as file:
        file.write(f"{option('rules')} {option('seed')}\n")
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    rules = json.load(open(option("rules"), encoding="utf-8"))["rules"] if option("rules") else []
    names = [rule["name"] for rule in rules]
    evidence = {"rules": [], "injections": {"lost": 0, "unknown": 0}, "faults": 0, "trace": {"records": 9, "lost": 0}}
    for name in names:
        deed, kind = DEEDS.get(name, ("drop", "invalidation"))
        acted = 0 if name == "never" else 1 + int(option("seed")) % 3
        traced = acted - 1 if name == "untraced" else acted
        evidence["rules"].append({"name": name, "do": deed, "on": kind, "matched": 5, "acted": acted + (name == "vain"),
                                  "injected": acted, "traced": traced})
    with open(option("lab-file"), "w", encoding="utf-8") as file:
        json.dump(evidence, file)
    print("TAP version 13\n1..2", flush=True)
    if "hang" in names:
        time.sleep(1000)
    if "crash" in names:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "reset" in names:
        return 0
    wrong = "noticed" in names or {"pair-a", "pair-b"} <= set(names)
    print("ok 1 - memory is there\n" + ("not ok" if wrong else "ok") + " 2 - data arrives", flush=True)
    return 3 if wrong else 1


sys.exit(main())
