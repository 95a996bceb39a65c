#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which pages the cache model tracks: those that the tables of remap-iommu let the GPU reach, from the very store that
says so. Entries are those of VT-d's second stage."""

from gpu import FIRST_WINDOW, Gpu
from machine import MIB, wait_until
from pci import Function, open_bridge
from running import RunningMachine
from snoop import allow_no_snoop
from tap import case, expect_equal, main
from vtd import BASE, GLOBAL_COMMAND, TE, Unit

TABLES = 0xa000  # root, contexts, levels 4 to 1: a page each
CONTEXTS, LEVEL4, LEVEL3, LEVEL2, LEVEL1 = (TABLES + 0x1000 * number for number in range(1, 6))
FREE = 0x4000  # two pages that will be tables
UNIT = ("remap-iommu", "remap-gpu,addr=3")


def store(address, value):
    """mov dword [address], value: below 64 KiB."""
    return b"\x66\xc7\x06" + address.to_bytes(2, "little") + value.to_bytes(4, "little")


class FollowedMachine(RunningMachine):
    """The GPU's tables have pages 0 to 2, at the same addresses. The processor stores when it is told to."""

    def __init__(self, stores, devices=UNIT, before=b""):
        super().__init__("report", before, stores, devices)

    def __enter__(self):
        super().__enter__()
        self.write64(0xfed80080, 9)  # nothing but the tables decides
        self.write64(0xfed80088, 1)
        self.write64(0xfed80090, 0)
        self.expect_tracked(0)
        self.unit = Unit(self, TABLES)
        top = self.unit.attach(self.gpu.source, 1)
        for page in range(3):
            self.unit.map_page(top, page << 12, page << 12)
        expect_equal(self.unit.next_table, LEVEL1 + 0x1000, "where the tables end")
        return self

    def tracked(self):
        return self.monitor.ask("qom-get", path="/machine/caches", property="tracked-pages")

    def expect_tracked(self, pages):
        expect_equal(self.tracked(), pages, "pages that are tracked")


@case
def translation_begins_with_what_is_mapped():
    with FollowedMachine(b"") as machine:
        machine.expect_tracked(0)
        machine.unit.enable()
        machine.expect_tracked(3)
        machine.unit.set(GLOBAL_COMMAND, 0)
        machine.expect_tracked(0)


def expect_after(stores, pages):
    with FollowedMachine(stores) as machine:
        machine.unit.enable()
        machine.expect_tracked(3)
        machine.go_on()
        machine.expect_tracked(pages)


@case
def a_store_maps_a_page_and_another_takes_it_back():
    leaf = LEVEL1 + 8 * 5
    expect_after(store(leaf, 0x800003), 4)
    expect_after(store(leaf, 0x800003) + store(leaf, 0), 3)
    expect_after(store(LEVEL1, 0), 2)


@case
def a_page_that_is_mapped_twice_is_tracked_until_both_are_gone():
    expect_after(store(LEVEL1 + 8 * 5, 0x1003), 3)
    expect_after(store(LEVEL1 + 8 * 5, 0x1003) + store(LEVEL1 + 8, 0), 3)
    expect_after(store(LEVEL1 + 8 * 5, 0x1003) + store(LEVEL1 + 8, 0) + store(LEVEL1 + 8 * 5, 0), 2)


@case
def leaves_of_2_mib():
    expect_after(store(LEVEL2 + 8, 0x800083), 3 + 512)


@case
def tables_that_are_linked_first_and_filled_later():
    # The processor has a way to the new tables, which is void as soon as they are linked.
    touch = b"".join(b"\x80\x0e" + page.to_bytes(2, "little") + b"\x00" for page in (FREE, FREE + 0x1000))  # or byte, 0
    fill = store(FREE + 0x1000, 0x800003) + store(FREE + 0x1008, 0x801003)
    link = store(LEVEL3 + 8, FREE | 3) + store(FREE, FREE + 0x1003)
    expect_after(touch + link + fill, 5)
    expect_after(touch + fill + link, 5)
    expect_after(touch + link + fill + store(LEVEL3 + 8, 0), 3)


@case
def what_is_stored_while_a_processor_does_not_know_yet_is_seen():
    with FollowedMachine(b"") as machine:
        machine.unit.enable()
        machine.unit.set(GLOBAL_COMMAND, 0)
        machine.go_on()  # to its end: it halts, and what it is asked to do waits for QEMU's lock
        machine.batch([f"writel {BASE + GLOBAL_COMMAND:#x} {TE:#x}", f"writeq {LEVEL1 + 8 * 5:#x} 0x800003"])
        wait_until(lambda: machine.tracked() == 4, "the new page is tracked")


