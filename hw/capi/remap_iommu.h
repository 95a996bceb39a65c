/* SPDX-License-Identifier: MIT */
/*
 * The IOMMU engine for C. See iommu/engine/iommu.h for what each call does; addresses and sizes are in bytes.
 */
#ifndef REMAP_IOMMU_H
#define REMAP_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RemapIommu RemapIommu;

/* The causes of the unit's own interrupts; each keeps one message pending at a time. */
enum { REMAP_IOMMU_FAULT_EVENT, REMAP_IOMMU_INVALIDATION_COMPLETION, REMAP_IOMMU_INTERRUPTS };

typedef struct RemapIommuOps {
    /* System memory. Only RAM answers; false for anything else. The engine's lock is held. */
    bool (*read)(void *opaque, uint64_t from, void *to, size_t bytes);
    bool (*write)(void *opaque, uint64_t to, const void *from, size_t bytes);
    /*
     * An aligned 8-byte word of RAM: takes it from *expected to `desired` in one step, or sets *expected to what it is.
     * False when no RAM that can be written answers.
     */
    bool (*exchange)(void *opaque, uint64_t at, uint64_t *expected, uint64_t desired);
    /* An interrupt message of the unit, on any thread, no lock held. */
    void (*interrupt)(void *opaque, unsigned cause, uint64_t address, uint32_t data);
} RemapIommuOps;

typedef struct RemapIommuOptions {
    unsigned address_width; /* 39, 48 or 57 */
    bool huge_pages;
} RemapIommuOptions;

typedef struct RemapTranslation {
    bool readable;        /* both false: the access was refused, and a fault recorded */
    bool writable;
    uint64_t address;     /* of the very byte asked for */
    uint64_t granule;     /* a power of two: that much around the address translates alike */
} RemapTranslation;

/* Null when an option is out of range. `ops` must outlive the object. */
RemapIommu *remap_iommu_new(const RemapIommuOptions *options, const RemapIommuOps *ops, void *opaque);
void remap_iommu_free(RemapIommu *iommu);
void remap_iommu_reset(RemapIommu *iommu);

uint64_t remap_iommu_window_size(void);
uint64_t remap_iommu_read(RemapIommu *iommu, uint64_t offset, unsigned bytes);
void remap_iommu_write(RemapIommu *iommu, uint64_t offset, uint64_t value, unsigned bytes);

RemapTranslation remap_iommu_translate(RemapIommu *iommu, uint16_t source, uint64_t address, bool write);
/* The same without a trace: nothing recorded, nothing cached. */
RemapTranslation remap_iommu_probe(RemapIommu *iommu, uint16_t source, uint64_t address, bool write);

/*
 * Writes the complete ACPI DMAR table that announces the unit at `base`, and returns its length; 0 when `size` is too
 * small.
 */
size_t remap_iommu_dmar(uint64_t base, void *to, size_t size);

#ifdef __cplusplus
}
#endif

#endif
