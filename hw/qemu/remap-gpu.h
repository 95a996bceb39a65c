/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of the remap-gpu device.
 */
#ifndef REMAP_GPU_DEVICE_H
#define REMAP_GPU_DEVICE_H

#include "hw/pci/pci_device.h"
#include "qemu/notify.h"
#include "system/runstate.h"
#include "ui/console.h"

#include "remap-cache-tables.h"
#include "remap-dma.h"
#include "remap-gpu-services.h"
#include "remap-iommu.h"
#include "remap-soon.h"
#include "remap-state.h"
#include "remap-worker.h"
#include "remap_gpu.h"

#define TYPE_REMAP_GPU "remap-gpu"
OBJECT_DECLARE_SIMPLE_TYPE(RemapGpuDevice, REMAP_GPU)

struct RemapGpuDevice {
    PCIDevice pci;

    uint64_t vram_size;
    uint8_t address_bits;
    RemapGpuServiceCaps services;

    RemapGpu *model;
    RemapState state;
    RemapWorker worker;
    VMChangeStateEntry *state_handler;
    bool machine_runs;
    MemoryRegion registers;
    MemoryRegion vram;

    QemuConsole *console;
    RemapGpuScanout shown;

    RemapDma dma;
    RemapIommuClient client;
    RemapCacheTables tables;
    Notifier machine_done;

    /* Vectors raised by the engine thread; MSI-X state belongs to the BQL, so the main loop sends them. */
    RemapSoon send_interrupts;
    uint32_t raised;
};

/*
 * remap-gpu-bus.c: what the model asks of the machine, and what an IOMMU tells it.
 */
extern const RemapGpuOps remap_gpu_ops;

/* Whether the device can work behind what is in front of it; that is known when the machine is complete. */
bool remap_gpu_check_place(RemapGpuDevice *s, Error **errp);

/* While the engine rests. Connected to whatever IOMMU is in front now; and known to it no more. */
void remap_gpu_connect(RemapGpuDevice *s);
void remap_gpu_disconnect(RemapGpuDevice *s);

#endif