@case
def a_locked_instruction_and_a_string_store_as_well():
    leaf = LEVEL1 + 8 * 5
    lock_or = bytes.fromhex("66f0810e")  # lock or dword [leaf], 800003h
    expect_after(lock_or + leaf.to_bytes(2, "little") + (0x800003).to_bytes(4, "little"), 4)
    zero = bytes.fromhex("fc31c031c08ec0bf") + LEVEL1.to_bytes(2, "little") + bytes.fromhex("b90800f3ab")  # rep stosw
    expect_after(zero, 1)


@case
def the_processor_reads_its_tables_as_they_are():
    leaf = LEVEL1 + 8 * 5
    load = b"\x66\xa1" + leaf.to_bytes(2, "little") + bytes.fromhex("66a30206")  # mov eax, [leaf]; mov [602h], eax
    with FollowedMachine(store(leaf, 0x800003) + load) as machine:
        machine.unit.enable()
        machine.go_on()
        expect_equal(machine.read32(0x602), 0x800003, "what the processor reads")


@case
def a_context_entry_is_watched_too():
    with FollowedMachine(b"") as machine:
        context = CONTEXTS + 16 * machine.gpu.source
    expect_after(store(context, LEVEL4), 0)  # not present
    expect_after(store(context, LEVEL4) + store(context, LEVEL4 | 1), 3)


@case
def a_table_that_the_gpu_may_write_is_not_modelled():
    expect_after(store(LEVEL1 + 8 * 5, LEVEL1 | 3) + store(LEVEL1 + 8 * 6, 0x800003), 4)
    reach, link = store(LEVEL1 + 8 * 5, FREE | 3), store(LEVEL2 + 8, FREE | 3)
    expect_after(reach, 4)
    expect_after(reach + link, 3)
    expect_after(reach + link + store(LEVEL2 + 8, 0), 4)


@case
def only_a_master_that_may_leave_snooping_out_is_followed():
    with FollowedMachine(b"") as machine:
        machine.unit.enable()
        machine.gpu.set_command(0x2)
        machine.expect_tracked(0)
        machine.gpu.set_command(0x6)
        machine.expect_tracked(3)
        allow_no_snoop(machine.gpu, False)
        machine.expect_tracked(0)
        allow_no_snoop(machine.gpu, True)
        machine.expect_tracked(3)


@case
def pages_that_snp_forces_to_be_snooped_are_not_tracked():
    with FollowedMachine(store(LEVEL1 + 8, 0x1803), ("remap-iommu,snoop-control=on", "remap-gpu,addr=3")) as machine:
        machine.unit.enable()
        machine.expect_tracked(3)
        machine.go_on()
        machine.expect_tracked(2)


@case
def two_parts_reach_a_page_that_is_tracked_once():
    with FollowedMachine(store(LEVEL1 + 8, 0), (*UNIT, "remap-gpu,addr=5")) as machine:
        other = Gpu(machine, 5, window=FIRST_WINDOW + 0x10000000)
        top = machine.unit.attach(other.source, 2)
        machine.unit.map_page(top, 0x1000, 0x1000)
        machine.unit.map_page(top, 0x2000, 0x900000)
        machine.unit.enable()
        machine.expect_tracked(4)
        machine.go_on()
        machine.expect_tracked(4)
        other.set_command(0)
        machine.expect_tracked(2)


@case
def a_part_behind_a_port_is_followed_by_the_number_that_its_bus_has():
    port = ("remap-iommu", "pcie-root-port,id=bridge,addr=4,chassis=1,slot=1", "remap-gpu,addr=3",
            "remap-gpu,bus=bridge")
    with FollowedMachine(b"", port) as machine:
        machine.gpu.set_command(0)
        open_bridge(machine, 4, 1, FIRST_WINDOW + 0x10000000, 256 * MIB)
        behind = Gpu(machine, device=0, bus=1, window=FIRST_WINDOW + 0x10000000)
        top = machine.unit.attach(behind.source, 2)
        machine.unit.map_page(top, 0x1000, 0x800000)
        machine.unit.enable()
        machine.expect_tracked(1)
        Function(machine, 4).write_config(0x18, 2 << 16 | 2 << 8)
        Function(machine, 0, 2).set_command(0x6)  # as it was
        machine.expect_tracked(0)


@case
def a_reset_ends_it():
    with FollowedMachine(b"") as machine:
        machine.unit.enable()
        machine.expect_tracked(3)
        machine.reset()
        machine.expect_tracked(0)
        machine.gpu.place()
        machine.expect_tracked(0)
        machine.unit.enable()
        machine.expect_tracked(3)


main()
