/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a guest's driver side says what it does: hw/spec/lab_registers.h, whose layout hw/capi/remap_lab.cc knows. */
#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"

#include "remap-iommu.h"

static uint64_t remap_lab_read_register(void *opaque, hwaddr offset, unsigned size)
{
    RemapLabState *lab = opaque;

    return remap_lab_register_read(&lab->registers, offset);
}

static void remap_lab_write_register(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    RemapLabState *lab = opaque;

    remap_lab_register_write(lab->lab, &lab->registers, offset, value);
}

static const MemoryRegionOps remap_lab_register_ops = {
    .read = remap_lab_read_register,
    .write = remap_lab_write_register,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 8, .max_access_size = 8 },
    .impl = { .min_access_size = 8, .max_access_size = 8 },
};

void remap_lab_start_registers(RemapLabState *lab, Object *owner)
{
    memory_region_init_io(&lab->register_page, owner, &remap_lab_register_ops, lab, "remap-lab-registers",
                          remap_lab_register_bytes());
    memory_region_add_subregion(get_system_memory(), remap_lab_register_base(), &lab->register_page);
}

void remap_lab_end_registers(RemapLabState *lab)
{
    memory_region_del_subregion(get_system_memory(), &lab->register_page);
    object_unparent(OBJECT(&lab->register_page));
}

void remap_lab_reset_registers(RemapLabState *lab)
{
    memset(&lab->registers, 0, sizeof(lab->registers));
}
