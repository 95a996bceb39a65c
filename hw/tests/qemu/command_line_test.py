#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What QEMU's command line and monitor make of our devices: one clear error and status 1, or a machine that works."""

import subprocess

from gpu import Gpu, HALTED, IDLE, fence
from machine import MIB, QEMU, SECONDS, Machine, firmware
from tap import case, expect, expect_equal, main
from vtd import BASE, Unit

# what is asked for, words of the one line that QEMU has to say
REFUSED = [
    (["-device", "remap-iommu,aw-bits=56"], "aw-bits is not 39, 48 or 57"),
    (["-device", "remap-iommu,aw-bits=0"], "aw-bits is not 39, 48 or 57"),
    (["-device", "remap-iommu,cache-mode=on"], "'remap-iommu.cache-mode' not found"),
    (["-device", "remap-iommu,iotlb-entries=100"], "iotlb-entries is not iotlb-ways"),
    (["-device", "remap-iommu,iotlb-ways=0"], "iotlb-entries is not iotlb-ways"),
    (["-device", "remap-iommu,iotlb-entries=67108864"], "iotlb-entries is not iotlb-ways"),
    (["-device", "remap-iommu,context-cache-entries=0"], "context-cache-entries is not context-cache-ways"),
    (["-device", "remap-iommu,pasid-cache-ways=65"], "pasid-cache-entries is not pasid-cache-ways"),
    (["-device", "remap-iommu,paging-cache-entries=12,paging-cache-ways=4"], "paging-cache-entries is not"),
    (["-device", "remap-iommu,interrupt-cache-ways=2048"], "interrupt-cache-entries is not interrupt-cache-ways"),
    (["-device", "remap-iommu,invalidation-delay=2000000"], "invalidation-delay=2000000 has to be at most"),
    (["-device", "remap-iommu,intremap=off,eim=on"], "eim=on needs intremap=on"),
    (["-device", "remap-iommu,async-invalidation=off,invalidation-delay=1"], "needs async-invalidation=on"),
    (["-device", "remap-iommu", "-device", "remap-iommu"], "there is a remap-iommu already"),
    (["-device", "intel-iommu", "-device", "remap-iommu"], "has to be the only one"),
    (["-device", "amd-iommu", "-device", "remap-iommu"], "has to be the only one"),
    (["-device", "virtio-iommu-pci", "-device", "remap-iommu"], "has to be the only one"),
    (["-device", "remap-iommu", "-device", "intel-iommu"], "remap-iommu has to be the only IOMMU"),
    (["-device", "remap-iommu", "-device", "amd-iommu"], "remap-iommu has to be the only IOMMU"),
    (["-device", "remap-iommu", "-device", "virtio-iommu-pci"], "remap-iommu has to be the only IOMMU"),
    (["-machine", "isapc", "-device", "remap-iommu"], "needs a PC machine with PCI"),
    (["-machine", "none", "-device", "remap-iommu"], "needs a PC machine with PCI"),
    (["-machine", "isapc", "-device", "remap-gpu"], "No 'PCI' bus found"),
    (["-device", "remap-gpu,vram=3M"], "vram=3145728 is not a power of two of at least 1 MiB"),
    (["-device", "remap-gpu,vram=512K"], "vram=524288 is not a power of two of at least 1 MiB"),
    (["-device", "remap-gpu,vram=0"], "vram=0 is not a power of two of at least 1 MiB"),
    (["-device", "remap-gpu,vram=8E"], "remap-gpu.vram"),
    (["-device", "remap-gpu,address-bits=31"], "address-bits=31 is not in the range 32 to 64"),
    (["-device", "remap-gpu,address-bits=65"], "address-bits=65 is not in the range 32 to 64"),
    (["-device", "remap-gpu,address-bits=320"], "'address-bits' expects uint8_t"),
    (["-device", "remap-gpu,pri=on"], "pri=on needs ats=on"),
    (["-device", "intel-iommu", "-device", "remap-gpu,ats=on"], "do not work behind this IOMMU"),
    (["-device", "remap-gpu,pasid=on", "-device", "intel-iommu"], "do not work behind this IOMMU"),
    (["-device", "remap-iommu,svm=on"], "svm=on needs device-iotlb=on and scalable-mode=on"),
    (["-device", "remap-iommu,svm=on,device-iotlb=on"], "svm=on needs device-iotlb=on and scalable-mode=on"),
    (["-device", "remap-iommu,device-iotlb-timeout=0"], "device-iotlb-timeout=0 leaves devices no time"),
    (["-device", "remap-gpu,romfil=x"], "'remap-gpu.romfil' not found"),
    (["-machine", "q35,cache-model=lax"], "cache-model=lax is not off, on, report (the same as on) or strict"),
    (["-machine", "q35,cache-model=strict"], "cache-model=strict needs -accel tcg"),
]


