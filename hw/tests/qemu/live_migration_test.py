#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Live migration: the machine, and the GPU's engine in it, work on while their memory is being moved."""

import random
import re
import tempfile
import time

from gpu import BUSY, COMPLETED_FENCE, Gpu, IDLE, INTERRUPT_MASK, fence, fill
from machine import MIB, Machine, wait_until
from migration import Journey, Shifting, incoming, migrate, on, status, wait_for_end
from tap import case, expect, expect_equal, main
from vtd import Unit

GPU = "remap-gpu,addr=3,vram=16M"
RING, SYSTEM, TABLES, MESSAGE = 16 * MIB, 32 * MIB, 0x100000, 0xd00000
MEMORY = {"memory": "64M"}
WHATEVER = re.compile("")  # QEMU has many words for a stream that ends early
LOGICAL = 1 << 30  # where the part sees memory behind an IOMMU


def hop(journey, gpu, work, generator, rounds):
    """To a new machine, at some moment of the work. Returns its GPU, and whether the engine was at work then."""
    machine, target = journey.machine, journey.prepare()
    for parameter, value in (("max-bandwidth", generator.choice((64, 256, 4096)) * MIB), ("downtime-limit", 300)):
        machine.monitor.ask("migrate-set-parameters", **{parameter: value})
    time.sleep(generator.uniform(0, 0.05))
    migrate(machine, target, meanwhile=lambda: work.feed(gpu, rounds))
    busy = gpu.state() == BUSY  # in the machine that has stopped
    journey.arrive()
    return on(target, gpu), busy


def expect_nothing_lost(hops, rounds, work, *devices, prepare=lambda machine, gpu: None):
    generator = random.Random(hops)
    in_the_middle = 0
    with Journey(*devices, **MEMORY) as journey:
        gpu = Gpu(journey.machine)
        prepare(journey.machine, gpu)
        work.start(gpu)
        for _ in range(hops):
            gpu, busy = hop(journey, gpu, work, generator, rounds)
            in_the_middle += busy
        work.expect_done(gpu)
        print(f"# {work.submitted(gpu)} rounds, {in_the_middle} of {hops} migrations in the middle of one")
    expect(in_the_middle > hops // 2, "the engine was idle when the machine was stopped")


@case
def the_engine_works_through_ten_migrations():
    expect_nothing_lost(10, 40, Shifting(RING, SYSTEM, 4 * MIB), GPU)


def translate(machine, gpu):
    unit = Unit(machine, TABLES)
    top = unit.attach(gpu.source, 1)
    unit.map_large(top, LOGICAL, 0, 64 * MIB)
    unit.enable()


@case
def behind_qemus_own_iommu_too():
    expect_nothing_lost(4, 10, Shifting(RING, SYSTEM, MIB // 2, logical=LOGICAL), "intel-iommu,aw-bits=48", GPU,
                        prepare=translate)


@case
def behind_our_iommu_too():
    expect_nothing_lost(4, 40, Shifting(RING, SYSTEM, 2 * MIB, logical=LOGICAL), "remap-iommu", GPU, prepare=translate)


@case
def what_the_iommu_has_cached_moves_with_it():
    """Tables that are gone in the meantime are still used, for nothing was invalidated."""
    def forget_tables(machine, gpu):
        translate(machine, gpu)
        work.start(gpu)
        work.feed(gpu)
        wait_until(lambda: gpu.state() == IDLE, "the first rounds are done")
        machine.write(TABLES, bytes(MIB))

    work = Shifting(RING, SYSTEM, MIB // 2, logical=LOGICAL)
    with Journey("remap-iommu", GPU, **MEMORY) as journey:
        gpu = Gpu(journey.machine)
        forget_tables(journey.machine, gpu)
        target = journey.prepare()
        migrate(journey.machine, target)
        journey.arrive()
        gpu = on(target, gpu)
        work.feed(gpu)
        work.expect_done(gpu)


@case
def a_migration_that_is_cancelled_leaves_the_engine_at_work():
    work = Shifting(RING, SYSTEM, 1 * MIB)
    with tempfile.TemporaryDirectory() as folder, Machine(GPU, **MEMORY) as machine:
        machine.known.append(WHATEVER)
        gpu = Gpu(machine)
        work.start(gpu)
        machine.write(48 * MIB, random.Random(3).randbytes(8 * MIB))
        for _ in range(5):
            with incoming(GPU, **MEMORY) as target:
                uri = f"unix:{folder}/stream"
                target.monitor.ask("migrate-incoming", **{"uri": uri, "exit-on-error": False})
                machine.monitor.ask("migrate-set-parameters", **{"max-bandwidth": 8 * MIB})
                machine.monitor.ask("migrate", uri=uri)
                wait_until(lambda: status(machine) == "active", "the migration is under way")
                work.feed(gpu)
                machine.monitor.ask("migrate_cancel")
                expect_equal(wait_for_end(machine), "cancelled", "the migration")
                target.known.append(WHATEVER)
            work.feed(gpu, 40)
        work.expect_done(gpu)


@case
def a_fence_completes_and_interrupts_in_the_new_machine():
    with Machine(GPU, **MEMORY) as source, incoming(GPU, **MEMORY) as target:
        gpu = Gpu(source)
        gpu.set_message(0, MESSAGE, 0xfe)
        gpu.enable_messages()
        gpu.set(INTERRUPT_MASK, 0)
        size = 8 * MIB
        gpu.submit(RING, [fill(SYSTEM, size, 0x11111111)] * 1000 + [fence(MESSAGE + 64, 0x77, interrupt=True)])
        migrate(source, target)
        expect_equal(gpu.state(), BUSY, "state when the machine was stopped")
        gpu = on(target, gpu)
        wait_until(lambda: gpu.state() == IDLE, "the engine finishes")
        expect_equal(gpu.get(COMPLETED_FENCE, 8), 0x77, "COMPLETED_FENCE")
        expect_equal(target.read64(MESSAGE + 64), 0x77, "the fence")
        wait_until(lambda: target.read32(MESSAGE) == 0xfe, "the message")
        expect(target.read(SYSTEM, size) == b"\x11" * size, "what was filled")


main()
