/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes on inside the engine, as trace events. Others are where the device itself sees what happens.
 */
#include "qemu/osdep.h"

#include "remap-iommu.h"
#include "trace.h"

static void remap_iommu_walked(void *opaque, uint16_t source, uint64_t address, bool is_write, uint64_t entry_at,
                               uint64_t entry)
{
    trace_remap_iommu_walk(source, address, is_write, entry_at, entry);
}

static void remap_iommu_faulted(void *opaque, const RemapIommuFault *fault)
{
    trace_remap_iommu_fault(fault->source, fault->address, fault->is_write, fault->pasid, fault->reason, fault->why,
                            fault->fate);
}

static void remap_iommu_interrupt_faulted(void *opaque, uint16_t source, uint16_t index, unsigned reason,
                                          const char *why, const char *fate)
{
    trace_remap_iommu_interrupt_fault(source, index, reason, why, fate);
}

static void remap_iommu_invalidated(void *opaque, const RemapIommuInvalidation *done)
{
    trace_remap_iommu_invalidate(done->what, done->scope, done->domain, done->source, done->pasid, done->first,
                                 done->count, done->leaves_only);
}

static void remap_iommu_wait_done(void *opaque, bool writes, uint64_t address, uint32_t data, bool interrupts)
{
    trace_remap_iommu_wait_done(writes, address, data, interrupts);
}

static void remap_iommu_queue_stopped(void *opaque, unsigned error, uint64_t head)
{
    trace_remap_iommu_queue_stopped(error, head);
}

static void remap_iommu_stale_use(void *opaque, const char *what)
{
    trace_remap_iommu_stale_use(what);
}

const RemapIommuWatch remap_iommu_watch = {
    .walked = remap_iommu_walked,
    .faulted = remap_iommu_faulted,
    .interrupt_faulted = remap_iommu_interrupt_faulted,
    .invalidated = remap_iommu_invalidated,
    .wait_done = remap_iommu_wait_done,
    .queue_stopped = remap_iommu_queue_stopped,
    .stale_use = remap_iommu_stale_use,
};
