/* SPDX-License-Identifier: MIT */
/*
 * The laboratory for C: fault rules, the trace, the segment that tools attach to. See iommu/lab/laboratory.h for what each
 * call does. Of addresses and sizes the unit is bytes, of times nanoseconds. No function throws.
 */
#ifndef REMAP_LAB_H
#define REMAP_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RemapLab RemapLab;
typedef struct RemapGpuPacket RemapGpuPacket; /* remap_gpu.h */

typedef struct RemapLabOptions {
    const char *name;     /* of the machine, for tools */
    const char *file;     /* the segment lies there and outlives the machine; null: in shared memory */
    const char *rules;    /* a file of rules, or their text, which begins with a brace; null: none */
    const uint64_t *seed; /* in place of that of the rules; null: theirs */
    bool trace;
    uint64_t trace_size;  /* of each lane: a power of two, at least 64 KiB; 0: 4 MiB */
    bool machine_time;    /* events of the trace bear the machine's time, else that of the host's cheapest clock */
} RemapLabOptions;

/* What the laboratory needs from its machine (iommu/lab/machine_port.h). */
typedef struct RemapLabOps {
    uint64_t (*now)(void *opaque);
    void (*wait)(void *opaque, uint64_t nanoseconds);
    void (*call_later)(void *opaque, uint64_t nanoseconds);
    bool (*raise)(void *opaque, uint16_t source, uint32_t vector);
    bool (*remove)(void *opaque, uint16_t source);
    /* Around each look of a thread of our own at the machine's tables: it is let into the machine's memory, and out. */
    void (*enter)(void *opaque);
    void (*leave)(void *opaque);
} RemapLabOps;

/*
 * Null when it cannot be made; then `why`, of `room` bytes, is the reason as a sentence. The options are read meanwhile,
 * `ops` must outlive the object. The unit of remap_iommu_new that gets it is freed before it.
 */
RemapLab *remap_lab_new(const RemapLabOptions *options, const RemapLabOps *ops, void *opaque, char *why, size_t room);
void remap_lab_free(RemapLab *lab);

/* The name that tools attach by. */
const char *remap_lab_name(const RemapLab *lab);

/* Any thread: everything below. */

/* What is to be done to an access. */
typedef struct RemapLabDma {
    bool refuse;
    bool flip;    /* `bit` of the data, from the first byte's lowest, modulo its size */
    uint8_t deed; /* this and the last two are the laboratory's own */
    uint32_t bit;
    uint32_t rule;
    uint64_t acted;
} RemapLabDma;

/* A piece of DMA, of one device; and what came of it, once it is over. */
typedef struct RemapLabAccess {
    uint16_t source;
    bool is_write;
    bool no_snoop;
    bool translated; /* the address is a translation that the device was given */
    bool with_pasid;
    uint32_t pasid;
    uint64_t address;
    uint64_t bytes;

    const RemapLabDma *order; /* NULL: none was asked for */
    bool untold;              /* its translation is (RemapTranslation) */
    bool refused;
    uint64_t physical;        /* where it went, unless it was refused */
} RemapLabAccess;

/* What there is to do about accesses: to count them, to tell of them as well, to ask before them as well. */
typedef enum RemapLabInterest { REMAP_LAB_COUNTS, REMAP_LAB_LISTENS, REMAP_LAB_RULES } RemapLabInterest;
RemapLabInterest remap_lab_interest_in_dma(const RemapLab *lab);

/* In place of remap_lab_dma_done, while all there is to do is to count what was made. `untold`: translations. */
void remap_lab_count_dma(RemapLab *lab, uint16_t source, uint64_t read_bytes, uint64_t written_bytes, unsigned untold);

/* To ask before an access, which may wait. */
RemapLabDma remap_lab_dma(RemapLab *lab, const RemapLabAccess *access);

/* After it: the two sides of a copy, either of which may be NULL. */
void remap_lab_dma_done(RemapLab *lab, const RemapLabAccess *from, const RemapLabAccess *to);

