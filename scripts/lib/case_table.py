# SPDX-License-Identifier: MIT
"""What the tables have in common that are made from test cases and stand in a page between two markers."""

import re
import sys
from pathlib import Path

STRING = r'"(?:[^"\\]|\\.)*"'


def join(literals):
    """The text of string literals side by side."""
    return "".join(text[1:-1] for text in re.findall(STRING, literals)).replace('\\"', '"')


def row(*cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def repeated(names):
    return sorted({name for name in names if names.count(name) > 1})


class CaseTable:
    """Of `page`, made by `script` of what `name` says; lines(root) are what stands between the markers."""

    def __init__(self, page, name, script, lines):
        self.page, self.script, self.lines = page, script, lines
        self.begin, self.end = f"<!-- {name}: made by scripts/lib/{script} -->", f"<!-- end of the {name} -->"

    def text(self, root):
        return "\n".join([self.begin, *self.lines(root), "", self.end])

    def split(self, root):
        """The page before the table, the table as it is there, and the page behind it."""
        text = (root / self.page).read_text(encoding="utf-8")
        begin, end = text.find(self.begin), text.find(self.end)
        if begin < 0 or end < begin:
            sys.exit(f"{self.page}: the markers of the table are not there")
        end += len(self.end)
        return text[:begin], text[begin:end], text[end:]

    def is_current(self, root):
        """As report wants it."""
        return (self.split(root)[1] == self.text(root), f"the table in {self.page} is current",
                [f"run scripts/lib/{self.script} --write ."])

    def write(self, root):
        before, _, after = self.split(root)
        (root / self.page).write_text(before + self.text(root) + after, encoding="utf-8")


def report(results):
    """In TAP: of each result whether it is good, its name, and notes if it is not."""
    print(f"1..{len(results)}")
    for number, (good, name, notes) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        if not good:
            for note in notes:
                print(f"# {note}")


def main(usage, table, check):
    arguments = sys.argv[1:]
    write = arguments[:1] == ["--write"]
    if len(arguments) != 1 + write:
        sys.exit(usage)
    root = Path(arguments[-1])
    if write:
        table.write(root)
    else:
        report([table.is_current(root), *check(root)])
