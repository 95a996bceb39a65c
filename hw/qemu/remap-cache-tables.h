/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages the cache model tracks: those that a device can reach past the caches, by the tables of the remap-iommu
 * in front of it. They are tracked from the store that puts a page into the tables on, and until the one that takes it
 * out, whatever system the guest runs.
 */
#ifndef REMAP_CACHE_TABLES_H
#define REMAP_CACHE_TABLES_H

#include "hw/pci/pci_device.h"

#include "remap-cache.h"
#include "remap-iommu.h"

/* One function's part. Zero at first. */
typedef struct RemapCacheTables {
    RemapIommu *iommu; /* NULL: its tables are not followed */
    uint16_t source;
} RemapCacheTables;

/*
 * With the BQL. What the configuration space says may have changed: a function that may access memory at all, and may
 * do so without snooping, is followed. `space` is what it is behind, or NULL. Drop: it is gone, or reset.
 */
void remap_cache_tables_update(RemapCacheTables *tables, PCIDevice *pci, const RemapIommuSpace *space);
void remap_cache_tables_drop(RemapCacheTables *tables);

/* Whether stores to a page of RAM have to be told; and that one was made. Any thread. */
bool remap_cache_tables_watch(hwaddr page);
void remap_cache_tables_stored(hwaddr address, uint64_t bytes);

/* What a remap-iommu tells. */
extern const RemapIommuReach remap_cache_tables_reach;

#endif
