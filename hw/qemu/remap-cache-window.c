/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a processor's accesses to tracked pages. TCG keeps translations in a TLB of its own; when an entry for a
 * tracked page is filled, it is replaced by one that leads into a region of I/O memory, far above what a processor can
 * address physically. Each such entry takes a slot of that region, which says what the TLB knew and I/O memory does
 * not: the virtual page and its memory type. The machine's memory map never changes, however many pages are tracked.
 *
 * Accesses to devices take the same way and then go on to where they went: each empties the write-combining buffers. So do
 * those to pages with a remap-iommu's tables, where each store has to be told (remap-cache-tables.h).
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "exec/cputlb.h"
#include "exec/exec-all.h"
#include "exec/target_page.h"
#include "hw/boards.h"
#include "accel/tcg/cpu-ops.h"
#include "cpu.h"

#include "remap-cache.h"
#include "remap-cache-tables.h"
#include "remap-memory.h"

#define WINDOW_BASE (1ull << 52) /* no processor has more bits of physical address */
#define SLOTS_PER_CPU 4096
#define TYPE_WRITE_COMBINING 1 /* as PAT and MTRRs encode them */
#define TYPE_WRITE_THROUGH 4
#define TYPE_WRITE_BACK 6
#define WINDOW_PER_CPU ((hwaddr)SLOTS_PER_CPU << TARGET_PAGE_BITS)

typedef enum RemapCacheWay {
    REMAP_CACHE_MODELLED,
    REMAP_CACHE_DEVICE,
    REMAP_CACHE_TABLES,
} RemapCacheWay;

typedef struct RemapCacheSlot {
    hwaddr page;          /* physical address */
    vaddr virtual_page;   /* its address */
    RemapCacheWay way;
    uint8_t type;
} RemapCacheSlot;

/* Of one processor, and used on its thread only. */
typedef struct RemapCacheSlots {
    unsigned used;
    RemapCacheSlot slots[SLOTS_PER_CPU];
} RemapCacheSlots;

static MemoryRegion remap_cache_window;
static RemapCacheSlots **remap_cache_slots; /* by cpu_index */
static TCGCPUOps remap_cache_cpu_ops;
static const TCGCPUOps *remap_cache_original_ops;

/* -- accesses */

static const RemapCacheSlot *remap_cache_slot_at(hwaddr offset)
{
    uint64_t cpu = offset / WINDOW_PER_CPU;
    RemapCacheSlots *slots = current_cpu && current_cpu->cpu_index == cpu ? remap_cache_slots[cpu] : NULL;
    unsigned index = offset % WINDOW_PER_CPU >> TARGET_PAGE_BITS;

    return slots && index < slots->used ? &slots->slots[index] : NULL;
}

static RemapCacheAccess remap_cache_access(const RemapCacheSlot *slot, hwaddr offset, unsigned size)
{
    hwaddr in_page = offset & ~TARGET_PAGE_MASK;

    return (RemapCacheAccess) {
        .address = slot->page + in_page,
        .bytes = size,
        .cpu = current_cpu->cpu_index,
        .type = slot->type,
        .code = remap_cache_code_at(current_cpu, current_cpu->mem_io_pc),
        .virtual_address = slot->virtual_page + in_page,
    };
}

/*
 * An access to a device, which is uncached, empties the write-combining buffers first (SDM volume 3, section "Buffering
 * of Write Combining Memory Locations").
 */
static MemTxResult remap_cache_forward(const RemapCacheSlot *slot, hwaddr offset, void *bytes, unsigned size,
                                       bool is_write, MemTxAttrs attrs)
{
    AddressSpace *as = cpu_get_address_space(current_cpu, cpu_asidx_from_attrs(current_cpu, attrs));

    if (remap_cache_pending(remap_cache, current_cpu->cpu_index)) {
        remap_cache_fence(remap_cache, current_cpu->cpu_index, REMAP_CACHE_UNCACHED);
        remap_cache_update_pending(current_cpu);
    }
    return address_space_rw(as, slot->page + (offset & ~TARGET_PAGE_MASK), attrs, bytes, size, is_write);
}

