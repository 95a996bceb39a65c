#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the driver kit with the headers of mingw-w64, which others wrote from the same interface, and reports in TAP.

usage: kit_facts.py KIT
Sizes, offsets and constants are compiled by Debian's x86_64-w64-mingw32-gcc once against KIT and once against mingw's own
ddk headers, and read from the assembly: nothing is run, and no number here comes from either side.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

COMPILER = "x86_64-w64-mingw32-gcc"
THEIRS = "/usr/x86_64-w64-mingw32/include/ddk"

# Structures, and members whose offsets are compared. A member of an unnamed union is named as each side names it.
STRUCTURES = {
    "LARGE_INTEGER": "QuadPart",
    "UNICODE_STRING": "Length MaximumLength Buffer",
    "OBJECT_ATTRIBUTES": "Length RootDirectory ObjectName Attributes SecurityDescriptor SecurityQualityOfService",
    "LIST_ENTRY": "Flink Blink",
    "LUID": "LowPart HighPart",
    "GUID": "Data1 Data2 Data3 Data4",
    "DISPATCHER_HEADER": "SignalState WaitListHead",
    "KEVENT": "Header",
    "KMUTANT": "Header MutantListEntry OwnerThread Abandoned ApcDisable",
    "FAST_MUTEX": "Count Owner Contention Event OldIrql",
    "KSPIN_LOCK": "",
    "KDPC": "",
    "MDL": "Next Size MdlFlags Process MappedSystemVa StartVa ByteCount ByteOffset",
    "DRIVER_EXTENSION": "DriverObject AddDevice Count ServiceKeyName",
    "DRIVER_OBJECT": "Type Size DeviceObject Flags DriverStart DriverSize DriverSection DriverExtension DriverName "
                     "HardwareDatabase FastIoDispatch DriverInit DriverStartIo DriverUnload MajorFunction",
    "DEVICE_OBJECT": "Type Size ReferenceCount DriverObject NextDevice AttachedDevice CurrentIrp Timer Flags "
                     "Characteristics Vpb DeviceExtension DeviceType StackSize Queue AlignmentRequirement DeviceQueue Dpc "
                     "ActiveThreadCount SecurityDescriptor DeviceLock SectorSize DeviceObjectExtension Reserved",
    "FILE_OBJECT": "Type Size DeviceObject",
    "IO_STATUS_BLOCK": "Information",
    "IRP": "Type Size MdlAddress Flags AssociatedIrp ThreadListEntry IoStatus RequestorMode PendingReturned StackCount "
           "CurrentLocation Cancel CancelIrql ApcEnvironment AllocationFlags UserIosb UserEvent Overlay CancelRoutine "
           "UserBuffer Tail Tail.Overlay.Thread Tail.Overlay.AuxiliaryBuffer Tail.Overlay.ListEntry "
           "Tail.Overlay.CurrentStackLocation Tail.Overlay.OriginalFileObject",
    "IO_STACK_LOCATION": "MajorFunction MinorFunction Flags Control Parameters.DeviceIoControl.OutputBufferLength "
                         "Parameters.DeviceIoControl.InputBufferLength Parameters.DeviceIoControl.IoControlCode "
                         "Parameters.DeviceIoControl.Type3InputBuffer Parameters.Others.Argument4 DeviceObject FileObject "
                         "CompletionRoutine Context",
    "CM_PARTIAL_RESOURCE_DESCRIPTOR": "Type ShareDisposition Flags u.Memory.Start u.Memory.Length u.Port.Length "
                                      "u.Interrupt.Vector u.Interrupt.Affinity u.MessageInterrupt.Raw.MessageCount "
                                      "u.MessageInterrupt.Raw.Vector u.MessageInterrupt.Translated.Affinity "
                                      "u.Memory40.Length40 u.Memory64.Length64 u.DevicePrivate.Data u.BusNumber.Length",
    "CM_PARTIAL_RESOURCE_LIST": "Version Revision Count PartialDescriptors",
    "CM_FULL_RESOURCE_DESCRIPTOR": "InterfaceType BusNumber PartialResourceList",
    "CM_RESOURCE_LIST": "Count List",
}
ENUMERATORS = """NotificationEvent SynchronizationEvent KernelMode UserMode Executive UserRequest NonPagedPool PagedPool
    NonPagedPoolMustSucceed NonPagedPoolCacheAligned PagedPoolCacheAligned MaxPoolType NonPagedPoolNx NonPagedPoolNxCacheAligned
    MmNonCached MmCached MmWriteCombined MmHardwareCoherentCached MmNonCachedUnordered MmUSWCCached MmMaximumCacheType
    IoReadAccess IoWriteAccess IoModifyAccess LowPagePriority NormalPagePriority HighPagePriority InterfaceTypeUndefined Internal
    PCIBus PNPBus ACPIBus MaximumInterfaceType PowerDeviceUnspecified PowerDeviceD0 PowerDeviceD3 PowerDeviceMaximum
    PowerActionNone PowerActionSleep PowerActionShutdown PowerActionDisplayOff""".split()
