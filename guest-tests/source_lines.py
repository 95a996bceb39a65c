# SPDX-License-Identifier: MIT
"""Names the source line of addresses of code that QEMU tells of, with addr2line (binutils)."""

import re
import shutil
import subprocess

CODE = re.compile(r"\bcode at (0x[0-9a-f]+)")


class SourceLines:
    """Of one program in ELF. Without addr2line, or where the program says nothing of an address, nothing is added."""

    def __init__(self, program):
        self.program = program
        self.tool = shutil.which("addr2line")

    def name(self, address):
        """Function and line, or nothing."""
        if self.tool is None:
            return ""
        answer = subprocess.run([self.tool, "-Cfs", "-e", self.program, address], capture_output=True, text=True,
                                check=False).stdout.splitlines()
        if len(answer) < 2 or answer[0] == "??":
            return ""
        return answer[0] if answer[1].startswith("??") else f"{answer[0]} at {answer[1]}"

    def add_to(self, text):
        """The text, with each address of code followed by its place in brackets."""
        def place(match):
            name = self.name(match.group(1))
            return f"{match.group(0)} [{name}]" if name else match.group(0)
        return CODE.sub(place, text)
