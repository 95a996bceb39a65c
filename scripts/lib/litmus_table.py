#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The table of the litmus cases in docs/litmus.md, made from hw/litmus/.

usage: litmus_table.py ROOT            checks, and reports in TAP: the table is current
       litmus_table.py --write ROOT    writes the table
"""
import re
import sys

from case_table import STRING, CaseTable, join, main, repeated, row

CASES = "hw/litmus"
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


def lines(root):
    for file, subject, cases in read_cases(root):
        yield from ("", f"### [{file}](../{CASES}/{file})", "", subject, "",
                    "| what is allowed, or not | source | case | machines |", "| --- | --- | --- | --- |")
        for macro, name, sentence, source in cases:
            yield row(sentence, source, f"`{name}`", MACHINES[macro])


def check(root):
    names = [name for _, _, cases in read_cases(root) for _, name, _, _ in cases]
    twice = repeated(names)
    return [(not twice, "each case has a name of its own", twice),
            (len(names) >= AT_LEAST, "the cases are found", [f"{len(names)} cases"])]


if __name__ == "__main__":
    main(__doc__, CaseTable("docs/litmus.md", "cases", "litmus_table.py", lines), check)
