/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/rcu.h"
#include "exec/exec-all.h"
#include "exec/ram_addr.h"
#include "remap-memory.h"

/* An aligned word moves whole: fences and table entries are read while others write them. */
static void remap_memory_move(void *to, const void *from, size_t bytes)
{
    if (bytes == sizeof(uint64_t) && QEMU_PTR_IS_ALIGNED(to, bytes) && QEMU_PTR_IS_ALIGNED(from, bytes)) {
        qatomic_set((uint64_t *)to, qatomic_read((const uint64_t *)from));
    } else {
        memmove(to, from, bytes);
    }
}

void remap_memory_mark_written(MemoryRegion *region, hwaddr offset, hwaddr bytes)
{
    ram_addr_t first = memory_region_get_ram_addr(region) + offset;
    uint8_t clients = memory_region_get_dirty_log_mask(region);

    /*
     * A page that is dirty already is not marked again. A migration clears the mark and then reads the page; if the
     * mark is still seen here, it must find these bytes, so they come before the look at the mark.
     */
    if (clients & (1 << DIRTY_MEMORY_MIGRATION)) {
        smp_mb();
    }
    if (clients) {
        clients = cpu_physical_memory_range_includes_clean(first, bytes, clients);
    }
    if (clients & (1 << DIRTY_MEMORY_CODE)) {
        tb_invalidate_phys_range(first, first + bytes - 1);
        clients &= ~(1 << DIRTY_MEMORY_CODE);
    }
    cpu_physical_memory_set_dirty_range(first, bytes, clients);
}

static bool remap_memory_access(AddressSpace *as, hwaddr address, void *data, size_t bytes, bool is_write,
                                MemTxAttrs attrs)
{
    RCU_READ_LOCK_GUARD();
    smp_mb(); /* as before each DMA access of QEMU's devices: what the processor wrote before its doorbell is there */
    for (size_t done = 0; done < bytes;) {
        hwaddr offset, length = bytes - done;
        MemoryRegion *region = address_space_translate(as, address + done, &offset, &length, is_write, attrs);
        char *here = (char *)data + done;
        void *ram;

        if (!memory_access_is_direct(region, is_write, attrs)) {
            return false;
        }
        ram = qemu_map_ram_ptr(region->ram_block, offset);
        if (is_write) {
            remap_memory_move(ram, here, length);
            remap_memory_mark_written(region, offset, length);
        } else {
            remap_memory_move(here, ram, length);
        }
        done += length;
    }
    return true;
}

bool remap_memory_read(AddressSpace *as, hwaddr from, void *to, size_t bytes, MemTxAttrs attrs)
{
    return remap_memory_access(as, from, to, bytes, false, attrs);
}

bool remap_memory_write(AddressSpace *as, hwaddr to, const void *from, size_t bytes, MemTxAttrs attrs)
{
    return remap_memory_access(as, to, (void *)from, bytes, true, attrs);
}

bool remap_memory_exchange(AddressSpace *as, hwaddr at, uint64_t *expected, uint64_t desired)
{
    hwaddr offset, length = sizeof(desired);
    MemoryRegion *region;

    if (!QEMU_IS_ALIGNED(at, sizeof(desired))) {
        return false;
    }
    RCU_READ_LOCK_GUARD();
    region = address_space_translate(as, at, &offset, &length, true, MEMTXATTRS_UNSPECIFIED);
    if (length < sizeof(desired) || !memory_access_is_direct(region, true, MEMTXATTRS_UNSPECIFIED)) {
        return false;
    }
    *expected = qatomic_cmpxchg((uint64_t *)qemu_map_ram_ptr(region->ram_block, offset), *expected, desired);
    remap_memory_mark_written(region, offset, length);
    return true;
}
