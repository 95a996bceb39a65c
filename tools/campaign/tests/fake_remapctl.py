#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Stands for remapctl: prints what fake_qemu.py left, and of a trace that many events as rules have acted. With
FAKE_TRACE=FILE the trace is that file's length, which grows each time."""

import json
import os
import sys

assert sys.argv[1] == "--file" and sys.argv[4:] == ["--json"], sys.argv
try:
    text = open(sys.argv[2], encoding="utf-8").read()
except OSError as error:
    sys.exit(f"remapctl: {error}")
if sys.argv[3] == "account":
    print(text)
else:
    assert sys.argv[3] == "trace", sys.argv
    events = sum(rule["injected"] for rule in json.loads(text)["rules"])
    if "FAKE_TRACE" in os.environ:
        with open(os.environ["FAKE_TRACE"], "a", encoding="utf-8") as file:
            file.write("x")
            events += file.tell()
    print("\n".join(f'{{"event": {number}}}' for number in range(events)))
