/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processors' caches in QEMU: -machine cache-model=on|report|strict, under TCG.
 *
 * Pages that devices reach past the caches are tracked (hw/cache/coherency.h). A processor's accesses to them take a
 * way through I/O memory (remap-cache-window.c), so that the rest of the guest pays for its TLB fills and for nothing
 * else; instructions that flush or fence are found when code is translated (remap-cache-instructions.c).
 */
#ifndef REMAP_CACHE_QEMU_H
#define REMAP_CACHE_QEMU_H

#include "hw/core/cpu.h"
#include "exec/hwaddr.h"
#include "remap_cache.h"

/* The machine's model; null when it is off. Set before the machine runs, and then the same until QEMU ends. */
extern RemapCache *remap_cache;

/* Pages that devices reach past the caches from now on, or no longer. Any thread; what is not RAM is left alone. */
void remap_cache_map_for_dma(hwaddr first_page, uint64_t pages);
void remap_cache_unmap_for_dma(hwaddr first_page, uint64_t pages);

/*
 * The TLBs (remap-cache-direct.c). Pages are reached another way from now on: entries that lead to them directly go, of
 * each processor before its next block of code. Any thread.
 */
void remap_cache_drop_direct(hwaddr first_page, uint64_t pages);
void remap_cache_flush_tlbs(void); /* all entries */
void remap_cache_flush_later(CPUState *cpu, vaddr address);

/* A processor's TLB has been filled with an entry that leads to RAM. Before it is looked whether it may stay. */
void remap_cache_direct_filled(CPUState *cpu, hwaddr page, vaddr address, int mmu_index);

/*
 * A device's access within one page, of RAM. A page that it did not reach before is tracked from then on: for machines
 * whose tables nobody follows.
 */
void remap_cache_device_reads(const RemapCacheDma *dma, void *to);
void remap_cache_device_writes(const RemapCacheDma *dma, const void *from);

/* Accesses of the IOMMU, to tables and queues: as remap_memory_read and its kin, whether there is a model or not. */
bool remap_cache_unit_reads(hwaddr from, void *to, size_t bytes);
bool remap_cache_unit_writes(hwaddr to, const void *from, size_t bytes);
bool remap_cache_unit_exchanges(hwaddr at, uint64_t *expected, uint64_t desired);

/* How a processor translates, on its own thread. */
RemapCachePaging remap_cache_paging(CPUState *cpu);

/*
 * The physical address of the page of a virtual one, for a processor on its own thread; -1: an access is about to
 * fault.
 */
hwaddr remap_cache_page_of(CPUState *cpu, vaddr address);

/* The linear address of the instruction at a place of translated code, on the thread of its processor. */
uint64_t remap_cache_code_at(CPUState *cpu, uintptr_t host_pc);

/*
 * Whether the instruction at `code` stores with a non-temporal hint: past the cache, whatever the memory's type. Of the
 * processor that runs, while it executes that instruction.
 */
bool remap_cache_is_nontemporal(CPUState *cpu, uint64_t code);

/* Keeps what translated code looks at in step with remap_cache_pending. After each event of this processor. */
void remap_cache_update_pending(CPUState *cpu);

/* Parts that are set up once, before any code is translated. */
void remap_cache_start_window(void);
void remap_cache_start_instructions(void);
void remap_cache_start_registers(void);

#endif
