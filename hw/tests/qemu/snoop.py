# SPDX-License-Identifier: MIT
"""Whether a part may leave snooping out (PCI Express, Device Control)."""

EXPRESS_CAPABILITY, DEVICE_CONTROL = 0x10, 0x08
ENABLE_NO_SNOOP = 1 << 11


def control_of(gpu):
    return gpu.capability(EXPRESS_CAPABILITY) + DEVICE_CONTROL


def allow_no_snoop(gpu, allow):
    at = control_of(gpu)
    others = gpu.read_config(at) & 0xffff & ~ENABLE_NO_SNOOP
    gpu.write_config(at, others | (ENABLE_NO_SNOOP if allow else 0))
