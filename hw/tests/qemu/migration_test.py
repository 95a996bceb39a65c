#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The GPU's state in a file or a snapshot: what goes on from there is what was stopped."""

import os
import random
import tempfile
import time

from gpu import (BUSY, COMPLETED_FENCE, CONTROL, FAULT_STATUS, FIRST_WINDOW, Gpu, HALTED, IDLE, INTERRUPT_MASK,
                 INTERRUPT_RAISE, INTERRUPT_STATUS, PACKET_COUNT, RESET_VALUES, RING_HEAD, SCANOUT_CONTROL,
                 SCANOUT_HEIGHT, SCANOUT_STRIDE, SCANOUT_WIDTH, fence, fill, packet)
from machine import MIB, Machine, wait_until
from migration import Journey, Shifting, load, moved_by_file, on, save
from pci import open_bridge
from tap import case, expect, expect_equal, main

GPU = "remap-gpu,addr=3,id=gpu0,vram=4M"
RING, RESULT, MESSAGE, SYSTEM = 16 * MIB, 0xc00000, 0xd00000, 32 * MIB
SMALL = {"memory": "64M"}


@case
def work_stopped_at_any_moment_goes_on_from_a_file():
    generator = random.Random(1)
    work = Shifting(RING, SYSTEM, 1 * MIB)
    in_the_middle = 0
    with tempfile.TemporaryDirectory() as folder, Journey(GPU, **SMALL) as journey:
        path = os.path.join(folder, "state")
        gpu = Gpu(journey.machine)
        work.start(gpu)
        for _ in range(12):
            work.feed(gpu, 300)
            time.sleep(generator.uniform(0.001, 0.02))
            journey.machine.monitor.ask("stop")
            in_the_middle += gpu.state() == BUSY
            registers = [gpu.get(offset, size) for offset, size, _ in RESET_VALUES]
            save(journey.machine, path)
            gpu = on(journey.prepare(), gpu)
            load(gpu.machine, path)
            journey.arrive()
            expect_equal([gpu.get(offset, size) for offset, size, _ in RESET_VALUES], registers, "registers as loaded")
            gpu.machine.monitor.ask("cont")
        work.expect_done(gpu)
    expect(in_the_middle > 6, f"only {in_the_middle} of 12 stops were in the middle of the work")


def run_job(machine, command, **arguments):
    """A job of QEMU's that ends by itself; its error, if it has one, is one here."""
    machine.monitor.ask(command, **arguments)
    name = arguments["job-id"]

    def jobs():
        return {job["id"]: job for job in machine.monitor.ask("query-jobs")}

    wait_until(lambda: jobs()[name]["status"] == "concluded", f"{command} ends", seconds=30)
    error = jobs()[name].get("error")
    machine.monitor.ask("job-dismiss", id=name)
    expect(error is None, f"{command}: {error}")


def add_disk(machine, path):
    """An image that can keep snapshots."""
    with open(path, "wb"):
        pass
    machine.monitor.ask("blockdev-add", **{"driver": "file", "filename": path, "node-name": "file"})
    options = {"driver": "qcow2", "file": "file", "size": MIB}
    run_job(machine, "blockdev-create", **{"job-id": "make", "options": options})
    machine.monitor.ask("blockdev-add", **{"driver": "qcow2", "file": "file", "node-name": "disk"})


def snapshot(machine, what, name):
    run_job(machine, f"snapshot-{what}", **{"job-id": what, "tag": name, "vmstate": "disk", "devices": ["disk"]})


@case
def a_snapshot_is_gone_back_to_again_and_again():
    work = Shifting(RING, SYSTEM, 1 * MIB)
    with tempfile.TemporaryDirectory() as folder, Machine(GPU, **SMALL) as machine:
        add_disk(machine, os.path.join(folder, "disk"))
        gpu = Gpu(machine)
        work.start(gpu)
        work.feed(gpu, 400)
        wait_until(lambda: gpu.get(PACKET_COUNT, 8) > 50, "the engine works")
        machine.monitor.ask("stop")
        snapshot(machine, "save", "middle")
        expect_equal(gpu.state(), BUSY, "state at the snapshot")
        done = gpu.get(PACKET_COUNT, 8)
        machine.monitor.ask("cont")
        for _ in range(3):
            work.expect_done(gpu)
            machine.fill(SYSTEM, 1 * MIB, 0xee)
            machine.fill(gpu.vram, 1 * MIB, 0xee)
            gpu.set(INTERRUPT_RAISE, 8)
            machine.monitor.ask("stop")
            snapshot(machine, "load", "middle")
            expect_equal(gpu.get(PACKET_COUNT, 8), done, "PACKET_COUNT as at the snapshot")
            expect_equal(gpu.get(INTERRUPT_STATUS), 0, "INTERRUPT_STATUS as at the snapshot")
            machine.monitor.ask("cont")
        work.expect_done(gpu)