def run_qemu(words):
    machine = [] if "-machine" in words else ["-machine", "q35"]
    return subprocess.run([QEMU, "-nodefaults", "-display", "none", "-accel", "qtest", *firmware(), *machine, *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)


@case
def a_wrong_option_gets_one_clear_error_and_status_1():
    wrong = []
    for words, error in REFUSED:
        try:
            run = run_qemu(words)
        except subprocess.TimeoutExpired:
            wrong.append(f"{' '.join(words)}: QEMU runs")
            continue
        if run.returncode != 1 or run.stdout or run.stderr.count("\n") != 1 or error not in run.stderr:
            wrong.append(f"{' '.join(words)}: status {run.returncode}, {run.stderr!r}")
    expect(not wrong, "\n".join(wrong))


@case
def help_names_the_properties_and_their_defaults():
    for device, lines in (
            ("remap-gpu", ("address-bits=<uint8>   - Width of what the part puts on the bus, 32 to 64 (default: 64)",
                           "vram=<size>            - The part's own memory, a power of two of at least 1M "
                           "(default: 67108864)")),
            ("remap-iommu", ("aw-bits=<uint32>       - Width of logical addresses: 39, 48 or 57 (default: 48)",
                             "huge-pages=<bool>      - Translations of 2 MiB and 1 GiB (default: on)"))):
        run = run_qemu(["-device", device + ",help"])
        expect_equal(run.returncode, 0, "status")
        for line in lines:
            expect(line in run.stdout, f"{line!r} in {run.stdout}")


@case
def a_machine_of_the_older_kind_takes_both():
    with Machine("remap-iommu", "remap-gpu,addr=3", machine="pc") as machine:
        expect_equal(machine.read32(BASE), 0x10, "the IOMMU's version")
        expect_equal(Gpu(machine).get(0), 0x50414d52, "the GPU's MAGIC")


@case
def a_bus_that_bypasses_the_iommu_is_not_translated():
    for bypass, state, result in (("on", IDLE, 0x77), ("off", HALTED, 0)):
        with Machine("remap-iommu", "remap-gpu,addr=3", machine="q35,default-bus-bypass-iommu=" + bypass) as machine:
            gpu = Gpu(machine)
            Unit(machine, 0x100000).enable()  # with no context: everything that is translated faults
            machine.write64(0xc00000, 0)
            expect_equal(gpu.run(0x800000, [fence(0xc00000, 0x77)]), state, f"state, bypass {bypass}")
            expect_equal(machine.read64(0xc00000), result, f"the fence, bypass {bypass}")


@case
def configuration_space_is_as_in_the_manual():
    with Machine("remap-gpu,addr=3,vram=16M") as machine:
        gpu = Gpu(machine)
        expect_equal(gpu.read_config(0x00), 0x11a91234, "device and vendor")
        expect_equal(gpu.read_config(0x08), 0x03800001, "class and revision")
        expect_equal(gpu.read_config(0x2c), 0x11a91234, "subsystem")
        gpu.set_command(0)
        # docs/gpu.md, 1: 64 KiB of 64 bits, VRAM of 64 bits and prefetchable, 4 KiB
        for offset, wanted in ((0x10, 0xffff0004), (0x14, 0xffffffff), (0x18, 0xff00000c), (0x1c, 0xffffffff),
                               (0x20, 0xfffff000), (0x24, 0)):
            gpu.write_config(offset, 0xffffffff)
            expect_equal(gpu.read_config(offset), wanted, f"BAR at {offset:#x}")
        msix = gpu.capability(0x11)
        expect_equal(gpu.read_config(msix) >> 16, 3, "MSI-X control: 4 vectors")
        expect_equal(gpu.read_config(msix + 4), 0x00000004, "MSI-X table")
        expect_equal(gpu.read_config(msix + 8), 0x00000804, "MSI-X pending bits")


@case
def the_tree_of_devices_shows_the_options():
    with Machine("remap-iommu,aw-bits=39", "remap-gpu,id=gpu0,addr=3,address-bits=40,vram=16M") as machine:
        ask = machine.monitor.ask
        expect_equal(ask("qom-get", path="gpu0", property="address-bits"), 40, "address-bits")
        expect_equal(ask("qom-get", path="gpu0", property="vram"), 16 * MIB, "vram")
        tree = ask("human-monitor-command", **{"command-line": "info qtree"})
        shown = tree[tree.index('dev: remap-gpu, id "gpu0"'):][:200]
        for line in ("address-bits = 40 (0x28)", "vram = 16777216 (16 MiB)"):
            expect(line in shown, f"{line!r} in {shown!r}")
        gpu = Gpu(machine)
        expect_equal(gpu.get(0x010, 8), 0x41028, "CAPABILITY: 4 vectors, 2^16 entries, 40 bits")
        expect_equal(gpu.get(0x008, 8), 16 * MIB, "VRAM_SIZE")
        expect_equal(machine.read64(BASE + 8) >> 8 & 0x1f, 2, "the IOMMU's SAGAW: 39 bits only")


@case
def defaults_are_64_bits_and_64_mib():
    with Machine("remap-gpu,addr=3") as machine:
        gpu = Gpu(machine)
        expect_equal(gpu.get(0x010, 8), 0x41040, "CAPABILITY")
        expect_equal(gpu.get(0x008, 8), 64 * MIB, "VRAM_SIZE")


@case
def an_iommu_cannot_be_plugged_in_later():
    with Machine("remap-gpu") as machine:
        try:
            machine.monitor.ask("device_add", driver="remap-iommu")
        except RuntimeError as error:
            expect("remap-iommu" in str(error), f"the error speaks of the device: {error}")
        else:
            raise AssertionError("QEMU took it")


main()
