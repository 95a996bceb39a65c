#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""-machine cache-model: a processor that runs a few bytes of code under TCG, and a GPU that goes past its caches.

Numbers of registers and kinds are those of hw/spec/cache_registers.h and hw/cache/finding.h, instructions those of the
processor's manual."""

from gpu import NO_SNOOP, IN_VRAM, copy, fill
from machine import Machine
from running import (COUNT, DATA, DMA_ADDRESS, DMA_SOURCE, FIRST, FLUSH_CODE, LENGTH, LOAD_CODE, MODE, REGISTERS,
                     RunningMachine, STORE_ADDRESS, STORE_CODE)
from tap import case, expect, expect_equal, main

MISSED_FLUSH, MISSED_FENCE, STALE_READ = 1, 2, 4
OLD, NEW = bytes(8), bytes.fromhex("3412")

STORE = bytes.fromhex("c70600903412")  # mov word [9000h], 1234h
LOAD = bytes.fromhex("a10090")         # mov ax, [9000h]
CLFLUSH = bytes.fromhex("0fae3e0090")  # clflush [9000h]
CLFLUSHOPT = b"\x66" + CLFLUSH
CLWB = bytes.fromhex("660fae360090")
SFENCE, MFENCE, WBINVD, CPUID = (bytes.fromhex(code) for code in ("0faef8", "0faef0", "0f09", "0fa2"))
LOCKED = bytes.fromhex("f0ff06f090")   # lock inc word [90f0h]: of another line


@case
def a_store_that_stays_in_the_cache_is_a_missed_flush():
    with RunningMachine("report", STORE) as machine:
        expect_equal(machine.get(MODE), 1, "MODE")
        expect_equal(machine.read_past_caches()[:2], NEW, "what the device reads: only reported")
        machine.expect_findings(MISSED_FLUSH)
        for register, value in ((FIRST, DATA), (LENGTH, 2), (STORE_CODE, machine.first), (STORE_ADDRESS, DATA),
                                (LOAD_CODE, 0), (FLUSH_CODE, 0), (DMA_ADDRESS, DATA), (DMA_SOURCE, 0x18), (COUNT, 1)):
            expect_equal(machine.get(register), value, f"register {register:#x}")
        machine.read_past_caches()
        machine.expect_findings(MISSED_FLUSH)
        expect_equal(machine.get(COUNT), 2, "COUNT")


@case
def in_strict_mode_the_device_reads_what_memory_holds():
    with RunningMachine("strict", STORE, CLFLUSH) as machine:
        expect_equal(machine.get(MODE), 2, "MODE")
        expect_equal(machine.read_past_caches(), OLD, "before the flush")
        machine.expect_findings(MISSED_FLUSH)
        machine.go_on()
        expect_equal(machine.read_past_caches()[:2], NEW, "after it")
        machine.expect_findings(MISSED_FLUSH)


@case
def an_access_that_snoops_needs_no_flush():
    for mode in ("report", "strict"):
        with RunningMachine(mode, STORE) as machine:
            machine.dma(copy(0, DATA, 8, flags=IN_VRAM))
            expect_equal(machine.read(machine.gpu.vram, 2), NEW, "what the device reads")
            machine.expect_findings()


@case
def each_way_to_write_a_line_back_is_enough_with_what_orders_it():
    for flush in (CLFLUSH, CLFLUSHOPT + SFENCE, CLFLUSHOPT + MFENCE, CLFLUSHOPT + LOCKED, CLFLUSHOPT + CPUID, CLWB + SFENCE,
                  WBINVD):
        with RunningMachine("strict", STORE + flush) as machine:
            expect_equal(machine.read_past_caches()[:2], NEW, f"what the device reads after {flush.hex()}")
            machine.expect_findings()


@case
def a_flush_that_nothing_orders_is_a_missed_fence():
    for flush in (CLFLUSHOPT, CLWB):
        with RunningMachine("strict", STORE + flush) as machine:
            expect_equal(machine.read_past_caches(), OLD, "what the device reads")
            machine.expect_findings(MISSED_FENCE)
            expect_equal(machine.get(STORE_CODE), machine.first, "STORE_CODE")
            expect_equal(machine.get(FLUSH_CODE), machine.first + len(STORE), "FLUSH_CODE")


@case
def a_line_that_was_read_before_the_device_wrote_is_stale():
    pattern = 0x77777777
    for mode, seen in (("report", b"\x77\x77"), ("strict", bytes(2))):
        keep = bytes.fromhex("a30206")  # mov [602h], ax
        with RunningMachine(mode, LOAD, LOAD + keep) as machine:
            machine.dma(fill(DATA, 64, pattern, flags=NO_SNOOP))
            machine.go_on()
            expect_equal(machine.read(0x602, 2), seen, f"what the processor reads, {mode}")
            machine.expect_findings(STALE_READ)
            expect_equal(machine.get(LOAD_CODE), machine.second, "LOAD_CODE")
            expect_equal(machine.get(DMA_ADDRESS), DATA, "DMA_ADDRESS")


@case
def a_flush_after_the_device_wrote_is_enough():
    keep = bytes.fromhex("a30206")
    with RunningMachine("strict", LOAD, CLFLUSH + MFENCE + LOAD + keep) as machine:
        machine.dma(fill(DATA, 64, 0x77777777, flags=NO_SNOOP))
        machine.go_on()
        expect_equal(machine.read(0x602, 2), b"\x77\x77", "what the processor reads")
        machine.expect_findings()


@case
def the_monitor_tells_what_was_found_and_counted():
    with RunningMachine("report", STORE + LOAD) as machine:
        machine.read_past_caches()
        ask = machine.monitor.ask
        counters = {name: ask("qom-get", path="/machine/caches", property=name)
                    for name in ("tracked-pages", "loads", "stores", "findings", "repeats")}
        expect_equal({name: counters[name] for name in ("loads", "stores", "findings", "repeats")},
                     {"loads": 1, "stores": 1, "findings": 1, "repeats": 0}, "counters")
        expect(counters["tracked-pages"] >= 1, "tracked-pages")
        report = ask("qom-get", path="/machine/caches", property="report")
        for part in ("missed-flush", f"code at {machine.first:#x}", "device 00:03.0", "no-snoop"):
            expect(part in report, f"{part!r} in {report!r}")
        expect(report.endswith("\n"), f"each finding ends its line: {report!r}")


@case
def a_reset_forgets_what_was_in_the_caches():
    with RunningMachine("strict", STORE) as machine:
        machine.reset()
        machine.gpu.place()
        expect_equal(machine.read_past_caches()[:2], NEW, "what the device reads")
        machine.expect_findings()


@case
def a_machine_with_caches_is_not_migrated():
    with RunningMachine("report", STORE) as machine:
        try:
            machine.monitor.ask("migrate", uri="exec:cat > /dev/null")
        except RuntimeError as error:
            expect("cache-model=report cannot be migrated" in str(error), f"why: {error}")
        else:
            raise AssertionError("QEMU migrates it")


@case
def without_the_option_there_is_no_model():
    with Machine("remap-gpu,addr=3") as machine:
        expect(machine.read64(REGISTERS) != 0x3165686361636d52, "no registers")


main()
