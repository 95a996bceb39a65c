#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scan-out as a display of QEMU: what a screen dump shows is what is in VRAM."""

import os
import tempfile

from gpu import (Gpu, IDLE, IN_VRAM, SCANOUT_CONTROL, SCANOUT_HEIGHT, SCANOUT_OFFSET, SCANOUT_STRIDE, SCANOUT_WIDTH,
                 fill)
from machine import MIB, Machine
from tap import case, expect, expect_equal, main

VRAM = 16 * MIB
RING = 0x800000
DEVICE = f"remap-gpu,addr=3,id=gpu0,vram={VRAM}"


def set_mode(gpu, offset, width, height, stride, control=1):
    gpu.set(SCANOUT_OFFSET, offset, 8)
    for register, value in ((SCANOUT_WIDTH, width), (SCANOUT_HEIGHT, height), (SCANOUT_STRIDE, stride),
                            (SCANOUT_CONTROL, control)):
        gpu.set(register, value)
    return gpu.get(SCANOUT_CONTROL) >> 1 & 1


def dump(machine):
    """Width, height and the bytes R, G, B of each pixel, of the GPU's display."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "picture.ppm")
        machine.monitor.ask("screendump", filename=path, device="gpu0")
        with open(path, "rb") as file:
            kind, size, depth, pixels = file.read().split(b"\n", 3)
    expect_equal((kind, depth), (b"P6", b"255"), "the form of the picture")
    width, height = map(int, size.split())
    line = (width * 3 + 3) & ~3  # QEMU pads lines, which the format does not know
    expect_equal(len(pixels), line * height, "bytes of the picture")
    return width, height, b"".join(pixels[line * y:line * y + width * 3] for y in range(height))


def noise(number):
    """Bytes that differ from line to line and from seed to seed."""
    return b"".join((at * 2654435761 + number * 40503 & 0xffffffff).to_bytes(4, "little") for at in range(VRAM // 512))


def rgb(vram, offset, width, height, stride):
    """What a display makes of little-endian pixels 00RRGGBBh; bits 31:24 are ignored."""
    picture = bytearray()
    for line in range(height):
        for at in range(offset + line * stride, offset + line * stride + width * 4, 4):
            picture += bytes((vram[at + 2], vram[at + 1], vram[at]))
    return bytes(picture)


def expect_picture(machine, vram, mode):
    offset, width, height, stride = mode
    shown = dump(machine)
    expect_equal(shown[:2], (width, height), f"size of {mode}")
    expect(shown[2] == rgb(vram, offset, width, height, stride), f"the picture of {mode} is not what VRAM holds")


def expect_nothing_shown(machine, vram, mode):
    """QEMU shows words on black then: no picture of the VRAM."""
    expect(dump(machine) != (*mode[1:3], rgb(vram, *mode)), "the old picture is still shown")


@case
def the_picture_is_what_is_in_vram():
    with Machine(DEVICE) as machine:
        gpu = Gpu(machine)
        vram = noise(1)
        machine.write(gpu.vram, vram)
        # whole, with bytes between lines, one pixel, one line, one column, at odd places
        for mode in ((0, 64, 48, 256), (0x1004, 33, 17, 1024), (4096, 1, 1, 4), (8, 1000, 1, 4000), (0, 1, 100, 64),
                     (0, 8, 1, 0x20), (12, 320, 20, 1280)):
            expect_equal(set_mode(gpu, *mode), 1, f"SHOWN of {mode}")
            expect_picture(machine, vram, mode)


@case
def it_changes_with_vram_and_with_what_the_engine_draws():
    with Machine(DEVICE) as machine:
        gpu = Gpu(machine)
        mode = (0, 16, 16, 64)
        expect_equal(set_mode(gpu, *mode), 1, "SHOWN")
        for number in range(3):
            vram = noise(number)
            machine.write(gpu.vram, vram[:1024])
            expect_picture(machine, vram, mode)
        expect_equal(gpu.run(RING, [fill(0, 1024, 0xff123456, flags=IN_VRAM)]), IDLE, "state")
        expect_equal(dump(machine), (16, 16, bytes.fromhex("123456" * 256)), "the picture")


@case
def registers_count_when_they_are_latched():
    with Machine(DEVICE) as machine:
        gpu = Gpu(machine)
        vram = noise(2)
        machine.write(gpu.vram, vram)
        mode = (0, 20, 10, 80)
        set_mode(gpu, *mode)
        gpu.set(SCANOUT_OFFSET, 4096, 8)
        gpu.set(SCANOUT_WIDTH, 10)
        expect_picture(machine, vram, mode)
        gpu.set(SCANOUT_CONTROL, 1)
        expect_picture(machine, vram, (4096, 10, 10, 80))
        gpu.set(SCANOUT_OFFSET, 8192, 8)
        gpu.set(SCANOUT_CONTROL, 1)  # a flip
        expect_picture(machine, vram, (8192, 10, 10, 80))
        for mode in ((8192, 9, 10, 80), (8192, 9, 11, 80), (8192, 9, 11, 84)):
            set_mode(gpu, *mode)
            expect_picture(machine, vram, mode)


@case
def what_is_not_valid_is_not_shown():
    good = (0, 64, 48, 256)
    with Machine(DEVICE) as machine:
        gpu = Gpu(machine)
        vram = noise(3)
        machine.write(gpu.vram, vram)
        for bad in ((0, 64, 48, 256, 0), (0, 64, 48, 256, 0x11), (0, 0, 48, 256), (0, 64, 0, 256), (0, 64, 48, 255),
                    (0, 64, 48, 252), (2, 64, 48, 256), (VRAM - 256 * 48 + 4, 64, 48, 256), (1 << 63, 64, 48, 256),
                    ((1 << 64) - 4, 64, 48, 256), (0, 16385, 1, 16385 * 4), (0, 1, 16385, 4), (0, 16384, 16384, 65536),
                    (0, 1, 1, 0x80000000), (0, 1, 1, 0xfffffffc), (0, 2, 2, 0xfffffffc)):
            expect_equal(set_mode(gpu, *good), 1, "SHOWN of a good mode")
            expect_picture(machine, vram, good)
            expect_equal(set_mode(gpu, *bad), 0, f"SHOWN of {bad}")
            expect_nothing_shown(machine, vram, good)


@case
def a_reset_shows_nothing_and_keeps_vram():
    with Machine(DEVICE) as machine:
        gpu = Gpu(machine)
        vram = noise(4)
        machine.write(gpu.vram, vram)
        mode = (0, 64, 48, 256)
        set_mode(gpu, *mode)
        expect_picture(machine, vram, mode)
        machine.reset()
        expect_nothing_shown(machine, vram, mode)
        gpu.place()
        expect_equal(set_mode(gpu, *mode), 1, "SHOWN")
        expect_picture(machine, vram, mode)


@case
def two_gpus_have_two_displays():
    with Machine("remap-gpu,addr=3,id=gpu1", DEVICE.replace("addr=3", "addr=4")) as machine:
        other, gpu = Gpu(machine), Gpu(machine, device=4, window=0xf0000000 - 0x8000000)
        for part, pattern in ((other, 0x00ff0000), (gpu, 0x0000ff00)):
            machine.write(part.vram, pattern.to_bytes(4, "little") * 64)
            set_mode(part, 0, 8, 8, 32)
        expect_equal(dump(machine), (8, 8, bytes.fromhex("00ff00" * 64)), "the second GPU's picture")


main()
