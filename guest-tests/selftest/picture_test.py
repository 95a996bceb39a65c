#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the main job and looks at the picture it saved: the colours where they have to be.

usage: picture_test.py QEMU IMAGE
"""
import os
import subprocess
import sys
import tempfile

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run_guest.py")

BACKGROUND, INK = 0x10182C, 0xF4F0E6
EXPECTED = {  # (x, y): colour, as guest-tests/main_job/picture.cc draws it
    (0, 0): BACKGROUND, (639, 479): BACKGROUND, (39, 40): BACKGROUND, (40, 40): INK, (109, 159): INK,
    (110, 100): 0xE8C84A, (180, 100): 0x4FB7C4, (400, 100): 0xC8523C, (599, 40): 0x20242C, (600, 40): BACKGROUND,
    (40, 170): 0x000000, (599, 170): 0xFFFFFF, (108, 230): INK, (153, 230): BACKGROUND, (108, 293): BACKGROUND,
    (40, 330): 0x2E4468, (60, 330): 0x1A2740, (40, 350): 0x1A2740, (599, 449): 0x2E4468, (599, 450): BACKGROUND,
}


def read_ppm(path):
    """Width, height and the pixels' bytes."""
    with open(path, "rb") as file:
        kind, size, depth = file.readline(), file.readline(), file.readline()
        assert (kind, depth) == (b"P6\n", b"255\n"), (kind, depth)
        return *map(int, size.split()), file.read()


def main(qemu, image):
    with tempfile.TemporaryDirectory() as folder:
        picture = os.path.join(folder, "picture.ppm")
        subprocess.run([sys.executable, RUNNER, "--program", "--qemu", qemu, "--picture", picture, "main", image], check=True)
        width, height, data = read_ppm(picture)
    assert (width, height) == (640, 480), (width, height)
    wrong = 0
    for (x, y), colour in EXPECTED.items():
        found = int.from_bytes(data[(y * width + x) * 3:][:3], "big")
        if found != colour:
            print(f"pixel {x},{y}: expected {colour:06x}, got {found:06x}")
            wrong += 1
    print(f"{len(EXPECTED) - wrong} of {len(EXPECTED)} pixels are right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
