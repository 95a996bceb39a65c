#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks who may include whom (docs/design.md), and reports in TAP.

usage: include_rules.py ROOT
The rules are data at the top. Before the tree is judged, the checker itself is: one planted violation of each kind has to
be found.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# A room may include itself and what is named here. Tests, fuzz targets and benches (a folder `tests`, `fuzz` or `bench`
# beside what they exercise) may include everything; what runs in the guest is in rooms.
ROOMS = {
    "base": [],
    "iommu/spec": ["base"],
    "iommu/paging": ["base", "iommu/spec"],
    "iommu/engine": ["base", "iommu/spec", "iommu/paging"],
    "iommu/driver": ["base", "iommu/spec", "iommu/paging"],
    "iommu/lab": ["base", "callbacks/names", "hw/spec", "iommu/spec", "iommu/paging", "iommu/engine"],
    "tools": ["base", "callbacks/names", "iommu/spec", "iommu/lab"],
    "hw/spec": ["base"],
    "hw/gpu": ["base", "hw/spec"],
    "hw/cache": ["base", "hw/spec", "iommu/paging"],
    "hw/driver": ["base", "hw/spec"],
    "hw/hosted": ["base", "hw/spec", "hw/gpu", "hw/cache", "iommu/engine", "iommu/lab", "iommu/paging"],
    "hw/litmus": ["base", "iommu/paging", "hw/spec", "hw/driver"],
    "hw/capi": ["base", "hw/spec", "hw/gpu", "hw/cache", "iommu/spec", "iommu/paging", "iommu/engine",
                "iommu/lab"],
    "hw/qemu": [],
    "callbacks/ddk": [],
    "callbacks/names": [],
    "callbacks/core": ["base", "callbacks/ddk", "callbacks/names"],
    "callbacks": ["base", "callbacks/ddk", "callbacks/core"],
    "callbacks/kernel": ["base", "callbacks/ddk", "callbacks/core"],
    "callbacks/lab": ["base", "callbacks/core", "hw/spec"],
    "callbacks/vtd": ["base", "callbacks/core", "iommu/driver"],
    "callbacks/driver": ["base", "callbacks/ddk", "hw/spec", "hw/driver"],
    "callbacks/pe": ["base", "callbacks/core"],
    "callbacks/miniport": ["base", "callbacks/ddk", "callbacks/core", "callbacks/kernel"],
    "callbacks/rules": ["base", "callbacks/core", "callbacks/ddk", "callbacks/driver", "hw/spec", "hw/driver"],
    "callbacks/hosted": ["base", "callbacks", "callbacks/ddk", "callbacks/core", "callbacks/kernel", "callbacks/vtd",
                         "callbacks/lab", "callbacks/pe", "callbacks/miniport", "hw/hosted", "hw/gpu", "hw/spec", "iommu/driver", "iommu/engine",
                         "iommu/paging"],
    "guest-tests/runtime": ["base", "iommu/spec", "iommu/paging", "iommu/driver", "hw/spec", "hw/driver", "callbacks",
                            "callbacks/ddk", "callbacks/core", "callbacks/driver", "callbacks/kernel", "callbacks/lab",
                            "callbacks/vtd", "callbacks/pe", "callbacks/miniport"],
    "guest-tests/suites": ["base", "iommu/spec", "hw/spec", "hw/driver", "callbacks/ddk", "callbacks/driver",
                           "callbacks/kernel", "guest-tests/runtime", "guest-tests/x86"],
    "guest-tests/rules": ["base", "callbacks/core", "callbacks/ddk", "callbacks/rules", "guest-tests/runtime"],
    "guest-tests/litmus": ["base", "callbacks/core", "hw/driver", "hw/litmus", "hw/spec", "guest-tests/runtime",
                           "guest-tests/x86"],
    "guest-tests/main_job": ["base", "iommu/spec", "hw/spec", "hw/driver", "callbacks/ddk", "callbacks/driver",
                             "guest-tests/runtime"],
    "guest-tests/bench": ["base", "iommu/spec", "iommu/driver", "hw/spec", "hw/driver", "callbacks/ddk",
                          "callbacks/driver", "guest-tests/runtime"],
    "guest-tests/bench/host": ["base", "guest-tests/bench"],
    "guest-tests/selftest": ["guest-tests/runtime"],
    "guest-tests/linux": ["base", "iommu/spec", "hw/spec", "hw/driver", "guest-tests/x86"],
    "guest-tests/x86": [],
}
FREESTANDING = ["base", "iommu/spec", "iommu/paging", "iommu/driver", "hw/spec", "hw/driver", "hw/litmus",
                "callbacks/ddk", "callbacks/names",
                "callbacks/core", "callbacks", "callbacks/driver", "callbacks/kernel", "callbacks/lab", "callbacks/vtd",
                "callbacks/miniport", "callbacks/pe", "callbacks/rules",
                "guest-tests/runtime", "guest-tests/x86", "guest-tests/rules", "guest-tests/litmus",
                "guest-tests/suites",
                "guest-tests/main_job", "guest-tests/bench"]