@case
def a_fault_is_resumed_in_the_new_machine():
    with Machine(GPU, **SMALL) as source:
        gpu = Gpu(source)
        bad = packet(7)
        expect_equal(gpu.run(RING, [fence(RESULT, 1), bad, fence(RESULT, 2)]), HALTED, "state")
        with moved_by_file(source, gpu, GPU, **SMALL) as (target, gpu):
            expect_equal(gpu.state(), HALTED, "state")
            expect_equal(gpu.get(FAULT_STATUS), 0x00070501, "FAULT_STATUS")
            expect_equal(gpu.get(RING_HEAD), 1, "RING_HEAD")
            expect_equal(gpu.get(COMPLETED_FENCE, 8), 1, "COMPLETED_FENCE")
            gpu.set(FAULT_STATUS, 1)
            gpu.set(CONTROL, 5)
            wait_until(lambda: gpu.state() == IDLE, "the engine finishes")
            expect_equal(target.read64(RESULT), 2, "the fence")


@case
def the_picture_moves_with_the_machine():
    with tempfile.TemporaryDirectory() as folder, Machine(GPU, **SMALL) as source:
        gpu = Gpu(source)
        source.write(gpu.vram, random.Random(2).randbytes(64 * 48 * 4))
        for register, value in ((SCANOUT_WIDTH, 64), (SCANOUT_HEIGHT, 48), (SCANOUT_STRIDE, 256), (SCANOUT_CONTROL, 1)):
            gpu.set(register, value)
        pictures = [os.path.join(folder, name) for name in ("source", "target")]
        source.monitor.ask("screendump", filename=pictures[0], device="gpu0")
        with moved_by_file(source, gpu, GPU, **SMALL) as (target, gpu):
            expect_equal(gpu.get(SCANOUT_CONTROL), 3, "SCANOUT_CONTROL")
            target.monitor.ask("screendump", filename=pictures[1], device="gpu0")
        before, after = (open(path, "rb").read() for path in pictures)  # pylint: disable=consider-using-with
        expect(len(before) > 64 * 48 * 3 and before == after, "the picture is not the same")


def set_messages(gpu, masked=0):
    gpu.machine.fill(MESSAGE, 64, 0)
    for vector in range(4):
        gpu.set_message(vector, MESSAGE + 16 * vector, 0xa0 + vector, masked=bool(masked >> vector & 1))
    gpu.enable_messages()
    gpu.set(INTERRUPT_MASK, 0)


@case
def messages_that_wait_for_their_mask_are_sent_by_the_new_machine():
    with Machine(GPU, **SMALL) as source:
        gpu = Gpu(source)
        set_messages(gpu, masked=0b0010)
        gpu.set(INTERRUPT_RAISE, 0b0010)
        wait_until(lambda: gpu.pending() == 0b0010, "the pending bit")
        with moved_by_file(source, gpu, GPU, **SMALL) as (target, gpu):
            target.monitor.ask("cont")
            expect_equal(gpu.pending(), 0b0010, "pending bits")
            expect_equal(target.read32(MESSAGE + 16), 0, "the masked message")
            gpu.mask_vector(1, False)
            wait_until(lambda: target.read32(MESSAGE + 16) == 0xa1, "the message")
            gpu.set(INTERRUPT_RAISE, 0b1000)
            wait_until(lambda: target.read32(MESSAGE + 48) == 0xa3, "a message of another vector")


@case
def a_gpu_that_was_plugged_moves_like_any_other():
    bridge = "pcie-root-port,id=bridge,addr=4,chassis=1,slot=1"
    with Machine(bridge, **SMALL) as source:
        open_bridge(source, 4, 1, FIRST_WINDOW, 256 * MIB)
        source.monitor.ask("device_add", driver="remap-gpu", id="gpu0", bus="bridge", vram=4 * MIB)
        gpu = Gpu(source, device=0, bus=1)
        expect_equal(gpu.run(RING, [fill(0, 4096, 0x12345678, flags=1), fence(RESULT, 5)]), IDLE, "state")
        with moved_by_file(source, gpu, bridge, "remap-gpu,bus=bridge,id=gpu0,vram=4M", **SMALL) as (target, gpu):
            target.monitor.ask("cont")
            expect_equal(gpu.get(COMPLETED_FENCE, 8), 5, "COMPLETED_FENCE")
            expect_equal(target.read32(gpu.vram + 4092), 0x12345678, "VRAM")
            expect_equal(gpu.run(RING, [fence(RESULT, 6)]), IDLE, "state")
            expect_equal(target.read64(RESULT), 6, "the fence")


main()
