/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What software enables the GPU to do, in its configuration space: Device Control's Enable No Snoop, and ATS, PRI and
 * PASID, three extended capabilities of PCI Express, as far as its options ask for them.
 */
#ifndef REMAP_GPU_SERVICES_H
#define REMAP_GPU_SERVICES_H

#include "hw/pci/pci_device.h"
#include "remap_gpu.h"

typedef struct RemapGpuServiceCaps {
    /* Options. */
    bool ats;
    bool pri;
    bool pasid;

    /* Where they are; 0: not there. */
    uint16_t ats_at;
    uint16_t pri_at;
    uint16_t pasid_at;
} RemapGpuServiceCaps;

/* Once, and after the PCI Express capability. */
void remap_gpu_services_add(RemapGpuServiceCaps *caps, PCIDevice *pci);

/* As after a reset of the function: everything off but No Snoop. */
void remap_gpu_services_reset(const RemapGpuServiceCaps *caps, PCIDevice *pci);

/* Tells the model what the configuration space says. */
void remap_gpu_services_apply(const RemapGpuServiceCaps *caps, PCIDevice *pci, RemapGpu *model);

/* After a write of `bytes` to configuration space: what it sets off. In a value that was read: what the model says. */
void remap_gpu_services_written(const RemapGpuServiceCaps *caps, PCIDevice *pci, RemapGpu *model, uint32_t address,
                                uint32_t value, unsigned bytes);
uint32_t remap_gpu_services_read(const RemapGpuServiceCaps *caps, PCIDevice *pci, RemapGpu *model, uint32_t address,
                                 uint32_t value, unsigned bytes);

#endif
