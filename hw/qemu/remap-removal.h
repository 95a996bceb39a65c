/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that are pulled out without a word to anybody, as a rule of the laboratory asks for. Such a function is held in
 * reset: it does no DMA and sends no interrupt, and its configuration space and the memory where it was read as ones, as
 * an empty slot's do. A reset of the machine puts it back.
 *
 * Any endpoint can be pulled, ours or QEMU's. Of a slot that can tell (a root or downstream port with hot-plug) software
 * learns by its status and its interrupt; elsewhere by what it reads.
 */
#ifndef REMAP_REMOVAL_H
#define REMAP_REMOVAL_H

#include "hw/pci/pci_device.h"
#include "migration/vmstate.h"

#define REMAP_REMOVAL_MOST 64

typedef struct RemapPulled {
    PCIDevice *pci; /* referenced; NULL: not found yet, in a machine that was loaded */
    uint16_t source;
    uint64_t bars[PCI_NUM_REGIONS]; /* where memory was, and nobody answers now; PCI_BAR_UNMAPPED */
    MemoryRegion *nothing;          /* for each; made once, and kept for the next one */
    PCIConfigReadFunc *config_read;
    PCIConfigWriteFunc *config_write;
} RemapPulled;

typedef struct RemapRemoval {
    Object *owner;
    RemapPulled pulled[REMAP_REMOVAL_MOST];
    uint32_t count;
} RemapRemoval;

void remap_removal_init(RemapRemoval *removal, Object *owner);

/* All with the BQL. False: there is no such endpoint, or it is gone already. */
bool remap_removal_pull(RemapRemoval *removal, PCIBus *root, uint16_t source);

bool remap_removal_is_pulled(const PCIDevice *pci);

/* Those that are pulled, one after the other from 0; false: there is no such number. */
bool remap_removal_pulled(const RemapRemoval *removal, unsigned number, uint16_t *source);

/* In a machine that was loaded, before it runs: what was pulled is. */
void remap_removal_resume(RemapRemoval *removal, PCIBus *root);

/* In the machine's reset, which resets the devices themselves. */
void remap_removal_put_back(RemapRemoval *removal);

extern const VMStateDescription remap_removal_vmstate;

#endif
