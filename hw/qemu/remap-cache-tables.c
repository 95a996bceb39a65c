/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/error-report.h"
#include "exec/target_page.h"
#include "hw/core/cpu.h"
#include "hw/pci/pci.h"

#include "remap-cache-tables.h"

/* A machine has one unit, and it stays. Set when the first function is followed. */
static RemapIommu *remap_cache_unit;

/* Of the change that is being told; the engine tells one at a time. */
static struct {
    GArray *fresh; /* pages that are watched since */
} remap_cache_change;

/* -- what the engine tells */

static void remap_cache_reachable(void *opaque, uint64_t first_page, uint64_t pages)
{
    remap_cache_map_for_dma(first_page, pages);
}

static void remap_cache_unreachable(void *opaque, uint64_t first_page, uint64_t pages)
{
    remap_cache_unmap_for_dma(first_page, pages);
}

/* Tables are kept coherent with the unit, and so they are not modelled, whoever reaches them. */
static void remap_cache_watch(void *opaque, uint64_t page)
{
    remap_cache_unmap_for_dma(page, 1);
    if (!remap_cache_change.fresh) {
        remap_cache_change.fresh = g_array_new(false, false, sizeof(page));
    }
    g_array_append_val(remap_cache_change.fresh, page);
}

static void remap_cache_incomplete(void *opaque, uint16_t source)
{
    warn_report("cache-model: the tables of %02x:%02x.%x are larger than what is followed: mistakes may go unseen",
                source >> 8, PCI_SLOT(source), PCI_FUNC(source));
}

/*
 * No processor is in a block of code, and none has an entry in its TLB that leads past the window: what has been stored
 * to fresh tables until now is seen here, and what is stored from now on is told.
 */
static void remap_cache_look_again(CPUState *cpu, run_on_cpu_data data)
{
    GArray *fresh = data.host_ptr;

    for (guint i = 0; i < fresh->len; i++) {
        remap_cache_tables_stored(g_array_index(fresh, uint64_t, i) << TARGET_PAGE_BITS, TARGET_PAGE_SIZE);
    }
    g_array_free(fresh, true);
}

static void remap_cache_settled(void *opaque)
{
    GArray *fresh = remap_cache_change.fresh;

    remap_cache_change.fresh = NULL;
    if (fresh) {
        for (guint i = 0; i < fresh->len; i++) {
            remap_cache_drop_direct(g_array_index(fresh, uint64_t, i), 1);
        }
        async_safe_run_on_cpu(current_cpu ? current_cpu : first_cpu, remap_cache_look_again,
                              RUN_ON_CPU_HOST_PTR(fresh));
    }
}

const RemapIommuReach remap_cache_tables_reach = {
    .reachable = remap_cache_reachable,
    .unreachable = remap_cache_unreachable,
    .watch = remap_cache_watch,
    .incomplete = remap_cache_incomplete,
    .settled = remap_cache_settled,
};

/* -- what it is told */

bool remap_cache_tables_watch(hwaddr page)
{
    RemapIommu *unit = qatomic_read(&remap_cache_unit);

    return unit && remap_iommu_watched(unit, page);
}

void remap_cache_tables_stored(hwaddr address, uint64_t bytes)
{
    RemapIommu *unit = qatomic_read(&remap_cache_unit);

    if (unit) {
        remap_iommu_stored(unit, address, bytes);
    }
}

/* -- who is followed */

static bool remap_cache_may_go_past(PCIDevice *pci)
{
    uint16_t command = pci_get_word(pci->config + PCI_COMMAND);
    uint16_t control = pci_is_express(pci) ? pci_get_word(pci->config + pci->exp.exp_cap + PCI_EXP_DEVCTL) : 0;

    return (command & PCI_COMMAND_MASTER) && (control & PCI_EXP_DEVCTL_NOSNOOP_EN);
}

void remap_cache_tables_drop(RemapCacheTables *tables)
{
    if (tables->iommu) {
        remap_iommu_unfollow(tables->iommu, tables->source);
        tables->iommu = NULL;
    }
}

/* Bus numbers change, and with them the source id. */
void remap_cache_tables_update(RemapCacheTables *tables, PCIDevice *pci, const RemapIommuSpace *space)
{
    bool wanted = remap_cache && space && remap_cache_may_go_past(pci);

    if (tables->iommu && (!wanted || tables->source != remap_iommu_space_source(space))) {
        remap_cache_tables_drop(tables);
    }
    if (wanted && !tables->iommu) {
        tables->iommu = remap_iommu_space_engine(space);
        tables->source = remap_iommu_space_source(space);
        qatomic_set(&remap_cache_unit, tables->iommu);
        remap_iommu_follow(tables->iommu, tables->source);
    }
}
