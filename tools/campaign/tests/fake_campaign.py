# SPDX-License-Identifier: MIT
"""A campaign in a folder of its own, over machines that only pretend."""

import json
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Campaign:
    """`rules` are files with the names of their rules: {"file": ["late", ...]}; see fake_qemu.py."""

    def __init__(self, folder, rules):
        self.folder = Path(folder)
        self.root = self.folder / "campaign"
        (self.folder / "rules").mkdir()
        for file, names in rules.items():
            text = {"rules": [{"name": name, "when": {"on": "dma"}, "do": {"flip-bit": 0}} for name in names]}
            (self.folder / "rules" / f"{file}.json").write_text(json.dumps(text), encoding="utf-8")
        (self.folder / "images").mkdir()
        (self.folder / "images" / "runtime.elf").touch()
        self.environment = dict(os.environ, FAKE_COUNT=str(self.folder / "count"), QEMU=str(HERE / "fake_qemu.py"),
                                GUEST_IMAGES=str(self.folder / "images"), REMAPCTL=str(HERE / "fake_remapctl.py"))

    def command(self, *words, new=True, seeds="1..3"):
        begin = ["--suite", "stock:runtime", "--rules", self.folder / "rules", "--seeds", seeds, "--seconds", "2"]
        return [str(word) for word in [HERE.parent / "campaign.py", self.root, *(begin if new else []), *words]]

    def run(self, *words, status=0, **options):
        """What it says; an AssertionError when it does not end with this status."""
        done = subprocess.run(self.command(*words, **options), env=self.environment, capture_output=True, text=True,
                              timeout=100, check=False)
        if done.returncode != status:
            raise AssertionError(f"status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def starts(self):
        """Of machines so far: (file, seed)."""
        file = self.folder / "count"
        return [tuple(line.split()) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []

    def report(self):
        return json.loads((self.root / "report.json").read_text(encoding="utf-8"))
