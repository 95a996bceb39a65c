/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "hw/pci/pci.h"

#include "remap-dma.h"
#include "remap-memory.h"
#include "trace.h"

void remap_dma_connect(RemapDma *dma, PCIDevice *pci)
{
    AddressSpace *as = pci_device_iommu_address_space(pci);

    dma->pci = pci;
    dma->space = remap_iommu_space_of(as);
    dma->foreign = as != &address_space_memory && !dma->space;
}

static bool remap_dma_find_foreign(const RemapDma *dma, hwaddr address, size_t bytes, bool is_write,
                                   RemapStretch *found)
{
    MemTxAttrs attrs = { .requester_id = pci_requester_id(dma->pci) };
    hwaddr length = bytes;

    found->region = address_space_translate(pci_get_address_space(dma->pci), address, &found->offset, &length, is_write,
                                            attrs);
    if (length < bytes || !memory_access_is_direct(found->region, is_write, attrs)) {
        return false;
    }
    found->host = (char *)memory_region_get_ram_ptr(found->region) + found->offset;
    return true;
}

static bool remap_dma_find(const RemapDma *dma, hwaddr address, size_t bytes, bool is_write, RemapStretch *found)
{
    if (dma->foreign) {
        return remap_dma_find_foreign(dma, address, bytes, is_write, found);
    }
    /* What QEMU's address space of the function is switched by. */
    if (!qatomic_read(&dma->pci->bus_master_enable_region.enabled)) {
        return false;
    }
    if (dma->space) {
        RemapTranslation t = remap_iommu_space_translate(dma->space, address, is_write);

        if (!(is_write ? t.writable : t.readable)) {
            return false;
        }
        address = t.address;
    }
    return remap_memory_find(address, bytes, is_write, found);
}

/* One side of a transfer: memory of the device, or an address that it puts on the bus. */
typedef struct RemapDmaSide {
    void *own;
    hwaddr address;
} RemapDmaSide;

static bool remap_dma_reach(const RemapDma *dma, const RemapDmaSide *side, size_t bytes, bool is_write,
                            RemapStretch *found)
{
    if (side->own) {
        *found = (RemapStretch) { .host = side->own };
        return true;
    }
    bool allowed = remap_dma_find(dma, side->address, bytes, is_write, found);

    if (trace_event_get_state_backends(TRACE_REMAP_GPU_DMA)) {
        trace_remap_gpu_dma(pci_requester_id(dma->pci), side->address, is_write, bytes, allowed);
    }
    if (!allowed) {
        return false;
    }
    __builtin_prefetch(found->host); /* a look at the other side takes as long as a miss, and so may begin meanwhile */
    return true;
}

static RemapDmaRefusal remap_dma_move(const RemapDma *dma, const RemapDmaSide *to, const RemapDmaSide *from,
                                      size_t bytes)
{
    RemapStretch source, target;

    if (!remap_dma_reach(dma, from, bytes, false, &source)) {
        return REMAP_DMA_READ;
    }
    if (!remap_dma_reach(dma, to, bytes, true, &target)) {
        return REMAP_DMA_WRITE;
    }
    remap_memory_move(target.host, source.host, bytes);
    if (target.region) {
        remap_memory_mark_written(target.region, target.offset, bytes);
    }
    return REMAP_DMA_NONE;
}

/* Every access passes here, and only here does the IOMMU's engine learn that one begins and ends. */
static RemapDmaRefusal remap_dma_access(const RemapDma *dma, RemapDmaSide to, RemapDmaSide from, size_t bytes)
{
    RemapIommu *iommu = dma->space ? remap_iommu_space_engine(dma->space) : NULL;
    RemapIommuTicket ticket = { 0 };
    RemapDmaRefusal refusal;

    RCU_READ_LOCK_GUARD();
    smp_mb(); /* as before each DMA access of QEMU's devices: what the processor wrote before its doorbell is there */
    if (iommu) {
        ticket = remap_iommu_begin_access(iommu);
    }
    refusal = remap_dma_move(dma, &to, &from, bytes);
    if (iommu) {
        remap_iommu_end_access(iommu, ticket);
    }
    return refusal;
}

/* Without a ticket: what is found is for the processor's prefetcher alone, which minds no address. */
void remap_dma_expect(const RemapDma *dma, const uint64_t *addresses, size_t count)
{
    uint64_t physical[REMAP_IOMMU_EXPECTED];
    RemapStretch found;

    if (dma->foreign) {
        return;
    }
    if (dma->space) {
        remap_iommu_space_expect(dma->space, addresses, physical, count);
        addresses = physical;
    }
    RCU_READ_LOCK_GUARD();
    for (size_t i = 0; i < count; i++) {
        if (remap_memory_find(addresses[i], 1, false, &found)) {
            __builtin_prefetch(found.host);
        }
    }
}

bool remap_dma_read(const RemapDma *dma, hwaddr from, void *to, size_t bytes)
{
    return remap_dma_access(dma, (RemapDmaSide) { .own = to }, (RemapDmaSide) { .address = from }, bytes) ==
           REMAP_DMA_NONE;
}

bool remap_dma_write(const RemapDma *dma, hwaddr to, const void *from, size_t bytes)
{
    return remap_dma_access(dma, (RemapDmaSide) { .address = to }, (RemapDmaSide) { .own = (void *)from }, bytes) ==
           REMAP_DMA_NONE;
}

RemapDmaRefusal remap_dma_copy(const RemapDma *dma, hwaddr to, hwaddr from, size_t bytes)
{
    return remap_dma_access(dma, (RemapDmaSide) { .address = to }, (RemapDmaSide) { .address = from }, bytes);
}
