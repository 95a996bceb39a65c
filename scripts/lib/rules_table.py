#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The table of the callbacks' rules in callbacks/README.md, made from the tests in callbacks/rules/.

usage: rules_table.py ROOT            checks, and reports in TAP: the table is current; every check of the verifier
                                      (enum Check in callbacks/core/report.h) is expected by a rule
       rules_table.py --write ROOT    writes the table
"""
import re
import sys
from pathlib import Path

README = "callbacks/README.md"
RULES = "callbacks/rules"
CHECKS = "callbacks/core/report.h"
BEGIN, END = "<!-- rules: made by scripts/lib/rules_table.py -->", "<!-- end of the rules -->"

STRING = r'"(?:[^"\\]|\\.)*"'
RULE = re.compile(rf"^(RULE|RULE_IN_EACH_MODE|HOST_RULE|GUEST_RULE)\(\s*(\w+),\s*((?:{STRING}\s*)+),\s*((?:{STRING}\s*)+)\)",
                  re.MULTILINE)
MACHINES = {"RULE": "both", "RULE_IN_EACH_MODE": "both, in each mode", "HOST_RULE": "hosted", "GUEST_RULE": "guest"}
# In a rule's test: EXPECT_STOP(stop, AdlsLeaked, ...), or Check::AdlsLeaked.
EXPECTED = re.compile(r"EXPECT_STOP\(\s*\w+,\s*(\w+)|Check::(\w+)")


def join(literals):
    return "".join(text[1:-1] for text in re.findall(STRING, literals)).replace('\\"', '"')


def read_rules(root):
    """(file, macro, name, sentence, source) of each rule, in the order of the files and in them."""
    for path in sorted((root / RULES).glob("*.cc")):
        text = path.read_text(encoding="utf-8")
        found = RULE.findall(text)
        begun = len(re.findall(r"^(?:\w+_)?RULE(?:_\w+)?\(", text, re.MULTILINE))
        if begun != len(found):
            sys.exit(f"{path}: {begun} rules begin, {len(found)} can be read")
        for macro, name, sentence, source in found:
            yield path.name, macro, name, join(sentence), join(source)


def table(root):
    lines = [BEGIN]
    last = None
    for file, macro, name, sentence, source in read_rules(root):
        if file != last:
            lines += ["", f"### [{file}](rules/{file})", "", "| rule | source | test | machine |", "| --- | --- | --- | --- |"]
            last = file
        cells = [cell.replace("|", "\\|") for cell in (sentence, source, f"`{name}`", MACHINES[macro])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines + ["", END])


def checks(root):
    text = (root / CHECKS).read_text(encoding="utf-8")
    body = re.search(r"enum class Check\b[^{]*\{(.*?)\};", text, re.DOTALL).group(1)
    return re.findall(r"^\s*(\w+)\s*(?:=[^,]*)?,", body, re.MULTILINE)


def expected(root):
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((root / RULES).glob("*.cc")))
    return {one or other for one, other in EXPECTED.findall(text)}


def split(readme):
    begin, end = readme.find(BEGIN), readme.find(END)
    if begin < 0 or end < begin:
        sys.exit(f"{README}: the markers of the table are not there")
    return readme[:begin], readme[begin:end + len(END)], readme[end + len(END):]


def check(root):
    before, now, after = split((root / README).read_text(encoding="utf-8"))
    names = [name for _, _, name, _, _ in read_rules(root)]
    twice = sorted({name for name in names if names.count(name) > 1})
    without = [name for name in checks(root) if name not in expected(root)]
    results = [
        (now == table(root), "the table of rules is current", ["run scripts/lib/rules_table.py --write ."]),
        (not twice, "each rule has a name of its own", twice),
        (bool(checks(root)) and not without, "every check of the verifier has a rule", without),
        (len(names) > 100, "the rules are found", [f"{len(names)} rules"]),
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
    path = root / README
    before, _, after = split(path.read_text(encoding="utf-8"))
    path.write_text(before + table(root) + after, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
