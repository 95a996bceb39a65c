#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Faults on purpose (docs/laboratory.md), as a guest sees them, one deed after the other; rules, trace and counters
that are set and read while the machine runs; and devices that are pulled out. What is late, what goes wrong between the
unit and a device, and the tools that look on have files of their own.
"""

import json
import os
import subprocess
import tempfile

from gpu import BUSY, FAULT_STATUS, FIRST_WINDOW, HALTED, IDLE, copy, fence, fill, packet
from laboratory import FRAME, GPU, LOGICAL, Laboratory, OTHER, RING, STATUS, rule, text_of
from machine import MIB, Machine, QEMU, firmware, wait_until
from migration import moved_by_file
from pci import Function, open_bridge
from tap import case, expect, expect_equal, main
from vtd import FAULT_STATUS as UNIT_STATUS, PAGE

NATIVE_HOTPLUG = ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]  # by the slot's own registers
BRIDGE = "pcie-root-port,id=bridge,addr=4,chassis=1,slot=1"
ONES = 0xffffffff


@case
def wrong_options_are_explained():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "faults.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{\n  "rules": [ { "name": "a", "when": { "on": "dma" },\n   "do": { "delay": "10 s" } } ]\n}\n')
        for options, words in (
                (f"rules={path}", f"{path}:3:"), ("lab=on,rules=nowhere", "nowhere: No such file"),
                (f"lab=off,rules={path}", "lab=off"), ("trace=on", "lab=on"), ("seed=7", "lab=on"),
                ("lab=a/b", "machine's name"), ("lab=on,trace-size=100000", "power of two"),
                (f"lab-file={folder}", folder)):
            run = subprocess.run([QEMU, *firmware(), "-machine", "q35", "-nodefaults", "-display", "none", "-device",
                                  f"remap-iommu,{options}"], stderr=subprocess.PIPE, text=True, timeout=30, check=False)
            expect_equal(run.returncode, 1, f"status with {options}")
            expect(words in run.stderr, f"{options}: {words} is not in {run.stderr}")


@case
def a_file_outlives_its_machine():
    with tempfile.TemporaryDirectory() as folder:
        path, rules = os.path.join(folder, "segment"), os.path.join(folder, "faults.json")
        with open(rules, "w", encoding="utf-8") as file:
            file.write(text_of(rule("dma", {"refuse": True}), seed=3))
        with Laboratory(unit=f"lab-file={path},rules={rules},seed=9,trace=on,trace-size=64K") as machine:
            expect_equal(json.loads(machine.ask("rules"))["seed"], 9, "the seed")
            expect_equal(machine.ask("trace"), True, "trace")
            expect_equal(machine.run(fill(LOGICAL, 8, 1)), HALTED, "state")
            expect_equal(os.stat(path).st_mode & 0o777, 0o600, "the file's mode")
        expect(os.path.getsize(path) > 65536, "the file is there")


@case
def without_a_laboratory_there_is_nothing_to_set():
    with Machine("remap-iommu,id=unit") as machine:
        for name, value in (("rules", text_of()), ("trace", True)):
            try:
                machine.monitor.ask("qom-set", path="/machine/peripheral/unit", property=name, value=value)
            except RuntimeError as error:
                expect("lab=on" in str(error), str(error))
            else:
                raise AssertionError(f"{name} was set")
        expect_equal(machine.monitor.ask("qom-get", path="/machine/peripheral/unit", property="devices"), [], "devices")


@case
def rules_change_while_the_machine_runs():
    with Laboratory() as machine:
        wanted = rule("dma", {"refuse": True}, name="no more", access="write", times=2)
        machine.set_rules(wanted)
        expect_equal(json.loads(machine.ask("rules"))["rules"], [wanted], "rules")
        expect_equal(machine.run(fill(LOGICAL, 8, 1)), HALTED, "with the rule")
        try:
            machine.put("rules", '{"rules": [{"name": "a", "when": {"on": "dma"}, "do": {"drop": true}}]}')
        except RuntimeError as error:
            expect("/rules/0" in str(error), str(error))
        else:
            raise AssertionError("a rule was taken that means nothing")
        expect_equal(machine.run(fill(LOGICAL, 8, 1)), HALTED, "the rule is still there")
        expect_equal(machine.run(fill(LOGICAL, 8, 1)), IDLE, "it has acted twice")
        machine.expect_injections(2)


@case
def a_bit_of_data_is_flipped_as_it_arrives():
    with Laboratory(rule("dma", {"flip-bit": 12}, access="write", address="0x40000000")) as machine:
        expect_equal(machine.run(fill(LOGICAL, 8, 0)), IDLE, "a write")
        expect_equal(machine.read64(FRAME), 0x1000, "memory")
        machine.set_rules(rule("dma", {"flip-bit": 3}, access="read", address="0x40000000"))
        machine.write64(FRAME, 0)
        expect_equal(machine.run(copy(LOGICAL + PAGE, LOGICAL, 8)), IDLE, "a copy")
        expect_equal(machine.read64(FRAME), 0, "the source")
        expect_equal(machine.read64(FRAME + PAGE), 8, "what was copied")
        machine.expect_injections(2)


@case
def translations_are_refused_with_a_fault_and_without():
    with Laboratory(rule("translation", {"fault": 6}, access="write", device="00:03.0")) as machine:
        expect_equal(machine.run(fill(LOGICAL, 8, 1)), HALTED, "state")
        wait_until(lambda: machine.unit.get(UNIT_STATUS) & 2, "a fault is recorded")
        expect_equal(machine.unit.get(0x228, 8) >> 32 & 0xff, 6, "its reason")
        expect_equal(machine.unit.get(0x220, 8), LOGICAL, "its page")
        machine.unit.set(0x22c, 1 << 31)
        machine.set_rules(rule("translation", {"refuse": True}, access="write"))
        expect_equal(machine.run(fill(LOGICAL, 8, 1)), HALTED, "state")
        expect_equal(machine.unit.get(UNIT_STATUS) & 2, 0, "no fault is recorded")
        machine.expect_injections(2)


@case
def a_translation_leads_to_the_wrong_page():
    with Laboratory(rule("translation", {"wrong-page": 1}, access="write", address="0x40000000")) as machine:
        machine.fill(FRAME, 2 * PAGE, 0)
        expect_equal(machine.run(fill(LOGICAL, 8, 0x77777777)), IDLE, "state")
        expect_equal([machine.read64(FRAME), machine.read64(FRAME + PAGE)], [0, 0x7777777777777777], "the two pages")
        machine.expect_injections(1)


@case
def a_bit_of_an_entry_is_flipped_as_the_unit_reads_it():
    with Laboratory() as machine:
        leaf = machine.leaf(2)
        machine.set_rules(rule("entry", {"flip-bit": 1}, **{"entry-address": hex(leaf)}))  # its right to write
        expect_equal(machine.run(fill(LOGICAL + 2 * PAGE, 8, 1)), HALTED, "state")
        expect_equal(machine.unit.get(0x228, 8) >> 32 & 0xff, 5, "the fault's reason")
        expect_equal(machine.read64(leaf), FRAME + 2 * PAGE | 3, "the entry")
        machine.expect_injections(1)


@case
def an_invalidation_is_dropped_and_the_old_page_goes_on():
    with Laboratory() as machine:
        machine.begin_queue()
        expect_equal(machine.run(fill(LOGICAL, 8, 1)), IDLE, "the page is known")
        machine.set_rules(rule("invalidation", {"drop": True}))
        machine.unit.map_page(machine.top, LOGICAL, OTHER)
        machine.fill(FRAME, 8, 0)
        machine.invalidate()
        wait_until(lambda: machine.head() == machine.tail, "the queue is empty")
        expect_equal(machine.run(fill(LOGICAL, 8, 2)), IDLE, "state")
        expect_equal(machine.read64(FRAME), 0x200000002, "the old page")
        machine.expect_injections(1)


@case
def a_log_is_full_though_it_is_not():
    with Laboratory(rule("fault", {"full-log": True})) as machine:
        expect_equal(machine.run(fill(0x12340000, 8, 1)), HALTED, "state")
        wait_until(lambda: machine.unit.get(UNIT_STATUS) & 1, "overflow")
        expect_equal(machine.unit.get(0x228, 8) >> 63, 0, "no record")
        machine.expect_injections(1)


@case
def interrupts_are_lost_and_come_unasked_for():
    with Laboratory(rule("interrupt", {"drop": True}, nth=1),
                    rule("packet", {"interrupt": {"device": "00:03.0", "vector": 2}}, name="spurious")) as machine:
        gpu = machine.gpu
        for vector in range(4):
            gpu.set_message(vector, LOGICAL + 16 * vector, 0x50 + vector)
        gpu.enable_messages()
        machine.fill(FRAME, 64, 0)
        gpu.set(0x064, 0)
        gpu.set(0x068, 1 << 3)
        machine.step()
        expect_equal(machine.run(packet(1)), IDLE, "state")
        machine.step()
        wait_until(lambda: machine.read32(FRAME + 32) == 0x52, "an interrupt that nobody asked for")
        machine.expect_injections(1)  # messages into memory are no interrupts, so the first rule has none


@case
def the_units_interrupts_are_lost_and_come_unasked_for():
    with Laboratory(rule("unit-interrupt", {"drop": True}, nth=1),
                    rule("packet", {"interrupt": {"unit": "fault"}}, name="spurious", nth=2)) as machine:
        machine.fill(STATUS, 8, 0)
        machine.unit.set_fault_message(STATUS, 0x77)
        expect_equal(machine.run(fill(0x12340000, 8, 1)), HALTED, "state")
        wait_until(lambda: machine.ask("injections") == 1, "the interrupt is lost")
        machine.step()
        expect_equal(machine.read32(STATUS), 0, "nobody was told")
        machine.unit.set(0x22c, 1 << 31)
        expect_equal(machine.run(packet(1)), IDLE, "state")
        machine.step()
        wait_until(lambda: machine.read32(STATUS) == 0x77, "an interrupt without a fault")
        machine.expect_injections(2)


@case
def an_engine_hangs_until_it_is_reset():
    with Laboratory(rule("packet", {"hang": True}, nth=2)) as machine:
        machine.gpu.submit(RING, [fill(LOGICAL, 8, 1), fill(LOGICAL, 8, 2)])
        machine.expect_injections(1)
        expect_equal(machine.gpu.state(), BUSY, "state")
        expect_equal(machine.gpu.get(FAULT_STATUS), 0, "no fault")
        machine.reset()
        machine.gpu.place()
        expect_equal(machine.gpu.get(0x024) & 3, 0, "state after a reset")


@case
def a_device_that_is_pulled_out_is_gone():
    with Laboratory(rule("packet", {"remove": {"device": "00:03.0"}}, nth=2)) as machine:
        machine.gpu.submit(RING, [fill(LOGICAL, 8, 1)] + [fill(RING + MIB, 65536, 2)] * 30, log2_entries=6)
        wait_until(lambda: machine.gpu.get(0x0a0, 8) >= 2, "two packets")
        machine.step()
        expect_equal(machine.gpu.read_config(0), ONES, "configuration space")
        expect_equal(machine.gpu.get(0x024), ONES, "registers")
        machine.gpu.write_config(0x10, 0)
        machine.gpu.set(0x020, 1)
        machine.expect_injections(1)
        expect_equal(machine.is_alive(), "running", "the machine")
        machine.set_rules()
        machine.reset()
        machine.gpu.place()
        expect_equal(machine.gpu.get(0x000), 0x50414d52, "after a reset it is back")


@case
def a_device_of_qemu_is_pulled_out_of_its_slot():
    remove = rule("packet", {"remove": {"device": "01:00.0"}})
    with Laboratory(devices=(BRIDGE, "edu,bus=bridge,id=edu0"), more=NATIVE_HOTPLUG) as machine:
        open_bridge(machine, 4, 1, FIRST_WINDOW + 256 * MIB, 16 * MIB)
        port, edu = Function(machine, 4), Function(machine, 0, bus=1)
        slot = port.capability(0x10) + 0x18  # slot control, slot status
        edu.write_config(0x10, FIRST_WINDOW + 256 * MIB)
        edu.set_command(0x6)
        expect_equal(machine.read32(FIRST_WINDOW + 256 * MIB), 0x010000ed, "edu is there")
        expect_equal(port.read_config(slot) >> 22 & 1, 1, "presence")
        machine.set_rules(remove)
        machine.run(packet(1))
        machine.step()
        machine.expect_injections(1)
        expect_equal(edu.read_config(0), ONES, "configuration space")
        expect_equal(machine.read32(FIRST_WINDOW + 256 * MIB), ONES, "registers")
        expect_equal(port.read_config(slot) >> 22 & 1, 0, "presence")
        expect_equal(port.read_config(slot) >> 19 & 1, 1, "presence has changed")
        port.write_config(slot, 0x0400 | 8 << 16)
        port.write_config(slot, 0x0000)
        expect_equal(edu.read_config(0), ONES, "power brings nobody back")
        machine.run(packet(1))
        machine.step()
        expect_equal(machine.ask("injections"), 1, "nobody is pulled twice")
        machine.reset()
        open_bridge(machine, 4, 1, FIRST_WINDOW + 256 * MIB, 16 * MIB)
        expect_equal(edu.read_config(0), 0x11e81234, "after a reset it is back")
        expect_equal(port.read_config(slot) >> 22 & 1, 1, "presence")


@case
def what_is_pulled_out_stays_so_in_another_machine():
    with Laboratory(rule("packet", {"remove": {"device": "00:03.0"}})) as machine:
        machine.run(packet(1))
        machine.step()
        expect_equal(machine.gpu.read_config(0), ONES, "configuration space")
        with moved_by_file(machine, machine.gpu, "remap-iommu,id=unit,lab=on", GPU, memory="256M") as (other, gpu):
            expect_equal([gpu.read_config(0), gpu.get(0x024)], [ONES, ONES], "in the other machine")
            other.reset()
            gpu.place()
            expect_equal(gpu.get(0x000), 0x50414d52, "after its reset it is back")


@case
def what_devices_do_is_counted_and_traced_when_wanted():
    with Laboratory() as machine:
        expect_equal(machine.run(fill(LOGICAL, 4096, 1), fence(LOGICAL, 5)), IDLE, "state")
        gpu = next(device for device in machine.ask("devices") if device["device"] == "00:03.0")
        expect_equal([gpu["writes"], gpu["written-bytes"], gpu["read-bytes"]], [2, 4104, 2 * 64], "writes and bytes")
        expect_equal([gpu["reads"] + gpu["writes"], gpu["refused-accesses"]], [gpu["translations"], 0], "accesses")
        expect_equal([machine.ask("trace"), machine.ask("trace-records")], [False, 0], "no trace")
        machine.put("trace", True)
        machine.run(fill(LOGICAL, 8, 1))
        written = machine.ask("trace-records")
        expect(written >= 3, f"{written} records")
        machine.put("trace", False)
        machine.run(fill(LOGICAL, 8, 1))
        expect_equal([machine.ask("trace-records"), machine.ask("trace-lost")], [written, 0], "records")


if __name__ == "__main__":
    main()