static MemTxResult remap_cache_table_read(const RemapCacheSlot *slot, hwaddr offset, void *bytes, unsigned size)
{
    return remap_memory_read(slot->page + (offset & ~TARGET_PAGE_MASK), bytes, size) ? MEMTX_OK : MEMTX_DECODE_ERROR;
}

static MemTxResult remap_cache_table_write(const RemapCacheSlot *slot, hwaddr offset, const void *bytes, unsigned size)
{
    hwaddr address = slot->page + (offset & ~TARGET_PAGE_MASK);

    if (!remap_memory_write(address, bytes, size)) {
        return MEMTX_DECODE_ERROR;
    }
    remap_cache_tables_stored(address, size);
    return MEMTX_OK;
}

/* Only processors have entries that lead here: a device that puts such an address on the bus is refused. */
static MemTxResult remap_cache_window_read(void *opaque, hwaddr offset, uint64_t *data, unsigned size, MemTxAttrs attrs)
{
    const RemapCacheSlot *slot = remap_cache_slot_at(offset);
    uint8_t bytes[8] = { 0 };
    MemTxResult result = MEMTX_DECODE_ERROR;

    if (slot && slot->way == REMAP_CACHE_DEVICE) {
        result = remap_cache_forward(slot, offset, bytes, size, false, attrs);
    } else if (slot && slot->way == REMAP_CACHE_TABLES) {
        result = remap_cache_table_read(slot, offset, bytes, size);
    } else if (slot) {
        RemapCacheAccess access = remap_cache_access(slot, offset, size);

        result = remap_cache_load(remap_cache, &access, bytes) ? MEMTX_OK : MEMTX_DECODE_ERROR;
        remap_cache_update_pending(current_cpu);
    }
    *data = ldq_le_p(bytes);
    return result;
}

/*
 * A store with a non-temporal hint to cacheable memory goes through a write-combining buffer, after the line has left
 * the cache (SDM volume 1, section "Caching of Temporal vs. Non-Temporal Data").
 */
static void remap_cache_bypass(RemapCacheAccess *access)
{
    remap_cache_flush(remap_cache, access, REMAP_CACHE_CLFLUSH);
    access->type = TYPE_WRITE_COMBINING;
}

static MemTxResult remap_cache_window_write(void *opaque, hwaddr offset, uint64_t data, unsigned size, MemTxAttrs attrs)
{
    const RemapCacheSlot *slot = remap_cache_slot_at(offset);
    uint8_t bytes[8];
    MemTxResult result = MEMTX_DECODE_ERROR;

    stq_le_p(bytes, data);
    if (slot && slot->way == REMAP_CACHE_DEVICE) {
        result = remap_cache_forward(slot, offset, bytes, size, true, attrs);
    } else if (slot && slot->way == REMAP_CACHE_TABLES) {
        result = remap_cache_table_write(slot, offset, bytes, size);
    } else if (slot) {
        RemapCacheAccess access = remap_cache_access(slot, offset, size);

        if (access.type >= TYPE_WRITE_THROUGH && access.type <= TYPE_WRITE_BACK &&
            remap_cache_is_nontemporal(current_cpu, access.code)) {
            remap_cache_bypass(&access);
        }
        result = remap_cache_store(remap_cache, &access, bytes) ? MEMTX_OK : MEMTX_DECODE_ERROR;
        remap_cache_update_pending(current_cpu);
    }
    return result;
}

