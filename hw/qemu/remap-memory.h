/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System memory for the devices' own accesses.
 */
#ifndef REMAP_MEMORY_H
#define REMAP_MEMORY_H

#include "exec/memory.h"

/*
 * Reads or writes RAM and nothing else, on any thread, without the BQL and without ever waiting for it. False when any
 * part is not RAM that answers (a device's registers, ROM on a write, a hole) or is refused by an IOMMU; bytes before
 * it may have been transferred then.
 *
 * MemTxAttrs.memory does not promise that: QEMU counts ROM as memory, and a write to it, like any access to the mapped
 * registers of an assigned device, is dispatched under the BQL.
 */
bool remap_memory_read(AddressSpace *as, hwaddr from, void *to, size_t bytes, MemTxAttrs attrs);
bool remap_memory_write(AddressSpace *as, hwaddr to, const void *from, size_t bytes, MemTxAttrs attrs);

/*
 * Takes an aligned 8-byte word of RAM from *expected to `desired` in one step, or sets *expected to what it is. False
 * when it is not RAM that can be written.
 */
bool remap_memory_exchange(AddressSpace *as, hwaddr at, uint64_t *expected, uint64_t desired);

/*
 * What QEMU does after each of its own writes to RAM, for bytes that were written by other ways: code translated from them
 * is void, and their pages are dirty for who tracks that, a migration for example. Any thread.
 */
void remap_memory_mark_written(MemoryRegion *region, hwaddr offset, hwaddr bytes);

#endif
