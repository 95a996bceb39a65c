#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest that does what it likes: QEMU lives, answers, and a sane job works afterwards. Seeds are fixed."""

import random

import gpu as numbers
from gpu import BUSY, CONTROL, FIRST_WINDOW, Gpu, HALTED, IDLE, fence, fill, packet
from machine import MIB, Machine, wait_until
from scalable import Extended, ProcessUnit
from tap import case, expect_equal, main
from vtd import BASE, GLOBAL_COMMAND, QIE, QUEUE_ADDRESS, QUEUE_HEAD, QUEUE_TAIL, ROOT_TABLE, RTPS, TE, Unit

TABLES, RING, RESULT = 0x100000, 0x800000, 0xc00000
MEMORY = 512 * MIB
REGISTERS = FIRST_WINDOW + 64 * MIB
DEVICES = ("remap-iommu", "remap-gpu,addr=3")
OF_PROCESSES = ("remap-iommu,scalable-mode=on,device-iotlb=on,svm=on,device-iotlb-timeout=1",
                "remap-gpu,addr=3,ats=on,pri=on,pasid=on")

# What answers with anything but RAM: the IOMMU, local and I/O APIC, HPET, the GPU's registers and MSI-X, nothing below
# 4 GiB, nothing above memory, ROM to a write.
NOT_MEMORY = [BASE, 0xfee00000, 0xfec00000, 0xfed00000, REGISTERS, REGISTERS + 0x10000, 0xc0000000, MEMORY, 1 << 40]
ROM = 0xffff0000
PLACES = NOT_MEMORY + [ROM, FIRST_WINDOW, 0, 0xa0000, 0xffffffff, 1 << 32, 1 << 45, 1 << 52, (1 << 64) - 4096, TABLES,
                       RING, RESULT, MEMORY - 4096]


def expect_sane(machine):
    """After a reset, as a guest would do it."""
    expect_equal(machine.is_alive(), "running", "QEMU's status")
    machine.reset()
    machine.fill(0, 16 * MIB, 0)
    gpu = Gpu(machine)
    expect_equal(gpu.run(RING, [fill(RESULT, 16, 0x44332211), fence(RESULT + 32, 0x77)]), IDLE, "state of a sane job")
    expect_equal(machine.read(RESULT, 16), bytes.fromhex("11223344" * 4), "what the sane job wrote")
    expect_equal(machine.read64(RESULT + 32), 0x77, "fence of the sane job")


