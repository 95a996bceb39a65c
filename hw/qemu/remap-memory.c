/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "exec/exec-all.h"
#include "exec/ram_addr.h"
#include "remap-memory.h"

/* Where the machine has RAM, by ascending addresses that do not overlap. Replaced as a whole whenever that changes. */
typedef struct RemapRam {
    hwaddr first;
    hwaddr last;
    char *host;
    MemoryRegion *region; /* referenced */
    hwaddr offset;
    bool writable;
} RemapRam;

typedef struct RemapRamMap {
    struct rcu_head rcu;
    unsigned count;
    RemapRam ranges[];
} RemapRamMap;

static RemapRamMap *remap_ram_map;
static GArray *remap_ram_next; /* between the begin and the commit of a change */

static void remap_ram_begin(MemoryListener *listener)
{
    g_array_set_size(remap_ram_next, 0);
}

/* Called for each range that will be there, in ascending order. */
static void remap_ram_add(MemoryListener *listener, MemoryRegionSection *section)
{
    MemoryRegion *region = section->mr;
    hwaddr first = section->offset_within_address_space;
    hwaddr offset = section->offset_within_region;
    RemapRam range;

    if (!memory_region_supports_direct_access(region)) {
        return;
    }
    range = (RemapRam) {
        .first = first,
        .last = first + (int128_get64(section->size) - 1),
        .host = (char *)memory_region_get_ram_ptr(region) + offset,
        .region = region,
        .offset = offset,
        .writable = memory_access_is_direct(region, true, MEMTXATTRS_UNSPECIFIED),
    };
    memory_region_ref(region);
    g_array_append_val(remap_ram_next, range);
}

static void remap_ram_map_free(RemapRamMap *map)
{
    for (unsigned i = 0; i < map->count; i++) {
        memory_region_unref(map->ranges[i].region);
    }
    g_free(map);
}

/* Who looks at the old map meanwhile does so in an RCU critical section, in which QEMU keeps the old memory too. */
static void remap_ram_commit(MemoryListener *listener)
{
    unsigned count = remap_ram_next->len;
    RemapRamMap *old = remap_ram_map;
    RemapRamMap *map = g_malloc(sizeof(*map) + count * sizeof(map->ranges[0]));

    map->count = count;
    memcpy(map->ranges, remap_ram_next->data, count * sizeof(map->ranges[0]));
    qatomic_rcu_set(&remap_ram_map, map);
    if (old) {
        call_rcu(old, remap_ram_map_free, rcu);
    }
}

static MemoryListener remap_ram_listener = {
    .name = "remaplab",
    .begin = remap_ram_begin,
    .region_add = remap_ram_add,
    .region_nop = remap_ram_add,
    .commit = remap_ram_commit,
};

void remap_memory_init(void)
{
    if (!remap_ram_next) {
        remap_ram_next = g_array_new(false, false, sizeof(RemapRam));
        memory_listener_register(&remap_ram_listener, &address_space_memory);
    }
}

/* The range that contains the address, if one does. */
static const RemapRam *remap_ram_at(const RemapRamMap *map, hwaddr address)
{
    unsigned low = 0, high = map->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        const RemapRam *range = &map->ranges[middle];

        if (address < range->first) {
            high = middle;
        } else if (address > range->last) {
            low = middle + 1;
        } else {
            return range;
        }
    }
    return NULL;
}

bool remap_memory_find(hwaddr address, size_t bytes, bool is_write, RemapStretch *found)
{
    const RemapRam *range = remap_ram_at(qatomic_rcu_read(&remap_ram_map), address);

    if (!range || bytes - 1 > range->last - address || (is_write && !range->writable)) {
        return false;
    }
    *found = (RemapStretch) {
        .host = range->host + (address - range->first),
        .region = range->region,
        .offset = range->offset + (address - range->first),
        .address = address,
    };
    return true;
}

bool remap_memory_address(const MemoryRegion *region, hwaddr offset, hwaddr *address)
{
    const RemapRamMap *map = qatomic_rcu_read(&remap_ram_map);

    for (unsigned i = 0; i < map->count; i++) {
        const RemapRam *range = &map->ranges[i];

        hwaddr within = offset - range->offset;

        if (range->region == region && offset >= range->offset && within <= range->last - range->first) {
            *address = range->first + within;
            return true;
        }
    }
    return false;
}

void remap_memory_move(void *to, const void *from, size_t bytes)
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

bool remap_memory_read(hwaddr from, void *to, size_t bytes)
{
    RemapStretch ram;

    RCU_READ_LOCK_GUARD();
    smp_mb(); /* as before each DMA access of QEMU's devices: what the processor wrote before its doorbell is there */
    if (!remap_memory_find(from, bytes, false, &ram)) {
        return false;
    }
    remap_memory_move(to, ram.host, bytes);
    return true;
}

bool remap_memory_write(hwaddr to, const void *from, size_t bytes)
{
    RemapStretch ram;

    RCU_READ_LOCK_GUARD();
    smp_mb();
    if (!remap_memory_find(to, bytes, true, &ram)) {
        return false;
    }
    remap_memory_move(ram.host, from, bytes);
    remap_memory_mark_written(ram.region, ram.offset, bytes);
    return true;
}

bool remap_memory_exchange(hwaddr at, uint64_t *expected, uint64_t desired)
{
    RemapStretch ram;

    RCU_READ_LOCK_GUARD();
    if (!QEMU_IS_ALIGNED(at, sizeof(desired)) || !remap_memory_find(at, sizeof(desired), true, &ram)) {
        return false;
    }
    *expected = qatomic_cmpxchg((uint64_t *)ram.host, *expected, desired);
    remap_memory_mark_written(ram.region, ram.offset, sizeof(desired));
    return true;
}
