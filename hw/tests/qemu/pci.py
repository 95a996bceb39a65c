# SPDX-License-Identifier: MIT
"""PCI as firmware sees it: configuration space by ports CF8h and CFCh, bridges, and MSI-X.

Numbers are those of the PCI specifications, written here once more on purpose."""

COMMAND = 0x04  # bit 1: memory, bit 2: bus master
BRIDGE_BUSES, BRIDGE_MEMORY, BRIDGE_PREFETCHABLE = 0x18, 0x20, 0x24
MSIX_CAPABILITY = 0x11
MSIX_ENTRY = 16  # bytes: address, upper address, data, vector control

# QEMU's ACPI controller of PCI slots (its docs/specs/acpi_pci_hotplug): what firmware's methods write for the guest.
SLOT_DOWN, SLOT_EJECT, SLOT_SELECT = 0xcc4, 0xcc8, 0xcd0


class Function:
    def __init__(self, machine, device, bus=0):
        self.machine = machine
        self.source = bus << 8 | device << 3

    def select(self, offset):
        self.machine.out32(0xcf8, 0x80000000 | self.source << 8 | offset)

    def read_config(self, offset):
        self.select(offset)
        return self.machine.in32(0xcfc)

    def write_config(self, offset, value):
        self.select(offset)
        self.machine.out32(0xcfc, value)

    def capability(self, wanted):
        at = self.read_config(0x34) & 0xfc
        while at:
            header = self.read_config(at)
            if header & 0xff == wanted:
                return at
            at = header >> 8 & 0xfc
        raise LookupError(f"no capability {wanted:#x}")

    def set_command(self, bits):
        self.write_config(COMMAND, bits)


def open_bridge(machine, device, bus, window, size):
    """A root port: one bus behind it, and the window of addresses it forwards, 1 MiB aligned."""
    port = Function(machine, device)
    port.write_config(BRIDGE_BUSES, bus << 16 | bus << 8)
    port.write_config(BRIDGE_MEMORY, (window + size - 1) & 0xfff00000 | window >> 16)
    port.write_config(BRIDGE_PREFETCHABLE, 0x0000fff0)
    port.set_command(0x7)


def eject(machine, name="guest"):
    machine.monitor.ask("device_del", id=name)
    for bus in range(8):
        machine.out32(SLOT_SELECT, bus)
        if machine.in32(SLOT_DOWN) & 1:
            machine.out32(SLOT_EJECT, 1)
            return
    raise AssertionError("no slot asks to be ejected")


def unplug(machine, name="guest"):
    """As the guest lets the device go."""
    eject(machine, name)
    machine.monitor.wait_for("DEVICE_DELETED")
