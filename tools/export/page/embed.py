#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Puts the files of the page into a C++ source: the HTML as `frame`, the CSS as `style`, all JavaScript, in the order
given, as `script`.

usage: embed.py OUTPUT FILE...
"""
import sys
from pathlib import Path

NAMES = {".html": "frame", ".css": "style", ".js": "script"}


def literal(data):
    """Bytes as C++ string literals of a length that every compiler takes."""
    for start in range(0, max(len(data), 1), 1000):
        yield '"' + "".join(f"\\{byte:03o}" if byte < 32 or byte > 126 or byte in b'"\\?' else chr(byte)
                            for byte in data[start:start + 1000]) + '"'


def main(output, *files):
    texts = {name: b"" for name in NAMES.values()}
    for file in map(Path, files):
        texts[NAMES[file.suffix]] += file.read_bytes()
    lines = ["// Generated from tools/export/page by embed.py.", '#include "tools/export/page_files.h"', "",
             "namespace remap::tools::page_files {", ""]
    for name, data in texts.items():
        lines += [f"const std::string_view {name}(", *literal(data), f", {len(data)});", ""]
    lines += ["}  // namespace remap::tools::page_files", ""]
    Path(output).write_text("\n".join(lines), encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
