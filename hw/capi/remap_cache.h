/* SPDX-License-Identifier: MIT */
/*
 * The model of the processors' caches (hw/cache) for C.
 *
 * Functions may be called on any thread unless they say otherwise. Addresses and sizes are bytes, pages are numbers of
 * pages of 4 KiB.
 */
#ifndef REMAP_CACHE_H
#define REMAP_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RemapCache RemapCache;

typedef enum RemapCacheMode { REMAP_CACHE_REPORT = 1, REMAP_CACHE_STRICT = 2 } RemapCacheMode;

/* What a finding says, as hw/cache/finding.h; of instructions that have no part in it the code address is 0. */
typedef struct RemapCacheFinding {
    unsigned kind;
    uint64_t first;
    uint64_t bytes;
    uint64_t store_code, store_address;
    uint64_t load_code, load_address;
    uint64_t flush_code;
    uint64_t other_code, other_address;
    uint64_t dma_address;
    uint16_t dma_source;
    uint64_t count;
} RemapCacheFinding;

/*
 * What the model needs. Memory accesses are of at most 64 bytes, and return false where no memory is installed; they and
 * `found` are made with the model's lock held, so they must not call the model. `text` describes the finding to people,
 * in several lines.
 */
typedef struct RemapCacheOps {
    bool (*read)(void *opaque, uint64_t from, void *to, size_t bytes);
    bool (*write)(void *opaque, uint64_t to, const void *from, size_t bytes);
    void (*found)(void *opaque, const char *text);
} RemapCacheOps;

/* Null when there is no memory. `ops` must outlive the model. */
RemapCache *remap_cache_new(RemapCacheMode mode, const RemapCacheOps *ops, void *opaque);
void remap_cache_free(RemapCache *cache);

/* Pages that are modelled, because a device may access them past the caches. */
void remap_cache_track(RemapCache *cache, uint64_t first_page, uint64_t pages);
void remap_cache_untrack(RemapCache *cache, uint64_t first_page, uint64_t pages);
bool remap_cache_tracked(const RemapCache *cache, uint64_t page);

/* Everything goes to memory and nothing is pending any more: a reset of the machine. */
void remap_cache_settle(RemapCache *cache);

/* An access of a processor: the memory type is as PAT and MTRRs encode it (0 to 7). */
typedef struct RemapCacheAccess {
    uint64_t address; /* physical */
    size_t bytes;
    unsigned cpu;
    unsigned type;
    bool non_temporal;        /* of a store, the hint */
    uint64_t code;            /* virtual address of the instruction */
    uint64_t virtual_address; /* of the data */
} RemapCacheAccess;

/* False: some of it is not memory, and nothing was done. */
bool remap_cache_load(RemapCache *cache, const RemapCacheAccess *access, void *to);
bool remap_cache_store(RemapCache *cache, const RemapCacheAccess *access, const void *from);

typedef enum RemapCacheFlush { REMAP_CACHE_CLFLUSH, REMAP_CACHE_CLFLUSHOPT, REMAP_CACHE_CLWB } RemapCacheFlush;
void remap_cache_flush(RemapCache *cache, const RemapCacheAccess *access, RemapCacheFlush how);
void remap_cache_flush_all(RemapCache *cache, unsigned cpu, bool write_back);

typedef enum RemapCacheFence {
    REMAP_CACHE_STORE_FENCE, /* SFENCE */
    REMAP_CACHE_FULL_FENCE,  /* MFENCE, locked instructions */
    REMAP_CACHE_SERIALIZING, /* CPUID, IRET, an interrupt, ... */
    REMAP_CACHE_UNCACHED     /* an access to a device's registers or ports */
} RemapCacheFence;
void remap_cache_fence(RemapCache *cache, unsigned cpu, RemapCacheFence kind);

/* Whether a fence of this processor has anything to do. */
bool remap_cache_pending(const RemapCache *cache, unsigned cpu);

/* An access of a device. False: some of it is not memory, and nothing was done. */
typedef struct RemapCacheDma {
    uint64_t address;     /* physical */
    uint64_t bus_address; /* as the device put it on the bus */
    size_t bytes;
    uint16_t source; /* bus, device and function */
    bool snoop;
} RemapCacheDma;
bool remap_cache_dma_read(RemapCache *cache, const RemapCacheDma *dma, void *to);
bool remap_cache_dma_write(RemapCache *cache, const RemapCacheDma *dma, const void *from);

/* An aligned word of 8 bytes goes from *expected to `desired` in one step, or *expected becomes what it is. */
bool remap_cache_dma_exchange(RemapCache *cache, const RemapCacheDma *dma, uint64_t *expected, uint64_t desired);

/* How a processor translates and what types its accesses have. */
#define REMAP_CACHE_FIXED_MTRRS 11
#define REMAP_CACHE_VARIABLE_MTRRS 8
typedef struct RemapCachePaging {
    uint64_t cr0, cr3, cr4, efer, pat;
    bool huge_leaves; /* of 1 GiB */
    uint64_t mtrr_capabilities;
    uint64_t mtrr_default;
    uint64_t mtrr_fixed[REMAP_CACHE_FIXED_MTRRS];   /* in the order of their addresses */
    struct {
        uint64_t base, mask;
    } mtrr_variable[REMAP_CACHE_VARIABLE_MTRRS];
    unsigned address_width; /* bits of physical address */
} RemapCachePaging;

/*
 * A processor's emulated TLB is filled with a mapping of a page that is tracked, by the instruction at `code`. Returns the
 * effective memory type. A page that has another mapping of another type is a finding.
 */
unsigned remap_cache_mapped(RemapCache *cache, const RemapCachePaging *paging, const RemapCacheAccess *access);

/*
 * Who maps a page, by the tables of a processor: text for people, a line for each mapping; the caller frees it with
 * free(). Null when there is no memory.
 */
char *remap_cache_mappings_text(RemapCache *cache, const RemapCachePaging *paging, uint64_t page);

typedef struct RemapCacheCounters {
    uint64_t tracked_pages, lines;
    uint64_t loads, stores, flushes, fences;
    uint64_t dma_reads, dma_writes;
    uint64_t findings, repeats, untold, given_up;
} RemapCacheCounters;
void remap_cache_counters(const RemapCache *cache, RemapCacheCounters *counters);

/* The findings so far, in the order in which they were found. False: there are no more. */
bool remap_cache_finding(const RemapCache *cache, uint64_t index, RemapCacheFinding *finding);

/* The same as text, for people; the caller frees it with free(). Null: there are no more. */
char *remap_cache_finding_text(const RemapCache *cache, uint64_t index);

/*
 * The registers by which a guest reads findings and names what it maps (hw/spec/cache_registers.h). What a write asks of
 * the machine is its answer: then the run is in `registers`.
 */
typedef struct RemapCacheRegisters {
    uint64_t selected;
    uint64_t run_first;
    uint64_t run_pages;
} RemapCacheRegisters;

typedef enum RemapCacheWish { REMAP_CACHE_NOTHING, REMAP_CACHE_MAP_RUN, REMAP_CACHE_UNMAP_RUN } RemapCacheWish;

uint64_t remap_cache_register_base(void);
uint64_t remap_cache_register_bytes(void);
uint64_t remap_cache_register_read(const RemapCache *cache, const RemapCacheRegisters *registers, uint64_t offset);
RemapCacheWish remap_cache_register_write(RemapCacheRegisters *registers, uint64_t offset, uint64_t value);

#ifdef __cplusplus
}
#endif

#endif
