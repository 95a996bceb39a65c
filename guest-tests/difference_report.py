# SPDX-License-Identifier: MIT
"""docs/differences.md, made from the results of compare.py."""

import re

HEAD = """# remap-iommu and QEMU's intel-iommu

The same guest suites run on both devices, and this is where they differ and why. remap-iommu passes every case; a
difference is a case that does not pass on intel-iommu. The cases are in `guest-tests/suites`, the explanations in
`guest-tests/differences.json`, and this page is written by `scripts/compare`; a test checks that it is true.

{version}

- **bug**: the specification (Intel VT-d, revision 4; its section is named) says otherwise.
- **permitted choice**: the specification leaves it open, and software that is right works on both. Where intel-iommu
  forgets more than it was asked to, a driver's forgotten invalidation stays hidden there and fails on real hardware.
- **not modelled**: a part of the specification that intel-iommu does not have.

"(ends QEMU)" is a case in which the guest ends the emulator, "(hangs)" one that does not come to an end.
"""

MEANING = {
    "bug": "Bugs",
    "permitted choice": "Permitted choices",
    "not modelled": "Not modelled",
}
VERSION_LINE = re.compile(r"^Made with .*$", re.MULTILINE)


def cell(text):
    return text.replace("|", "\\|")


def readable(case):
    return case.replace("_", " ")


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell(text) for text in row) + " |"


def outcome_of(seen):
    """What the case came to, where that is more than expectations that are not met."""
    words = dict.fromkeys(outcome.word for _, outcome in seen if outcome.word != "fails")
    return f" ({', '.join(words)})" if words else ""


def machine(variant):
    return next(device for device in variant["devices"] if "iommu" in device)


def summary(variants, counts, kinds):
    """A row for each suite and pair of machines."""
    for pair, suite, theirs in counts:
        differing = [case for case, outcome in theirs.items() if outcome.word != "passes"]
        by_kind = [sum(kinds.get((suite, case)) == kind for case in differing) for kind in MEANING]
        yield [suite, f"`{machine(variants[pair.ours])}`", f"`{machine(variants[pair.theirs])}`", str(len(theirs)),
               *(str(number or "") for number in by_kind)]


def rows_of(kind, differences, known):
    for entry in differences:
        if entry["kind"] == kind:
            seen = known[entry["suite"], entry["case"]]
            yield [f"{entry['suite']}: {readable(entry['case'])}", entry["remap_iommu"],
                   entry["intel_iommu"] + outcome_of(seen), f"{entry['why']} ({entry['section']})"]


def make(version, variants, counts, differences, known):
    kinds = {(entry["suite"], entry["case"]): entry["kind"] for entry in differences}
    lines = [HEAD.format(version=f"Made with {version}, on TCG."), "## Suites", ""]
    lines += table(["suite", "remap-iommu", "intel-iommu", "cases", *MEANING], summary(variants, counts, kinds))
    for kind, title in MEANING.items():
        rows = list(rows_of(kind, differences, known))
        lines += ["", f"## {title}", ""]
        lines += table(["case", "remap-iommu", "intel-iommu", "why"], rows) if rows else ["None."]
    return "\n".join(lines) + "\n"


def check(path, text, write):
    """Problems of the file; which QEMU it was made with is none."""
    if write:
        path.write_text(text, encoding="utf-8")
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    if VERSION_LINE.sub("", there) == VERSION_LINE.sub("", text):
        return []
    return [f"{path} is out of date; scripts/compare writes it anew"]