# Where mingw's headers are not what Windows has.
DIFFERENT = {
    "size_of_DEVICE_OBJECT",  # Windows aligns it to 16 bytes: 0x150
}
EXPRESSIONS = {  # macros that compute
    "span": "ADDRESS_AND_SIZE_TO_SPAN_PAGES(0x1fff, 0x1002)", "bytes_to_pages": "BYTES_TO_PAGES(0x1001)",
    "byte_offset": "BYTE_OFFSET(0x12345)", "round_to_pages": "ROUND_TO_PAGES(0x1001)",
    "ctl_code": "CTL_CODE(FILE_DEVICE_VIDEO, 0xF, METHOD_NEITHER, FILE_ANY_ACCESS)",
    "success": "NT_SUCCESS(STATUS_PENDING)", "error": "NT_ERROR(STATUS_NO_MEMORY)",
}


def macros(kit):
    """Names of the kit's macros without arguments that may be numbers."""
    for header in [*kit.glob("nt*.h"), kit / "bugcodes.h", *kit.glob("wdm/*.h")]:
        for name, value in re.findall(r"^#define (\w+) (.+)$", header.read_text(), re.MULTILINE):
            if re.search(r"\d", value) and not re.search(r"__|REMAP|Remap|DECLSPEC|\\$", name + value):
                yield name


def source(names):
    lines = ["#include <ntddk.h>", "#include <stddef.h>",
             "#define FACT(name, value) const unsigned long long fact_##name = (unsigned long long)(value);"]
    for structure, members in STRUCTURES.items():
        lines.append(f"FACT(size_of_{structure}, sizeof({structure}))")
        for member in members.split():
            lines.append(f"FACT(at_{structure}_{member.replace('.', '_')}, offsetof({structure}, {member}))")
    lines += [f"FACT(enumerator_{name}, {name})" for name in ENUMERATORS]
    lines += [f"FACT(macro_{name}, {value})" for name, value in EXPRESSIONS.items()]
    lines += [f"#ifdef {name}\nFACT(constant_{name}, {name})\n#endif" for name in names]
    return "\n".join(lines) + "\n"


def facts(folder, headers, text):
    path = Path(folder, "facts.c")
    path.write_text(text)
    assembly = subprocess.run(
        [COMPILER, "-std=gnu11", "-w", "-O0", "-S", "-o", "-", "-DNTDDI_VERSION=0x0A000000", "-D_WIN32_WINNT=0x0A00",
         "-DNT_PROCESSOR_GROUPS", "-I", headers, path], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.findall(r"^fact_(\w+):\n\s+\.(quad|space)\s+(-?\d+)", assembly, re.MULTILINE)
    return {name: int(value) % 2**64 if kind == "quad" else 0 for name, kind, value in found}


def main(kit):
    kit = Path(kit)
    text = source(sorted(set(macros(kit))))
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = facts(folder, kit, text), facts(folder, THEIRS, text)
    both = sorted(name for name in ours if name in theirs and name not in DIFFERENT)
    wrong = [f"{name}: {ours[name]:#x}, and {theirs[name]:#x} in mingw" for name in both if ours[name] != theirs[name]]
    groups = {kind: [name for name in both if name.startswith(kind)] for kind in
              ("size_of", "at", "enumerator", "macro", "constant_STATUS", "constant")}
    least = {"size_of": len(STRUCTURES) - 1, "at": 120, "enumerator": len(ENUMERATORS), "macro": len(EXPRESSIONS),
             "constant_STATUS": 170, "constant": 300}
    print(f"1..{len(groups) + 1}")
    for number, (kind, names) in enumerate(groups.items(), 1):
        good = len(names) >= least[kind]
        print(f"{'ok' if good else 'not ok'} {number} - {len(names)} of {kind} are in both")
    print(f"{'not ok' if wrong else 'ok'} {len(groups) + 1} - {len(both)} facts of the kit are those of mingw's headers")
    for line in wrong:
        print(f"# {line}")


if __name__ == "__main__":
    main(sys.argv[1])