static const MemoryRegionOps remap_cache_window_ops = {
    .read_with_attrs = remap_cache_window_read,
    .write_with_attrs = remap_cache_window_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

/* -- filling the TLB */

/* A slot of the processor that runs. When all are taken its TLB is emptied, and with it every way to the old ones. */
static unsigned remap_cache_take_slot(CPUState *cpu, const RemapCacheSlot *content)
{
    RemapCacheSlots **slots = &remap_cache_slots[cpu->cpu_index];

    if (!*slots) {
        *slots = g_new0(RemapCacheSlots, 1);
    }
    if ((*slots)->used == SLOTS_PER_CPU) {
        tlb_flush(cpu);
        (*slots)->used = 0;
    }
    (*slots)->slots[(*slots)->used] = *content;
    return (*slots)->used++;
}

static CPUTLBEntryFull *remap_cache_entry(CPUState *cpu, vaddr address, int mmu_index)
{
    size_t mask = cpu->neg.tlb.f[mmu_index].mask >> CPU_TLB_ENTRY_BITS;

    return &cpu->neg.tlb.d[mmu_index].fulltlb[(address >> TARGET_PAGE_BITS) & mask];
}

/* Whether loads of the page are a device's to answer. The flag is in the entry that code compares addresses with. */
static bool remap_cache_is_device(CPUState *cpu, vaddr address, int mmu_index)
{
    size_t mask = cpu->neg.tlb.f[mmu_index].mask >> CPU_TLB_ENTRY_BITS;
    const CPUTLBEntry *entry = &cpu->neg.tlb.f[mmu_index].table[(address >> TARGET_PAGE_BITS) & mask];
    uint64_t load = entry->addr_idx[MMU_DATA_LOAD];

    return load != UINT64_MAX && (load & TLB_MMIO);
}

hwaddr remap_cache_page_of(CPUState *cpu, vaddr address)
{
    int mmu_index = cpu_mmu_index(cpu, false);
    CPUTLBDescFast *fast = &cpu->neg.tlb.f[mmu_index];
    size_t index = (address >> TARGET_PAGE_BITS) & (fast->mask >> CPU_TLB_ENTRY_BITS);
    MemTxAttrs attrs;

    if ((qatomic_read(&fast->table[index].addr_read) & (TARGET_PAGE_MASK | TLB_INVALID_MASK)) ==
        (address & TARGET_PAGE_MASK)) {
        hwaddr page = remap_cache_entry(cpu, address, mmu_index)->phys_addr;
        const RemapCacheSlot *slot = page >= WINDOW_BASE ? remap_cache_slot_at(page - WINDOW_BASE) : NULL;

        return slot ? slot->page : page;
    }
    return x86_cpu_get_phys_page_attrs_debug(cpu, address & TARGET_PAGE_MASK, &attrs);
}

static bool remap_cache_is_ram(hwaddr page)
{
    RemapStretch found;

    RCU_READ_LOCK_GUARD();
    return remap_memory_find(page, TARGET_PAGE_SIZE, true, &found);
}

/* The memory type of a mapping that a processor begins to use; the model looks for others of the page. */
static unsigned remap_cache_use_mapping(CPUState *cpu, const RemapCacheSlot *slot, uintptr_t host_pc)
{
    RemapCachePaging paging = remap_cache_paging(cpu);
    RemapCacheAccess access = {
        .address = slot->page,
        .cpu = cpu->cpu_index,
        .code = remap_cache_code_at(cpu, host_pc),
        .virtual_address = slot->virtual_page,
    };

    return remap_cache_mapped(remap_cache, &paging, &access);
}

static void remap_cache_redirect(CPUState *cpu, vaddr address, int mmu_index, RemapCacheWay way,
                                 uintptr_t host_pc)
{
    CPUTLBEntryFull entry = *remap_cache_entry(cpu, address, mmu_index);
    RemapCacheSlot slot = {
        .page = entry.phys_addr,
        .virtual_page = address & TARGET_PAGE_MASK,
        .way = way,
    };

    if (mmu_index >= MMU_PHYS_IDX) {
        slot.type = TYPE_WRITE_BACK;
    } else if (way == REMAP_CACHE_MODELLED) {
        slot.type = remap_cache_use_mapping(cpu, &slot, host_pc);
    }
    entry.phys_addr = WINDOW_BASE + cpu->cpu_index * WINDOW_PER_CPU +
                      ((hwaddr)remap_cache_take_slot(cpu, &slot) << TARGET_PAGE_BITS);
    tlb_set_page_full(cpu, mmu_index, slot.virtual_page, &entry);
}

/*
 * Walks of the guest's tables come here too, with physical addresses: they see the caches as loads do. Devices are left
 * to them as they are.
 */
static bool remap_cache_tlb_fill(CPUState *cpu, vaddr address, int size, MMUAccessType type, int mmu_index, bool probe,
                                 uintptr_t host_pc)
{
    CPUTLBEntryFull *entry;

    if (!remap_cache_original_ops->tlb_fill(cpu, address, size, type, mmu_index, probe, host_pc)) {
        return false;
    }
    entry = remap_cache_entry(cpu, address, mmu_index);
    if (unlikely(remap_cache_is_device(cpu, address, mmu_index)) && mmu_index < MMU_PHYS_IDX) {
        remap_cache_redirect(cpu, address, mmu_index, REMAP_CACHE_DEVICE, host_pc);
    } else if (unlikely(remap_cache_tables_watch(entry->phys_addr >> TARGET_PAGE_BITS)) &&
               remap_cache_is_ram(entry->phys_addr)) {
        remap_cache_redirect(cpu, address, mmu_index, REMAP_CACHE_TABLES, host_pc);
    } else if (unlikely(remap_cache_tracked(remap_cache, entry->phys_addr >> TARGET_PAGE_BITS)) &&
               remap_cache_is_ram(entry->phys_addr)) {
        remap_cache_redirect(cpu, address, mmu_index, REMAP_CACHE_MODELLED, host_pc);
    }
    return true;
}

/* -- exceptions and interrupts, which order everything before them */

static void remap_cache_serialize(CPUState *cpu)
{
    if (remap_cache_pending(remap_cache, cpu->cpu_index)) {
        remap_cache_fence(remap_cache, cpu->cpu_index, REMAP_CACHE_SERIALIZING);
        remap_cache_update_pending(cpu);
    }
}

static void remap_cache_do_interrupt(CPUState *cpu)
{
    remap_cache_serialize(cpu);
    remap_cache_original_ops->do_interrupt(cpu);
}

/* That the local APIC asks to be looked at is no interrupt yet, and may become none. */
static bool remap_cache_exec_interrupt(CPUState *cpu, int request)
{
    bool is_poll = x86_cpu_pending_interrupt(cpu, request) == CPU_INTERRUPT_POLL;
    bool taken = remap_cache_original_ops->cpu_exec_interrupt(cpu, request);

    if (taken && !is_poll) {
        remap_cache_serialize(cpu);
    }
    return taken;
}

/* All processors of a machine are of one class, and those that are plugged in later are too. */
void remap_cache_start_window(void)
{
    CPUClass *class = CPU_GET_CLASS(first_cpu);
    unsigned cpus = current_machine->smp.max_cpus;

    remap_memory_init();
    remap_cache_slots = g_new0(RemapCacheSlots *, cpus);
    memory_region_init_io(&remap_cache_window, NULL, &remap_cache_window_ops, NULL, "remap-cache-window",
                          cpus * WINDOW_PER_CPU);
    memory_region_add_subregion(get_system_memory(), WINDOW_BASE, &remap_cache_window);

    remap_cache_original_ops = class->tcg_ops;
    remap_cache_cpu_ops = *class->tcg_ops;
    remap_cache_cpu_ops.tlb_fill = remap_cache_tlb_fill;
    remap_cache_cpu_ops.do_interrupt = remap_cache_do_interrupt;
    remap_cache_cpu_ops.cpu_exec_interrupt = remap_cache_exec_interrupt;
    class->tcg_ops = &remap_cache_cpu_ops;
}

/* -- what is tracked */

static void remap_cache_flush_tlb(CPUState *cpu, run_on_cpu_data data)
{
    tlb_flush(cpu);
}

void remap_cache_flush_tlbs(void)
{
    CPUState *cpu;

    if (current_cpu) {
        tlb_flush_all_cpus_synced(current_cpu);
        return;
    }
    CPU_FOREACH(cpu) {
        async_run_on_cpu(cpu, remap_cache_flush_tlb, RUN_ON_CPU_NULL);
    }
}

/* What a TLB holds of the pages leads past the model. */
void remap_cache_map_for_dma(hwaddr first_page, uint64_t pages)
{
    remap_cache_track(remap_cache, first_page, pages);
    remap_cache_flush_tlbs();
}

/* A TLB may go on leading through the window, where nothing is modelled for them any more. */
void remap_cache_unmap_for_dma(hwaddr first_page, uint64_t pages)
{
    remap_cache_untrack(remap_cache, first_page, pages);
}
