#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Installs the library into an empty place, and builds and runs a driver's own test against what is there.

usage: install_test.py BUILD SOURCES...
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def run(*command, **options):
    print("+", *command, flush=True)
    return subprocess.run(command, check=True, text=True, **options)


def main(build, sources):
    with tempfile.TemporaryDirectory() as folder:
        run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder)
        [description] = Path(folder).rglob("remaplab.pc")
        environment = dict(os.environ, PKG_CONFIG_PATH=str(description.parent), PKG_CONFIG_SYSROOT_DIR=folder)
        flags = run("pkg-config", "--cflags", "--libs", "remaplab", capture_output=True, env=environment).stdout.split()
        objects = []
        for source in sources:
            objects.append(f"{folder}/{Path(source).name}.o")
            compiler = ["gcc", "-std=c11"] if source.endswith(".c") else ["g++", "-std=c++20"]
            run(*compiler, "-Wall", "-Wextra", "-Werror", "-c", source, "-o", objects[-1],
                *[flag for flag in flags if flag.startswith("-I")])
        run("g++", "-o", f"{folder}/test", *objects, *[flag for flag in flags if not flag.startswith("-I")])
        run(f"{folder}/test")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
