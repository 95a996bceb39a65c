/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of the emulated TLBs that lead to RAM directly. When a page is to be tracked or watched, those that lead to
 * it have to go. To empty all TLBs each time would cost a guest dearly that maps memory for DMA, and QEMU makes a TLB
 * small that it finds empty. So it is recorded who has filled an entry for which page, in a table of limited size:
 * where a record stands for one entry that entry goes, where it stands for several all TLBs are emptied.
 */
#include "qemu/osdep.h"
#include "qemu/thread.h"
#include "exec/cputlb.h"
#include "exec/target_page.h"
#include "cpu.h"

#include "remap-cache.h"

#define RECORDS 65536 /* a power of two */
#define MOST_PAGES 4096 /* that are looked up one by one */

typedef struct RemapCacheRecord {
    hwaddr page;
    vaddr address;
    uint64_t epoch; /* older than the current one: nothing is known, and nothing has to be */
    CPUState *cpu;
    uint16_t mmu_indexes; /* a bit for each; flushing an address drops its entries of all */
    bool several;
} RemapCacheRecord;

static RemapCacheRecord remap_cache_records[RECORDS];
static uint64_t remap_cache_epoch = 1; /* since all TLBs were emptied last */
static QemuSpin remap_cache_records_lock;

static RemapCacheRecord *remap_cache_record_of(hwaddr page)
{
    return &remap_cache_records[(page ^ page >> 16) % RECORDS];
}

static bool remap_cache_leads_to(const CPUTLBEntry *entry, const CPUTLBEntryFull *full, const RemapCacheRecord *record)
{
    uint64_t page = qatomic_read(&entry->addr_read) & (TARGET_PAGE_MASK | TLB_INVALID_MASK);

    return page == record->address && full->phys_addr >> TARGET_PAGE_BITS == record->page;
}

static bool remap_cache_stands_in(CPUState *cpu, const RemapCacheRecord *record, int mmu_index)
{
    CPUTLBDescFast *fast = &cpu->neg.tlb.f[mmu_index];
    CPUTLBDesc *desc = &cpu->neg.tlb.d[mmu_index];
    size_t index = (record->address >> TARGET_PAGE_BITS) & (fast->mask >> CPU_TLB_ENTRY_BITS);

    if (remap_cache_leads_to(&fast->table[index], &desc->fulltlb[index], record)) {
        return true;
    }
    for (size_t i = 0; i < CPU_VTLB_SIZE; i++) {
        if (remap_cache_leads_to(&desc->vtable[i], &desc->vfulltlb[i], record)) {
            return true;
        }
    }
    return false;
}

/* Whether an entry of a record is still in the TLB of this processor, on whose thread this is. */
static bool remap_cache_stands(CPUState *cpu, const RemapCacheRecord *record)
{
    for (int mmu_index = 0; mmu_index < NB_MMU_MODES; mmu_index++) {
        if ((record->mmu_indexes & BIT(mmu_index)) && remap_cache_stands_in(cpu, record, mmu_index)) {
            return true;
        }
    }
    return false;
}

/* Of which the guest has taken the mapping away, with its entry in the TLB, a record stands for nothing. */
void remap_cache_direct_filled(CPUState *cpu, hwaddr page, vaddr address, int mmu_index)
{
    RemapCacheRecord *record = remap_cache_record_of(page);
    RemapCacheRecord fresh = { page, address, 0, cpu, BIT(mmu_index), false };

    qemu_spin_lock(&remap_cache_records_lock);
    fresh.epoch = remap_cache_epoch;
    if (record->epoch != fresh.epoch) {
        *record = fresh;
    } else if (record->page == page && record->address == address && record->cpu == cpu) {
        record->mmu_indexes |= BIT(mmu_index);
    } else {
        fresh.several = record->several || record->cpu != cpu || remap_cache_stands(cpu, record);
        *record = fresh;
    }
    qemu_spin_unlock(&remap_cache_records_lock);
}

/* Of one page, taken out of the table. Epoch 0: no TLB has an entry for it. */
static RemapCacheRecord remap_cache_take_record(hwaddr page)
{
    RemapCacheRecord *record = remap_cache_record_of(page);
    RemapCacheRecord taken = { .epoch = 0 };

    qemu_spin_lock(&remap_cache_records_lock);
    if (record->epoch == remap_cache_epoch && (record->several || record->page == page)) {
        taken = *record;
        if (!record->several) {
            record->epoch = 0;
        }
    }
    qemu_spin_unlock(&remap_cache_records_lock);
    return taken;
}

static void remap_cache_flush_address(CPUState *cpu, run_on_cpu_data data)
{
    tlb_flush_page(cpu, data.target_ptr);
}

/* Not at once: who fills or uses an entry may hold a pointer to it. Before the processor's next block of code. */
void remap_cache_flush_later(CPUState *cpu, vaddr address)
{
    async_run_on_cpu(cpu, remap_cache_flush_address, RUN_ON_CPU_TARGET_PTR(address));
}

static void remap_cache_drop_everything(void)
{
    qemu_spin_lock(&remap_cache_records_lock);
    remap_cache_epoch++;
    qemu_spin_unlock(&remap_cache_records_lock);
    remap_cache_flush_tlbs();
}

void remap_cache_drop_direct(hwaddr first_page, uint64_t pages)
{
    if (pages > MOST_PAGES) {
        remap_cache_drop_everything();
        return;
    }
    for (uint64_t i = 0; i < pages; i++) {
        RemapCacheRecord record = remap_cache_take_record(first_page + i);

        if (record.several) {
            remap_cache_drop_everything();
            return;
        }
        if (record.epoch) {
            remap_cache_flush_later(record.cpu, record.address);
        }
    }
}
