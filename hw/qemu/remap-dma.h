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
    RemapLab *lab;          /* of that; NULL: none */

    /*
     * Behind another IOMMU. QEMU's own send their fault interrupt on the thread that made the access, and assert that it
     * holds the BQL: then accesses must be made with it.
     */
    bool foreign;
} RemapDma;

/* Looks at what is in front of the function. While no access is under way; known when all devices are there. */
void remap_dma_connect(RemapDma *dma, PCIDevice *pci);

/* What the function puts on the bus; without `snoop` the request says No Snoop. */
typedef struct RemapDmaAddress {
    hwaddr address;
    bool snoop;
} RemapDmaAddress;

typedef enum RemapDmaRefusal { REMAP_DMA_NONE, REMAP_DMA_READ, REMAP_DMA_WRITE } RemapDmaRefusal;

/*
 * On any thread, but see `foreign`; no access crosses a page. With bus mastering off everything is refused, and so are
 * the registers of a peer: peer to peer is not modelled.
 */
bool remap_dma_read(const RemapDma *dma, RemapDmaAddress from, void *to, size_t bytes);
bool remap_dma_write(const RemapDma *dma, RemapDmaAddress to, const void *from, size_t bytes);

/* Accesses to come, at most REMAP_IOMMU_EXPECTED: what the processor would have to wait for is begun. */
void remap_dma_expect(const RemapDma *dma, const uint64_t *addresses, size_t count);

/* From memory to memory, without a stop in between. Says which side was refused; the source is looked at first. */
RemapDmaRefusal remap_dma_copy(const RemapDma *dma, RemapDmaAddress to, RemapDmaAddress from, size_t bytes);

/*
 * Of a function with PASIDs and a translation cache of its own. `context` says in whose name it accesses; without one
 * the address is a translation that it was given. Only a remap-iommu knows such accesses: elsewhere they are refused.
 */
bool remap_dma_read_in(const RemapDma *dma, const RemapContext *context, RemapDmaAddress from, void *to, size_t bytes);
bool remap_dma_write_in(const RemapDma *dma, const RemapContext *context, RemapDmaAddress to, const void *from,
                        size_t bytes);

/* Asks for a translation to keep. Refused where nobody gives any. */
RemapCompletion remap_dma_ask(const RemapDma *dma, const RemapContext *context, hwaddr address, bool is_write);

/* Asks for a page; false: there is nobody to ask. Answers come to the function's RemapIommuClient. */
bool remap_dma_request_page(const RemapDma *dma, const RemapContext *context, hwaddr address, bool is_write,
                            uint16_t group);

/* The answer to an invalidation. */
void remap_dma_invalidated(const RemapDma *dma, uint64_t tag);

#endif
