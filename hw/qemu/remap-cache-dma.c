/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accesses of devices, and of the IOMMU itself, to memory whose lines a processor's cache may hold. */
#include "qemu/osdep.h"
#include "exec/target_page.h"
#include "cpu.h"

#include "remap-cache.h"
#include "remap-cache-tables.h"
#include "remap-memory.h"

#define UNIT_SOURCE 0xffff /* no device's */

static void remap_cache_expect_device(const RemapCacheDma *dma)
{
    hwaddr page = dma->address >> TARGET_PAGE_BITS;

    if (!remap_cache_tracked(remap_cache, page) && !remap_cache_tables_watch(page)) {
        remap_cache_map_for_dma(page, 1);
    }
}

void remap_cache_device_reads(const RemapCacheDma *dma, void *to)
{
    remap_cache_expect_device(dma);
    remap_cache_dma_read(remap_cache, dma, to);
}

void remap_cache_device_writes(const RemapCacheDma *dma, const void *from)
{
    remap_cache_expect_device(dma);
    remap_cache_dma_write(remap_cache, dma, from);
}

/* The unit's walks and queues are coherent (VT-d, ECAP.C): they snoop. */
static RemapCacheDma remap_cache_unit_access(hwaddr address, size_t bytes)
{
    return (RemapCacheDma) {
        .address = address,
        .bus_address = address,
        .bytes = bytes,
        .source = UNIT_SOURCE,
        .snoop = true,
    };
}

static bool remap_cache_has(hwaddr address, size_t bytes)
{
    return unlikely(remap_cache) && (remap_cache_tracked(remap_cache, address >> TARGET_PAGE_BITS) ||
                                     remap_cache_tracked(remap_cache, (address + bytes - 1) >> TARGET_PAGE_BITS));
}

bool remap_cache_unit_reads(hwaddr from, void *to, size_t bytes)
{
    RemapCacheDma access = remap_cache_unit_access(from, bytes);

    return remap_cache_has(from, bytes) ? remap_cache_dma_read(remap_cache, &access, to)
                                        : remap_memory_read(from, to, bytes);
}

bool remap_cache_unit_writes(hwaddr to, const void *from, size_t bytes)
{
    RemapCacheDma access = remap_cache_unit_access(to, bytes);

    return remap_cache_has(to, bytes) ? remap_cache_dma_write(remap_cache, &access, from)
                                      : remap_memory_write(to, from, bytes);
}

bool remap_cache_unit_exchanges(hwaddr at, uint64_t *expected, uint64_t desired)
{
    RemapCacheDma access = remap_cache_unit_access(at, sizeof(desired));

    return remap_cache_has(at, sizeof(desired)) ? remap_cache_dma_exchange(remap_cache, &access, expected, desired)
                                                : remap_memory_exchange(at, expected, desired);
}
