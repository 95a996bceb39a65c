#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The table of the callbacks' rules in callbacks/README.md, made from the tests in callbacks/rules/.

usage: rules_table.py ROOT            checks, and reports in TAP: the table is current; every check of the verifier
                                      (enum Check in callbacks/core/report.h) is expected by a rule
       rules_table.py --write ROOT    writes the table
"""
import re
import sys

from case_table import STRING, CaseTable, join, main, repeated, row

RULES = "callbacks/rules"
CHECKS = "callbacks/core/report.h"

RULE = re.compile(rf"^(RULE|RULE_IN_EACH_MODE|HOST_RULE|GUEST_RULE)\(\s*(\w+),\s*((?:{STRING}\s*)+),\s*((?:{STRING}\s*)+)\)",
                  re.MULTILINE)
MACHINES = {"RULE": "both", "RULE_IN_EACH_MODE": "both, in each mode", "HOST_RULE": "hosted", "GUEST_RULE": "guest"}
# In a rule's test: EXPECT_STOP(stop, AdlsLeaked, ...), or Check::AdlsLeaked.
EXPECTED = re.compile(r"EXPECT_STOP\(\s*\w+,\s*(\w+)|Check::(\w+)")


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


def lines(root):
    last = None
    for file, macro, name, sentence, source in read_rules(root):
        if file != last:
            yield from ("", f"### [{file}](rules/{file})", "", "| rule | source | test | machine |", "| --- | --- | --- | --- |")
            last = file
        yield row(sentence, source, f"`{name}`", MACHINES[macro])


def checks(root):
    text = (root / CHECKS).read_text(encoding="utf-8")
    body = re.search(r"enum class Check\b[^{]*\{(.*?)\};", text, re.DOTALL).group(1)
    return re.findall(r"^\s*(\w+)\s*(?:=[^,]*)?,", body, re.MULTILINE)


def expected(root):
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((root / RULES).glob("*.cc")))
    return {one or other for one, other in EXPECTED.findall(text)}


def check(root):
    names = [name for _, _, name, _, _ in read_rules(root)]
    twice = repeated(names)
    without = [name for name in checks(root) if name not in expected(root)]
    return [(not twice, "each rule has a name of its own", twice),
            (bool(checks(root)) and not without, "every check of the verifier has a rule", without),
            (len(names) > 100, "the rules are found", [f"{len(names)} rules"])]


if __name__ == "__main__":
    main(__doc__, CaseTable("callbacks/README.md", "rules", "rules_table.py", lines), check)
