# SPDX-License-Identifier: MIT
"""Names the source line of addresses of code that QEMU tells of, with addr2line (binutils)."""

import re
import shutil
import subprocess

CODE = re.compile(r"\bcode at (0x[0-9a-f]+)")


def short(function):
    """Without what it takes and returns, and the namespaces of ours."""
    return function.partition("(")[0].rpartition("::")[2] or function


class SourceLines:
    """Of one program in ELF. Without addr2line, or where the program says nothing of an address, nothing is added."""

    def __init__(self, program):
        self.program = program
        self.tool = shutil.which("addr2line")

    def name(self, address):
        """Function and line, and where that is inlined the one around it; or nothing."""
        if self.tool is None:
            return ""
        answer = subprocess.run([self.tool, "-Cfis", "-e", self.program, address], capture_output=True, text=True,
                                check=False).stdout.splitlines()
        places = [function if line.startswith("??") else f"{short(function)} at {line}"
                  for function, line in zip(answer[::2], answer[1::2]) if function != "??"]
        return ", in ".join(places)

    def add_to(self, text):
        """The text, with each address of code followed by its place in brackets."""
        def place(match):
            name = self.name(match.group(1))
            return f"{match.group(0)} [{name}]" if name else match.group(0)
        return CODE.sub(place, text)