# Standard headers that need no run-time library but the four memory functions, which every machine has.
FREESTANDING_HEADERS = set("""algorithm array atomic bit compare concepts cstdarg cstddef cstdint cstring
    initializer_list limits memory new optional ranges span string_view tuple type_traits utility stdarg.h stddef.h
    stdint.h stdbool.h""".split())
SYSTEM_HEADERS = re.compile(r"boost/|sys/|unistd\.h|fcntl\.h|pthread\.h|signal\.h|linux/|dlfcn\.h|spawn\.h")
SYSTEM_ROOMS = ["hw/hosted", "hw/qemu", "callbacks/hosted", "iommu/lab", "tools", "guest-tests/linux",
                "guest-tests/bench/host"]
ASSEMBLY_ROOMS = ["guest-tests/runtime", "guest-tests/x86"]
RELATIVE_ROOMS = ["callbacks/ddk"]  # installed as they are: their includes are relative to the file, as in the WDK

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
ASSEMBLY = re.compile(r"\b(asm|__asm|__asm__)\b\s*(volatile|__volatile__|goto)?\s*\(")
SOURCES = {".c", ".cc", ".h", ".S"}


def room_of(path):
    """The room a file lies in: the longest entry of ROOMS that contains it; None for tests, fuzz targets and benches."""
    parts = Path(path).parts
    if "tests" in parts[:-1] or "fuzz" in parts[:-1] or "bench" in parts[:-1] and parts[0] != "guest-tests":
        return None
    folder = "/".join(parts[:-1])
    return max((room for room in ROOMS if folder == room or folder.startswith(room + "/")), key=len, default=folder)


def violations(root, files):
    for path in files:
        room = room_of(path)
        if Path(path).suffix not in SOURCES or room is None:
            continue
        text = (root / path).read_text(encoding="utf-8")
        if room not in ROOMS:
            yield "every source file lies in a room", f"{path}: {room or 'the top folder'} is not a room"
            continue
        for kind, header in INCLUDE.findall(text):
            yield from include_violations(root, path, room, kind, header)
        if room not in ASSEMBLY_ROOMS and ASSEMBLY.search(text):
            yield "inline assembly only in the guest runtime", f"{path} has inline assembly"


def include_violations(root, path, room, kind, header):
    if room in RELATIVE_ROOMS and (root / path).parent.joinpath(header).exists():
        header = os.path.normpath(Path(path).parent / header)
    if kind == '"' and room != "hw/qemu":
        if not (root / header).exists():
            yield "QEMU's headers only in hw/qemu", f'{path} includes "{header}", which is not a file of this project'
        elif room_of(header) not in [room, *ROOMS[room]]:
            yield "floors include only what is below them", f'{path} ({room}) includes "{header}"'
    if kind == "<":
        if SYSTEM_HEADERS.match(header) and room not in SYSTEM_ROOMS:
            yield "Boost and POSIX only in the hosted rooms", f"{path} includes <{header}>"
        if room in FREESTANDING and header not in FREESTANDING_HEADERS:
            yield "freestanding rooms use freestanding headers", f"{path} includes <{header}>"


RULES = [
    # rule, a planted file that breaks it, its text
    ("every source file lies in a room", "misc/a.cc", ""),
    ("floors include only what is below them", "iommu/engine/a.cc", '#include "hw/gpu/gpu.h"\n'),
    ("floors include only what is below them", "callbacks/core/a.cc", '#include "iommu/engine/iommu.h"\n'),
    ("floors include only what is below them", "guest-tests/suites/a.cc", '#include "callbacks/core/dxgkrnl.h"\n'),
    ("QEMU's headers only in hw/qemu", "hw/gpu/a.cc", '#include "qemu/osdep.h"\n'),
    ("Boost and POSIX only in the hosted rooms", "hw/capi/a.cc", "#include <boost/version.hpp>\n"),
    ("freestanding rooms use freestanding headers", "iommu/paging/a.cc", "#include <vector>\n"),
    ("inline assembly only in the guest runtime", "iommu/driver/a.cc", 'void f() { asm volatile("pause"); }\n'),
]


def finds_planted(rule, path, text):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for header in ("hw/gpu/gpu.h", "iommu/engine/iommu.h", "callbacks/core/dxgkrnl.h"):
            (root / header).parent.mkdir(parents=True, exist_ok=True)
            (root / header).touch()
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        return rule in [found for found, _ in violations(root, [path])]


def main(root):
    root = Path(root)
    listed = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
                            check=True, capture_output=True, text=True).stdout
    files = [name for name in listed.split("\0") if name and (root / name).is_file()]
    found = list(violations(root, files))
    results = [(finds_planted(*planted), f"a planted violation is found: {planted[0]}: {planted[1]}", [])
               for planted in RULES]
    for rule in dict.fromkeys(rule for rule, _, _ in RULES):
        broken = [text for name, text in found if name == rule]
        results.append((not broken, rule, broken))
    print(f"1..{len(results)}")
    for number, (good, name, notes) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        for note in notes:
            print(f"# {note}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
