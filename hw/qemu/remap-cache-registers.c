/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cache model's registers: hw/spec/cache_registers.h, whose layout hw/capi/remap_cache_registers.cc knows. */
#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"

#include "remap-cache.h"

static MemoryRegion remap_cache_registers;
static RemapCacheRegisters remap_cache_state;

static uint64_t remap_cache_read_register(void *opaque, hwaddr offset, unsigned size)
{
    return remap_cache_register_read(remap_cache, &remap_cache_state, offset);
}

static void remap_cache_write_register(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    switch (remap_cache_register_write(&remap_cache_state, offset, value)) {
    case REMAP_CACHE_MAP_RUN:
        remap_cache_map_for_dma(remap_cache_state.run_first, remap_cache_state.run_pages);
        break;
    case REMAP_CACHE_UNMAP_RUN:
        remap_cache_unmap_for_dma(remap_cache_state.run_first, remap_cache_state.run_pages);
        break;
    case REMAP_CACHE_NOTHING:
        break;
    }
}

static const MemoryRegionOps remap_cache_register_ops = {
    .read = remap_cache_read_register,
    .write = remap_cache_write_register,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 8, .max_access_size = 8 },
    .impl = { .min_access_size = 8, .max_access_size = 8 },
};

void remap_cache_start_registers(void)
{
    memory_region_init_io(&remap_cache_registers, NULL, &remap_cache_register_ops, NULL, "remap-cache-registers",
                          remap_cache_register_bytes());
    memory_region_add_subregion(get_system_memory(), remap_cache_register_base(), &remap_cache_registers);
}
