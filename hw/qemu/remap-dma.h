/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DMA of a PCI function that works on a thread of its own: through whatever IOMMU is in front of it, to RAM.
 *
 * The engine of a remap-iommu is asked without the detour through QEMU's address spaces, and knows of each access from
 * before its translation until after its data, so that an invalidation can wait for it. No lock is held over the data.
 */
#ifndef REMAP_DMA_H
#define REMAP_DMA_H

#include "hw/pci/pci_device.h"
#include "remap-iommu.h"

typedef struct RemapDma {
    PCIDevice *pci;
    RemapIommuSpace *space; /* behind a remap-iommu */

    /*
     * Behind another IOMMU. QEMU's own send their fault interrupt on the thread that made the access, and assert that it
     * holds the BQL: then accesses must be made with it.
     */
    bool foreign;
} RemapDma;

/* Looks at what is in front of the function. While no access is under way; known when all devices are there. */
void remap_dma_connect(RemapDma *dma, PCIDevice *pci);

typedef enum RemapDmaRefusal { REMAP_DMA_NONE, REMAP_DMA_READ, REMAP_DMA_WRITE } RemapDmaRefusal;

/*
 * On any thread, but see `foreign`; no access crosses a page. With bus mastering off everything is refused, and so are
 * the registers of a peer: peer to peer is not modelled.
 */
bool remap_dma_read(const RemapDma *dma, hwaddr from, void *to, size_t bytes);
bool remap_dma_write(const RemapDma *dma, hwaddr to, const void *from, size_t bytes);

/* Accesses to come, at most REMAP_IOMMU_EXPECTED: what the processor would have to wait for is begun. */
void remap_dma_expect(const RemapDma *dma, const uint64_t *addresses, size_t count);

/* From memory to memory, without a stop in between. Says which side was refused; the source is looked at first. */
RemapDmaRefusal remap_dma_copy(const RemapDma *dma, hwaddr to, hwaddr from, size_t bytes);

#endif
