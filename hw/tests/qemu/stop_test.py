#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""While the machine is stopped, the GPU's engine is too: memory keeps still. It goes on where it was."""

import time

from gpu import (BUSY, BYTE_COUNT, FAULT_STATUS, FIRST_WINDOW, Gpu, IDLE, INTERRUPT_MASK, INTERRUPT_STATUS,
                 PACKET_COUNT, RESET_VALUES, RING_TAIL, fence, fill)
from machine import MIB, Machine, wait_until
from pci import open_bridge
from tap import case, expect, expect_equal, main

RING, RESULT, MESSAGE = 0x800000, 0xc00000, 0xd00000
TARGET, SIZE = 64 * MIB, 4 * MIB
A_WHILE = 0.05  # seconds, in which a running engine fills many times SIZE
LONG = [fill(TARGET, SIZE, 0x55555555)] * 1000 + [fence(RESULT, 0x77)]


def expect_still(machine, gpu):
    """Neither its counters nor its target move."""
    done = gpu.get(BYTE_COUNT, 8)
    machine.fill(TARGET, SIZE, 0xaa)
    time.sleep(A_WHILE)
    expect(machine.read(TARGET, SIZE) == b"\xaa" * SIZE, "the engine wrote while the machine was stopped")
    expect_equal(gpu.get(BYTE_COUNT, 8), done, "BYTE_COUNT while stopped")


def stop_in_the_middle(machine, times):
    gpu = Gpu(machine)
    machine.write64(RESULT, 0)
    gpu.submit(RING, LONG)
    for _ in range(times):
        before = gpu.get(BYTE_COUNT, 8)
        wait_until(lambda seen=before: gpu.get(BYTE_COUNT, 8) > seen, "the engine works")
        machine.monitor.ask("stop")
        expect_equal(gpu.state(), BUSY, "state while stopped")
        expect_still(machine, gpu)
        machine.monitor.ask("cont")
    return gpu


def expect_finishes(machine, gpu):
    wait_until(lambda: gpu.state() != BUSY, "the engine finishes")
    expect_equal(gpu.get(FAULT_STATUS), 0, "FAULT_STATUS")
    expect_equal(gpu.get(PACKET_COUNT, 8), len(LONG), "PACKET_COUNT")
    expect_equal(gpu.get(BYTE_COUNT, 8), SIZE * (len(LONG) - 1), "BYTE_COUNT")
    expect_equal(machine.read64(RESULT), 0x77, "the fence")


@case
def a_long_fill_makes_no_progress_while_stopped_and_finishes():
    with Machine("remap-gpu,addr=3") as machine:
        expect_finishes(machine, stop_in_the_middle(machine, 10))


@case
def behind_qemus_own_iommu_a_stop_costs_no_access():
    """There the engine waits for the main loop, which may at that moment be stopping the machine."""
    with Machine("intel-iommu,aw-bits=48", "remap-gpu,addr=3") as machine:
        gpu = stop_in_the_middle(machine, 10)
        expect_equal(gpu.get(FAULT_STATUS), 0, "FAULT_STATUS")
        expect_equal(gpu.state(), BUSY, "state")


@case
def work_given_while_stopped_is_done_afterwards():
    with Machine("remap-gpu,addr=3", more=["-S"]) as machine:
        gpu = Gpu(machine)
        machine.write64(RESULT, 0)
        gpu.submit(RING, [fence(RESULT, 0x1234)])
        time.sleep(A_WHILE)
        expect_equal(machine.read64(RESULT), 0, "the fence before the machine was ever started")
        machine.monitor.ask("cont")
        wait_until(lambda: gpu.state() == IDLE, "the engine finishes")
        expect_equal(machine.read64(RESULT), 0x1234, "the fence")


@case
def a_reset_while_stopped_does_not_start_the_engine():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = stop_in_the_middle(machine, 1)
        machine.monitor.ask("stop")
        machine.reset()
        gpu.place()
        for offset, size, value in RESET_VALUES:
            expect_equal(gpu.get(offset, size), value, f"register {offset:#x}")
        gpu.submit(RING, LONG)
        expect_still(machine, gpu)
        machine.monitor.ask("cont")
        expect_finishes(machine, gpu)


@case
def a_gpu_plugged_while_stopped_waits_too():
    with Machine("pcie-root-port,id=bridge,addr=4,chassis=1,slot=1") as machine:
        open_bridge(machine, 4, 1, FIRST_WINDOW, 256 * MIB)
        machine.monitor.ask("stop")
        machine.monitor.ask("device_add", driver="remap-gpu", id="late", bus="bridge")
        gpu = Gpu(machine, device=0, bus=1)
        machine.write64(RESULT, 0)
        gpu.submit(RING, LONG)
        expect_still(machine, gpu)
        machine.monitor.ask("cont")
        expect_finishes(machine, gpu)


@case
def a_message_of_a_fence_is_out_before_the_stop_is_over():
    """The stop is asked for while QEMU is busy, the fence about to complete, and both will wait for the main loop."""
    with Machine("remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        gpu.set_message(0, MESSAGE, 0xfeed)
        gpu.enable_messages()
        gpu.set(INTERRUPT_MASK, 0)
        for _ in range(20):
            machine.write32(MESSAGE, 0)
            gpu.set(INTERRUPT_STATUS, 1)
            tail = gpu.start(RING, [fence(RESULT, 1, interrupt=True)])
            busy = [f"memset {TARGET:#x} {SIZE:#x} 0x1"] * 2
            machine.send([f"writel {gpu.registers + RING_TAIL:#x} {tail:#x}", *busy])
            machine.monitor.ask("stop")
            machine.receive(1 + len(busy))
            raised = gpu.get(INTERRUPT_STATUS) & 1
            expect_equal(machine.read32(MESSAGE), 0xfeed if raised else 0, "the message while stopped")
            machine.monitor.ask("cont")
            wait_until(lambda: machine.read32(MESSAGE) == 0xfeed, "the message")


main()
