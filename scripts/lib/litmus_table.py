#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The table of the litmus cases in docs/litmus.md, made from hw/litmus/.

usage: litmus_table.py ROOT            checks, and reports in TAP: the table is current
       litmus_table.py --write ROOT    writes the table
"""
import re
import sys
from pathlib import Path

from rules_table import STRING, join

PAGE = "docs/litmus.md"
CASES = "hw/litmus"
BEGIN, END = "<!-- cases: made by scripts/lib/litmus_table.py -->", "<!-- end of the cases -->"
CASE = re.compile(rf"^(LITMUS|LITMUS_OF_TWO_PROCESSORS)\(\s*(\w+),\s*((?:{STRING}\s*)+),\s*((?:{STRING}\s*)+)\)",
                  re.MULTILINE)
MACHINES = {"LITMUS": "both", "LITMUS_OF_TWO_PROCESSORS": "hosted"}
AT_LEAST = 48


def read_cases(root):
    """(file, what it is about, cases) of each file; a case is (macro, name, sentence, source)."""
    for path in sorted((root / CASES).glob("*.cc")):
        text = path.read_text(encoding="utf-8")
        cases = [(macro, name, join(sentence), join(source)) for macro, name, sentence, source in CASE.findall(text)]
        begun = len(re.findall(r"^LITMUS\w*\(", text, re.MULTILINE))
        if begun != len(cases):
            sys.exit(f"{path}: {begun} cases begin, {len(cases)} can be read")
        if cases:
            subject = [line[3:] for line in text.split("\n#include")[0].split("\n")[1:] if line.startswith("// ")]
            yield path.name, " ".join(subject), cases


def table(root):
    lines = [BEGIN]
    for file, subject, cases in read_cases(root):
        lines += ["", f"### [{file}](../{CASES}/{file})", "", subject, "",
                  "| what is allowed, or not | source | case | machines |", "| --- | --- | --- | --- |"]
        for macro, name, sentence, source in cases:
            cells = [cell.replace("|", "\\|") for cell in (sentence, source, f"`{name}`", MACHINES[macro])]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines + ["", END])


def split(page):
    begin, end = page.find(BEGIN), page.find(END)
    if begin < 0 or end < begin:
        sys.exit(f"{PAGE}: the markers of the table are not there")
    return page[:begin], page[begin:end + len(END)], page[end + len(END):]


def check(root):
    _, now, _ = split((root / PAGE).read_text(encoding="utf-8"))
    names = [name for _, _, cases in read_cases(root) for _, name, _, _ in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    results = [
        (now == table(root), "the table of litmus cases is current", ["run scripts/lib/litmus_table.py --write ."]),
        (not twice, "each case has a name of its own", twice),
        (len(names) >= AT_LEAST, "the cases are found", [f"{len(names)} cases"]),
    ]
    print(f"1..{len(results)}")
    for number, (good, name, notes) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        if not good:
            for note in notes:
                print(f"# {note}")


def main(arguments):
    write = arguments[:1] == ["--write"]
    if len(arguments) != 1 + write:
        sys.exit(__doc__)
    root = Path(arguments[-1])
    if not write:
        return check(root)
    path = root / PAGE
    before, _, after = split(path.read_text(encoding="utf-8"))
    path.write_text(before + table(root) + after, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
