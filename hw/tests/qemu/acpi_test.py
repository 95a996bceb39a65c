#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The DMAR that firmware publishes, found where firmware finds it and read with the numbers of VT-d's chapter 8."""

import struct

from machine import Machine
from tap import case, expect, expect_equal, main

BUFFER, COMMAND = 0x200000, 0x1ff000
# QEMU's docs/specs/fw_cfg: items by number, read by a DMA register whose words are big-endian.
DMA_REGISTER, DIRECTORY = 0x514, 0x19
READ, SELECT = 2, 8


def read_item(machine, key, size):
    machine.write(COMMAND, struct.pack(">IIQ", key << 16 | SELECT | READ, size, BUFFER))
    machine.out32(DMA_REGISTER, 0)
    machine.out32(DMA_REGISTER + 4, int.from_bytes(struct.pack(">I", COMMAND), "little"))
    expect_equal(machine.read(COMMAND, 4), bytes(4), "fw_cfg's answer")
    return machine.read(BUFFER, size)


def read_file(machine, wanted):
    count = struct.unpack(">I", read_item(machine, DIRECTORY, 4))[0]
    directory = read_item(machine, DIRECTORY, 4 + 64 * count)
    for number in range(count):
        size, key, _, name = struct.unpack_from(">IHH56s", directory, 4 + 64 * number)
        if name.rstrip(b"\0") == wanted:
            return read_item(machine, key, size)
    raise LookupError(f"fw_cfg has no {wanted}")


def tables(machine):
    """Signature to table. They stand in a row, each with its length behind its signature, padded with zeros."""
    blob = read_file(machine, b"etc/acpi/tables")
    found, at = {}, 0
    while at + 8 <= len(blob):
        signature, length = struct.unpack_from("<4sI", blob, at)
        if not signature.isalnum() or length < 8:
            at += 1
            continue
        found.setdefault(signature, []).append((at, blob[at:at + length]))
        at += length
    return found, blob


@case
def the_dmar_is_published_and_says_where_the_unit_is():
    with Machine("remap-iommu") as machine:
        found, _ = tables(machine)
        expect_equal(len(found.get(b"DMAR", [])), 1, "DMAR tables")
        dmar = found[b"DMAR"][0][1]
        expect_equal(len(dmar), 0x48, "length: a header and one unit with one scope")
        # The blob is as firmware gets it: QEMU leaves checksums of its own tables to it, that of ours is complete.
        expect_equal(sum(dmar) % 256, 0, "sum of all bytes")
        expect_equal(dmar[36], 45, "host address width, less one")
        expect_equal(dmar[37], 1, "flags: interrupt remapping, no opt-in, no opt-out of x2APIC")
        expect_equal(dmar[48:64], bytes.fromhex("0000 1800 01 00 0000 0000d9fe00000000"),
                     "DRHD: type 0, 24 bytes, all devices, one page, segment 0, 0xfed90000")
        expect_equal(dmar[64:72], bytes.fromhex("03 08 0000 00 ff 00 00"),
                     "scope: an IOAPIC, 8 bytes, its id 0, bus 0xff, device 0, function 0")
        madt = found[b"APIC"][0][1]
        expect(bytes.fromhex("01 0c 00 00 0000c0fe") in madt, f"an IOAPIC with id 0 at 0xfec00000 in {madt.hex()}")


@case
def without_interrupt_remapping_the_dmar_does_not_speak_of_it():
    with Machine("remap-iommu,intremap=off") as machine:
        dmar = tables(machine)[0][b"DMAR"][0][1]
        expect_equal(len(dmar), 0x40, "length: a header and one unit without scopes")
        expect_equal(dmar[37], 0, "flags")
        expect_equal(dmar[48:64], bytes.fromhex("0000 1000 01 00 0000 0000d9fe00000000"), "DRHD, 16 bytes")
        expect_equal(machine.read64(0xfed90010), 0xf43, "ECAP: neither IR nor EIM nor MHMV")


@case
def the_list_of_tables_names_it():
    with Machine("remap-iommu") as machine:
        found, blob = tables(machine)
        offset = found[b"DMAR"][0][0]
        rsdt = found[b"RSDT"][0][1]
        # Before firmware's linker runs, an entry holds the table's offset in the blob.
        entries = struct.unpack(f"<{(len(rsdt) - 36) // 4}I", rsdt[36:])
        expect(offset in entries, f"{offset:#x} in {entries}, of {len(blob)} bytes")


@case
def without_the_device_there_is_none():
    with Machine("remap-gpu") as machine:
        found, _ = tables(machine)
        expect(b"APIC" in found, "the tables are there")
        expect_equal(found.get(b"DMAR"), None, "DMAR")


@case
def a_machine_without_acpi_has_the_unit_all_the_same():
    with Machine("remap-iommu", machine="q35,acpi=off") as machine:
        expect_equal(machine.read32(0xfed90000), 0x10, "version")


main()