class Guest:
    """Random choices that often meet what matters."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def address(self):
        address = self.random.choice(PLACES)
        if self.random.random() < 0.6:
            address += self.random.choice([0, 1, 3, 7, 8, 63, 64, 4088, 4095, 4096, self.random.getrandbits(14)])
        return address % (1 << 64)

    def value(self):
        return self.random.choice([0, 1, 3, 0xf, 0xffffffff, (1 << 64) - 1, self.random.getrandbits(64), self.address(),
                                   1 << self.random.randrange(64), self.random.getrandbits(8)])

    def offset(self, size):
        """Half of them in the first registers, all alignments."""
        return self.random.randrange(0x260 if self.random.random() < 0.5 else size)

    def access(self, base, size):
        address = base + self.offset(size)
        kind = self.random.choice("bwlq")
        if self.random.random() < 0.3:
            return f"read{kind} {address:#x}"
        bits = {"b": 8, "w": 16, "l": 32, "q": 64}[kind]
        return f"write{kind} {address:#x} {self.value() & (1 << bits) - 1:#x}"

    def length(self):
        return self.random.choice([0, 1, 8, 4096, 65536, 1 << 20, 1 << 40, (1 << 40) + 1, self.random.getrandbits(12),
                                   self.random.getrandbits(64)])

    def packet(self):
        opcode = self.random.choice([0, 1, 2, 2, 3, 3, 3, 4, 5, 6, 6, 7, 0xffff])
        data = bytearray(packet(opcode, flags=self.random.choice([0, 0, 0, 1, 2, 3, 4, 8, 0x8000]),
                                destination=self.address(), source=self.address() if opcode in (3, 5) else 0,
                                pattern=0x5a5a5a5a if opcode in (2, 4) else 0,
                                length=self.length() % (1 << 21) if opcode in (2, 3) else 0))
        if opcode in (4, 5):
            for at in (0x20, 0x28) if opcode == 5 else (0x20,):
                data[at:at + 8] = self.random.choice([0, 1, 4096, 1 << 30, 1 << 63]).to_bytes(8, "little")
            data[0x30:0x38] = self.random.choice([1, 16, 4096]).to_bytes(4, "little") * 2
        if self.random.random() < 0.1:
            data[self.random.randrange(64)] = self.random.getrandbits(8)
        return bytes(data)


def attack_registers(windows, seed, accesses=400):
    guest = Guest(seed)
    return [guest.access(*guest.random.choice(windows)) for _ in range(accesses)]


@case
def registers_of_both_devices_take_anything():
    windows = [(REGISTERS, 0x10000), (REGISTERS, 0x120), (REGISTERS + 0x10000, 0x1000), (BASE, 0x1000), (BASE, 0x100)]
    for seed in range(8):
        with Machine(*DEVICES) as machine:
            Gpu(machine)
            for part in range(3):
                machine.batch(attack_registers(windows, f"registers {seed} {part}"))
                expect_sane(machine)


@case
def accesses_that_the_manual_does_not_know_read_0_and_write_nothing():
    with Machine(*DEVICES) as machine:
        gpu = Gpu(machine)
        gpu.set(numbers.SCANOUT_WIDTH, 0x12345678)
        words = []
        for base in (REGISTERS + numbers.SCANOUT_WIDTH, BASE + 0x20):
            words += [f"writeb {base:#x} 0xff", f"writew {base + 2:#x} 0xffff", f"writel {base + 1:#x} 0xffffffff"]
        machine.batch(words)
        expect_equal(gpu.get(numbers.SCANOUT_WIDTH), 0x12345678, "the GPU's register")
        expect_equal(machine.read64(BASE + 0x20), 0, "the IOMMU's register")
        for line in (f"readb {REGISTERS:#x}", f"readw {REGISTERS:#x}", f"readl {REGISTERS + 2:#x}", f"readb {BASE:#x}",
                     f"readw {BASE + 8:#x}", f"readl {BASE + 9:#x}"):
            expect_equal(machine.number(line), 0, line)


def attack_with_packets(machine, gpu, guest, rings=40):
    """Each ring goes on behind each fault to its end, or is given up in the middle."""
    for _ in range(rings):
        packets = [guest.packet() for _ in range(15)]
        base = guest.address() if guest.random.random() < 0.2 else RING
        machine.batch([f"writel {gpu.registers + CONTROL:#x} 0x2",
                       machine.write_line(RING, b"".join(packets)),
                       f"writeq {gpu.registers + numbers.RING_BASE:#x} {base:#x}",
                       f"writel {gpu.registers + numbers.RING_SIZE:#x} 0x4",
                       f"writel {gpu.registers + CONTROL:#x} 0x1",
                       f"writel {gpu.registers + numbers.RING_TAIL:#x} 0xf"])
        for _ in range(guest.random.choice([0, 3, 15])):
            wait_until(lambda: gpu.state() != BUSY, "the engine comes to a packet's end")
            gpu.set(numbers.FAULT_STATUS, 1)
            gpu.set(CONTROL, 5)


def expect_packets_are_survived(*devices):
    with Machine(*devices) as machine:
        for seed in range(4):
            gpu = Gpu(machine)
            attack_with_packets(machine, gpu, Guest(f"packets {seed}"))
            expect_sane(machine)


@case
def packets_may_name_anything():
    expect_packets_are_survived("remap-gpu,addr=3")


@case
def packets_may_name_anything_behind_our_iommu():
    expect_packets_are_survived(*DEVICES)


@case
def packets_may_name_anything_behind_qemus_own_iommu():
    expect_packets_are_survived("intel-iommu,aw-bits=48", "remap-gpu,addr=3")


@case
def packets_may_name_anything_while_the_iommus_tables_and_registers_change():
    with Machine(*DEVICES) as machine:
        for seed in range(6):
            guest = Guest(f"both {seed}")
            gpu = Gpu(machine)
            unit = Unit(machine, TABLES)
            top = unit.attach(gpu.source, 1)
            unit.map_large(top, 0, 0, 64 * MIB)
            for _ in range(64):
                unit.map_page(top, guest.random.randrange(1 << 30, 1 << 31) & ~0xfff, guest.address() & 0xfffffffff000)
            unit.enable()
            for _ in range(4):
                attack_with_packets(machine, gpu, guest, rings=4)
                machine.batch([guest.access(BASE, 0x100) for _ in range(40)])
                machine.batch([f"writeq {guest.random.randrange(TABLES, unit.next_table, 8):#x} {guest.value():#x}"
                               for _ in range(40)])
            expect_sane(machine)


def attack_process(machine, gpu, unit, guest):
    """Packets that work in a process, while what is between it and the GPU changes, and its time passes."""
    packets = [packet(7, flags=8, value=guest.random.choice([unit.pasid, guest.random.getrandbits(20)]))]
    gpu.submit(RING, packets + [guest.packet() for _ in range(14)])
    config = Extended(machine, gpu)
    page, group = guest.value() & ~0xfff | guest.random.choice([0, 0, 1]) << 11, guest.random.randrange(8) << 3
    for low, high in guest.random.choices([
            (unit.source << 32 | 3, page), (unit.pasid << 32 | unit.source << 16 | 8, page),
            (guest.random.getrandbits(16) << 32 | 3, page), (unit.source << 16 | 0x9, group),
            (unit.pasid << 32 | unit.source << 16 | guest.random.choice([0, 1, 15]) << 12 | 0x19, group),
            (unit.pasid << 32 | 2 << 16 | 6, page), (0x21, 0), (0x25, unit.status)], k=guest.random.randrange(6)):
        unit.put(low, high)
    if guest.random.random() < 0.1:
        unit.put(guest.value(), guest.value())
    machine.batch([guest.access(config.base + 0x100, 0x28) for _ in range(8)] +
                  [f"writel {config.base + at + 4:#x} {word:#x}" for at, word in
                   ((0x118, 1 << 16), (0x108, 1), (0x100, 1 << 31)) if guest.random.random() < 0.7] +
                  [guest.access(BASE, 0x100) for _ in range(4)] +
                  [f"writeq {BASE + QUEUE_TAIL:#x} {unit.tail:#x}", f"writel {BASE + 0x34:#x} 0x7f",
                   f"writel {gpu.registers + 0xc4:#x} {guest.random.getrandbits(1):#x}"] +
                  [f"writeq {guest.random.randrange(TABLES, unit.next_table, 8):#x} {guest.value():#x}"
                   for _ in range(4)] + ["clock_step 3000000"])


@case
def a_process_behind_the_gpu_may_be_anything():
    with Machine(*OF_PROCESSES) as machine:
        for seed in range(8):
            guest = Guest(f"process {seed}")
            gpu = Gpu(machine)
            unit = ProcessUnit(machine, TABLES, gpu.source, 7)
            unit.enable()
            for number in range(16):
                unit.map_process(guest.address() & 0x7ffffffff000, RESULT + number * 4096)
            for _ in range(20):
                attack_process(machine, gpu, unit, guest)
            expect_sane(machine)


@case
def a_ring_that_is_not_memory_is_unreadable():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        for place in NOT_MEMORY:
            expect_equal(gpu.run(RING, [fence(RESULT, 1)], ring_at=place), HALTED, f"state, ring at {place:#x}")
            expect_equal(gpu.get(numbers.FAULT_STATUS), 0x701, f"FAULT_STATUS, ring at {place:#x}")
            expect_equal(gpu.get(numbers.FAULT_ADDRESS, 8), place, "FAULT_ADDRESS")
            gpu.set(CONTROL, 2)
        expect_sane(machine)


@case
def what_is_not_memory_refuses_transfers_and_keeps_its_state():
    with Machine(*DEVICES) as machine:
        gpu = Gpu(machine)
        for place in NOT_MEMORY + [ROM]:
            for one, cause in ((fill(place, 64, 0), 0x00020201), (fence(place, 0), 0x00060201)):
                expect_equal(gpu.run(RING, [one]), HALTED, f"state, {place:#x}")
                expect_equal(gpu.get(numbers.FAULT_STATUS), cause, f"FAULT_STATUS, {place:#x}")
                gpu.set(CONTROL, 2)
        expect_equal(machine.read32(BASE + 0x38), 0x80000000, "the IOMMU's FECTL")
        expect_sane(machine)


@case
def tables_and_a_queue_that_are_not_memory_are_faults():
    with Machine(*DEVICES) as machine:
        for place in NOT_MEMORY:
            gpu = Gpu(machine)
            unit = Unit(machine, TABLES)
            unit.set(ROOT_TABLE, place, 8)
            unit.set(GLOBAL_COMMAND, RTPS)
            unit.set(GLOBAL_COMMAND, TE)
            expect_equal(gpu.run(RING, [fence(RESULT, 1)]), HALTED, f"state, root table at {place:#x}")
            expect_equal(unit.get(0x228, 8), 0xc000000800000018, f"F, a read, reason 8, root table at {place:#x}")
            unit.set(QUEUE_ADDRESS, place, 8)
            unit.set(GLOBAL_COMMAND, TE | QIE)
            unit.set(QUEUE_TAIL, 0x20, 8)
            expect_equal(unit.get(0x34) & 0x10, 0x10, f"FSTS.IQE, queue at {place:#x}")
            expect_equal(unit.get(QUEUE_HEAD, 8), 0, "IQH")
            expect_sane(machine)


@case
def a_wait_that_reports_to_what_is_not_memory_is_an_error():
    with Machine(*DEVICES) as machine:
        for place in NOT_MEMORY + [ROM]:
            unit = Unit(machine, TABLES)
            queue = unit.new_table()
            machine.write64(queue, 0x1234 << 32 | 0x25)
            machine.write64(queue + 8, place)
            unit.set(QUEUE_ADDRESS, queue, 8)
            unit.set(GLOBAL_COMMAND, QIE)
            unit.set(QUEUE_TAIL, 0x10, 8)
            expect_equal(unit.get(0x34) & 0x10, 0x10, f"FSTS.IQE, status at {place:#x}")
            expect_sane(machine)


main()
