#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Packs what a stock kernel boots into: our /init, and the modules it has to load.

usage: initramfs.py TREE INIT OUTPUT MODULE...

TREE is a kernel as scripts/lib/linux.sh unpacks it: vmlinuz and lib/modules/RELEASE. Each MODULE comes with all that
modules.dep says it needs; /modules/order lists their files, what is needed first. A module that the kernel has built in
is no module to load.
"""
import lzma
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def wanted_name(path):
    """The name of a module by its file, as modprobe compares them."""
    return path.rsplit("/", 1)[-1].split(".ko")[0].replace("-", "_")


class Modules:
    """What depmod found out about one kernel's modules."""

    def __init__(self, folder):
        self.folder = folder
        lines = (folder / "modules.dep").read_text(encoding="utf-8").splitlines()
        self.needs = {path: rest.split() for path, _, rest in (line.partition(":") for line in lines)}
        self.paths = {wanted_name(path): path for path in self.needs}
        self.built_in = {wanted_name(path) for path in (folder / "modules.builtin").read_text().split()}

    def in_order(self, names):
        """The files of the modules, each behind what it needs and none twice."""
        order = {}

        def visit(path):
            for needed in self.needs[path]:
                visit(needed)
            order.setdefault(path)

        for name in map(wanted_name, names):
            if name in self.paths:
                visit(self.paths[name])
            elif name not in self.built_in:
                sys.exit(f"{self.folder}: this kernel has no module {name}")
        return list(order)

    def unpacked(self, path):
        data = (self.folder / path).read_bytes()
        return lzma.decompress(data) if path.endswith(".xz") else data


def lay_out(root, tree, init, names):
    folders = [folder for folder in (tree / "lib" / "modules").glob("*") if (folder / "modules.dep").exists()]
    if len(folders) != 1:
        sys.exit(f"{tree} does not hold one kernel's modules: run scripts/test, which fetches a kernel")
    modules = Modules(folders[0])
    (root / "modules").mkdir()
    order = []
    for path in modules.in_order(names):
        order.append(wanted_name(path) + ".ko")
        (root / "modules" / order[-1]).write_bytes(modules.unpacked(path))
    (root / "modules" / "order").write_text("".join(name + "\n" for name in order), encoding="utf-8")
    shutil.copy(init, root / "init")


def main(tree, init, output, *names):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lay_out(root, Path(tree), init, names)
        files = "\0".join(sorted(str(path.relative_to(root)) for path in root.rglob("*")))
        with open(output, "wb") as archive:
            subprocess.run(["cpio", "--create", "--format=newc", "--null", "--owner=0:0", "--reproducible", "--quiet"],
                           input=files.encode(), stdout=archive, cwd=root, check=True)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