/* The same of a copy that was made, with untranslated addresses and no PASID, and that nobody asked about. */
typedef struct RemapLabCopy {
    uint16_t source;
    bool from_no_snoop;
    bool to_no_snoop;
    uint32_t bytes; /* less than 2^24 */
    uint32_t untold; /* translations */
    uint64_t from;
    uint64_t from_physical;
    uint64_t to;
    uint64_t to_physical;
} RemapLabCopy;
void remap_lab_copied(RemapLab *lab, const RemapLabCopy *copy);
void remap_lab_flip_bit(void *data, size_t bytes, uint32_t bit);

/* The engine of a GPU, by its source id, has fetched the packet of a ring entry; true: it hangs at it. It has halted. */
bool remap_lab_packet(RemapLab *lab, uint16_t source, uint32_t entry, const RemapGpuPacket *packet);
void remap_lab_halted(RemapLab *lab, uint16_t source, uint32_t entry, unsigned cause, uint64_t address);

/* A device, by its source id, was reset. Of the unit remap_iommu_reset tells it. */
void remap_lab_device_reset(RemapLab *lab, uint16_t source);

/* The time of RemapLabOps.call_later has come; on a thread that may call the unit. */
void remap_lab_timer_expired(RemapLab *lab);

/* All that was put off happens now: before the state of a machine is saved. With the engine at rest. */
void remap_lab_settle(RemapLab *lab);

/* Replaces all rules, by the text or the file. False: nothing was changed, and `why` is the reason as a sentence. */
bool remap_lab_set_rules(RemapLab *lab, const char *rules, char *why, size_t room);
/* Their text, which reads back to the same; to be freed by remap_lab_free_text. Null: no memory. */
char *remap_lab_rules(RemapLab *lab);
void remap_lab_free_text(char *text);

bool remap_lab_trace(const RemapLab *lab);
void remap_lab_set_trace(RemapLab *lab, bool on);

/* Since the machine's start. */
typedef struct RemapLabStatistics {
    uint64_t injections;
    uint64_t trace_records;
    uint64_t trace_lost; /* not written, because a thread that shares the lane was in the way */
} RemapLabStatistics;

void remap_lab_statistics(const RemapLab *lab, RemapLabStatistics *statistics);

/* Numbers of one device: X(field, number of lab::Count, name). */
#define REMAP_LAB_COUNTS(X) \
    X(translations, 0, "translations") \
    X(refused_translations, 1, "refused-translations") \
    X(walks, 2, "walks") \
    X(faults, 3, "faults") \
    X(reads, 4, "reads") \
    X(writes, 5, "writes") \
    X(read_bytes, 6, "read-bytes") \
    X(written_bytes, 7, "written-bytes") \
    X(refused_accesses, 8, "refused-accesses") \
    X(interrupts, 9, "interrupts") \
    X(invalidations, 10, "invalidations") \
    X(page_requests, 11, "page-requests") \
    X(injections, 12, "injections")

typedef struct RemapLabDevice {
    uint16_t source;
#define REMAP_LAB_COUNT_FIELD(field, number, name) uint64_t field;
    REMAP_LAB_COUNTS(REMAP_LAB_COUNT_FIELD)
#undef REMAP_LAB_COUNT_FIELD
} RemapLabDevice;

/* The next device from row `*row` on, and moves it past that; begin with 0. False: there is none. */
bool remap_lab_next_device(const RemapLab *lab, unsigned *row, RemapLabDevice *device);

/*
 * The registers by which a guest's driver side says what it does (hw/spec/lab_registers.h); all zero at first and when
 * the machine is reset. What it may not say is counted and nothing else. One caller at a time.
 */
typedef struct RemapLabRegisters {
    uint64_t address;
    uint64_t length;
    uint64_t result;
    uint64_t detail;
    uint64_t taken;
    uint64_t refused;
} RemapLabRegisters;

uint64_t remap_lab_register_base(void);
uint64_t remap_lab_register_bytes(void);
uint64_t remap_lab_register_read(const RemapLabRegisters *registers, uint64_t offset);
void remap_lab_register_write(RemapLab *lab, RemapLabRegisters *registers, uint64_t offset, uint64_t value);

#ifdef __cplusplus
}
#endif

#endif
