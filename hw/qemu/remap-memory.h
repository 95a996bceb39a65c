/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System memory for the devices' own accesses: RAM and nothing else, on any thread, without the BQL and without ever
 * waiting for it. What is not RAM that answers (a device's registers, ROM on a write, a hole) is refused.
 *
 * MemTxAttrs.memory does not promise that: QEMU counts ROM as memory, and a write to it, like any access to the mapped
 * registers of an assigned device, is dispatched under the BQL.
 */
#ifndef REMAP_MEMORY_H
#define REMAP_MEMORY_H

#include "exec/memory.h"

/* Before the rest is used, with the BQL; once is enough, more does no harm. */
void remap_memory_init(void);

/* RAM side by side. It stays what it is until the end of the RCU critical section. */
typedef struct RemapStretch {
    void *host;
    MemoryRegion *region;
    hwaddr offset; /* in the region */
    hwaddr address; /* of the system */
} RemapStretch;

/* Finds `bytes` (at least 1) of it; false when part of them is refused. In an RCU critical section. */
bool remap_memory_find(hwaddr address, size_t bytes, bool is_write, RemapStretch *found);

/*
 * The system's address of a byte that another translation found in a region. False: the system does not have it. In an
 * RCU critical section.
 */
bool remap_memory_address(const MemoryRegion *region, hwaddr offset, hwaddr *address);

/* Moves bytes as memmove; an aligned word moves whole, for fences and table entries are read while others write them. */
void remap_memory_move(void *to, const void *from, size_t bytes);

/* All or nothing: false when part of the bytes is refused. */
bool remap_memory_read(hwaddr from, void *to, size_t bytes);
bool remap_memory_write(hwaddr to, const void *from, size_t bytes);

/*
 * Takes an aligned 8-byte word of RAM from *expected to `desired` in one step, or sets *expected to what it is. False
 * when it is not RAM that can be written.
 */
bool remap_memory_exchange(hwaddr at, uint64_t *expected, uint64_t desired);

/*
 * What QEMU does after each of its own writes to RAM, for bytes that were written by other ways: code translated from them
 * is void, and their pages are dirty for who tracks that, a migration for example. Any thread.
 */
void remap_memory_mark_written(MemoryRegion *region, hwaddr offset, hwaddr bytes);

#endif
