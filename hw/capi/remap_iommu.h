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
typedef struct RemapLab RemapLab; /* remap_lab.h */

/* The causes of the unit's own interrupts; each keeps one message pending at a time. */
enum {
    REMAP_IOMMU_FAULT_EVENT,
    REMAP_IOMMU_INVALIDATION_COMPLETION,
    REMAP_IOMMU_PAGE_REQUEST,
    REMAP_IOMMU_INTERRUPTS
};

/* In whose name a device accesses memory: its own, or that of a process. */
typedef struct RemapContext {
    bool with_pasid;
    uint32_t pasid;
    bool privileged;
} RemapContext;

/* What a device has to forget, answered by remap_iommu_device_invalidated. */
typedef struct RemapInvalidation {
    uint16_t source;
    uint64_t first;
    uint64_t last; /* address of the last byte */
    bool with_pasid;
    uint32_t pasid;
    bool every_pasid;
    uint64_t tag;
} RemapInvalidation;

/* The answer to a page request: a response code of PCIe. */
typedef struct RemapPageAnswer {
    uint16_t source;
    uint16_t group;
    unsigned code;
} RemapPageAnswer;

typedef struct RemapIommuFault {
    uint16_t source;
    bool is_write;
    uint64_t address;
    int32_t pasid;    /* -1: the request had none */
    unsigned reason;  /* the specification's */
    const char *why;  /* the same in words */
    const char *fate; /* recorded; collapsed: the same is in the log; lost: the log is full; silenced: FPD */
} RemapIommuFault;

/* What the scope does not name is 0. `first` is an address or the index of an interrupt entry. */
typedef struct RemapIommuInvalidation {
    const char *what;  /* context, pasid-entry, iotlb, pasid-iotlb, interrupt-entry */
    const char *scope; /* all, domain, device, pasid, pages, entries */
    uint16_t domain;
    uint16_t source;
    uint32_t pasid;
    uint64_t first;
    uint64_t count;
    bool leaves_only;
} RemapIommuInvalidation;

/* What goes on inside, for a tracer. On any thread, the engine's lock may be held: must not call back, must not block. */
typedef struct RemapIommuWatch {
    /* A translation that the IOTLB did not know: its tables were walked to this entry. */
    void (*walked)(void *opaque, uint16_t source, uint64_t address, bool is_write, uint64_t entry_at, uint64_t entry);
    void (*faulted)(void *opaque, const RemapIommuFault *fault);
    void (*interrupt_faulted)(void *opaque, uint16_t source, uint16_t index, unsigned reason, const char *why,
                              const char *fate);
    void (*invalidated)(void *opaque, const RemapIommuInvalidation *done);
    /* All before a wait is done, and it told software so: by writing the word, by the completion event. */
    void (*wait_done)(void *opaque, bool writes, uint64_t address, uint32_t data, bool interrupts);
    void (*queue_stopped)(void *opaque, unsigned error, uint64_t head);
    void (*stale_use)(void *opaque, const char *what);
} RemapIommuWatch;

/*
 * Which memory the devices that are followed can reach past the caches, by requests without PASID (iommu/engine/
 * dma_map_port.h). It is told of all of them together: a page that two of them reach is told once. A page of tables that
 * is watched is not reachable meanwhile, whether it was before or not.
 *
 * Calls come one at a time, on whatever thread has changed something; the receiver must not call the unit, but for
 * remap_iommu_watched, and must not wait for anybody who might. Where it takes a while until stores to a watched page are
 * told, remap_iommu_stored tells the whole page after that.
 */
typedef struct RemapIommuReach {
    void (*reachable)(void *opaque, uint64_t first_page, uint64_t pages);
    void (*unreachable)(void *opaque, uint64_t first_page, uint64_t pages);
    /* Stores to this page are told by remap_iommu_stored from now on, and it is no longer reachable. */
    void (*watch)(void *opaque, uint64_t page);
    /* The tables of a device are larger than what is followed: from now on pages may be missing. */
    void (*incomplete)(void *opaque, uint16_t source);
    /* All of one change has been told. */
    void (*settled)(void *opaque);
} RemapIommuReach;

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
    /* What is kept of remap_iommu_remap_interrupt's answers has to be asked for again; on any thread, no lock held. */
    void (*remapping_changed)(void *opaque);
    /*
     * Asked in remap_iommu_write: whether that may do work itself, as far as it need not wait. Only if no access that is
     * not announced can be in progress meanwhile.
     */
    bool (*may_work_here)(void *opaque);
    /* remap_iommu_work has something to do. Any thread, no lock held; must not block. */
    void (*work_available)(void *opaque);
    /* Returns when all accesses that were not announced and have begun have ended. From remap_iommu_work. */
    void (*drain)(void *opaque);
    /* The machine's clock. */
    uint64_t (*nanoseconds)(void *opaque);
    /* To a device that keeps translations or asked for a page; on any thread, no lock held; must not block. */
    void (*invalidate)(void *opaque, const RemapInvalidation *invalidation);
    void (*answer_page)(void *opaque, const RemapPageAnswer *answer);
    /* remap_iommu_timer_expired is to be called once, when the time is over that a device has for an answer. */
    void (*start_timer)(void *opaque);
    /* All of it, or null. */
    const RemapIommuWatch *watch;
    /* All of it, or null: then nobody is followed. */
    const RemapIommuReach *reach;
} RemapIommuOps;

/* The caches of a unit, and their size where no other is asked for: X(field, option, entries, ways, what it holds). */
#define REMAP_IOMMU_CACHES(X) \
    X(context_cache, "context-cache", 256, 4, "context entries") \
    X(pasid_cache, "pasid-cache", 1024, 4, "PASID-table entries") \
    X(paging_cache, "paging-cache", 1024, 4, "entries of page tables that point to tables") \
    X(iotlb, "iotlb", 131072, 8, "translations") \
    X(interrupt_cache, "interrupt-cache", 1024, 4, "interrupt entries")

/* Entries are ways (1 to 64) times a power of two. */
typedef struct RemapIommuCache {
    unsigned entries;
    unsigned ways;
} RemapIommuCache;

typedef struct RemapIommuCaches {
#define REMAP_IOMMU_CACHE_FIELD(field, option, entries, ways, what) RemapIommuCache field;
    REMAP_IOMMU_CACHES(REMAP_IOMMU_CACHE_FIELD)
#undef REMAP_IOMMU_CACHE_FIELD
} RemapIommuCaches;

typedef struct RemapIommuOptions {
    unsigned address_width; /* 39, 48 or 57 */
    bool huge_pages;
    bool scalable;
    bool snoop_control;
    bool caching_mode;
    bool device_tlb;
    bool page_requests;       /* needs device_tlb and scalable */
    bool interrupt_remapping;
    bool extended_interrupts; /* needs interrupt_remapping */
    RemapIommuCaches caches;
    bool detect_stale_uses;
    uint64_t stale_grace;   /* nanoseconds */
    RemapLab *lab;          /* null: nobody interferes, and nothing is traced; it outlives the unit */
} RemapIommuOptions;

typedef struct RemapTranslation {
    bool readable;        /* both false: the access was refused, and a fault recorded */
    bool writable;
    uint64_t address;     /* of the very byte asked for */
    uint64_t granule;     /* a power of two: that much around the address translates alike */
    bool snooped;         /* the access has to snoop the processors' caches, whatever the device says */
    bool untold;          /* the laboratory, if there is one, has not been told of it: remap_lab_dma_done does that */
} RemapTranslation;

/* What a translation request is answered; nothing else counts when it was refused. */
typedef struct RemapCompletion {
    bool refused;
    bool readable;
    bool writable;
    bool untranslated_only;
    bool snooped;
    uint64_t address;
    uint64_t granule;
} RemapCompletion;

/* What goes to the processors in place of an interrupt request. */
typedef struct RemapInterrupt {
    bool allowed;         /* false: it was refused, and a fault recorded */
    uint64_t address;     /* bits 63:40 are bits 31:8 of an x2APIC id */
    uint32_t data;
} RemapInterrupt;

/* Where the machine has the unit and its IOAPIC; an IOAPIC has no place on a bus, but a source id. */
typedef struct RemapIommuPlace {
    uint64_t base;
    uint8_t ioapic_id;
    uint16_t ioapic_source;
} RemapIommuPlace;

typedef struct RemapIommuStatistics {
    uint64_t translations;
    uint64_t walks;
    uint64_t interrupts;
    uint64_t interrupt_fetches;
    uint64_t unverified_interrupts;
    uint64_t stale_uses;
    uint64_t late_invalidations;
    uint64_t undecided_uses;
} RemapIommuStatistics;

typedef struct RemapIommuTicket {
    uint8_t slot;
    uint8_t phase;
} RemapIommuTicket;

/* What is wrong with options, as a sentence without its end; null when nothing is. */
const char *remap_iommu_check(const RemapIommuOptions *options);

/* Null when an option is out of range or there is no memory. `ops` must outlive the object. */
RemapIommu *remap_iommu_new(const RemapIommuOptions *options, const RemapIommuOps *ops, void *opaque);
void remap_iommu_free(RemapIommu *iommu);
void remap_iommu_reset(RemapIommu *iommu);

uint64_t remap_iommu_window_size(void);
uint64_t remap_iommu_read(RemapIommu *iommu, uint64_t offset, unsigned bytes);
void remap_iommu_write(RemapIommu *iommu, uint64_t offset, uint64_t value, unsigned bytes);

/* Where the tail of the invalidation queue may be while that is on: so many places, so many bytes apart. Any thread. */
typedef struct RemapIommuQueue {
    unsigned places;
    unsigned bytes;
} RemapIommuQueue;

enum { REMAP_IOMMU_QUEUE_HEAD = 0x80, REMAP_IOMMU_QUEUE_TAIL = 0x88 };

RemapIommuQueue remap_iommu_queue(RemapIommu *iommu);

/*
 * Between pieces of work and while no device translates. Save: the bytes that the state takes; they are written if there
 * is room for all of them. Load: false when the state is refused; then nothing is changed, and `why`, of `room` bytes,
 * tells the reason.
 */
size_t remap_iommu_save(RemapIommu *iommu, void *to, size_t room);
bool remap_iommu_load(RemapIommu *iommu, const void *from, size_t bytes, char *why, size_t room);

/* Announces an access before its translation, and its end after its data has moved. */
RemapIommuTicket remap_iommu_begin_access(RemapIommu *iommu);
void remap_iommu_end_access(RemapIommu *iommu, RemapIommuTicket ticket);

/* Does a piece of the work that is waiting, and waits for accesses if it must; true when there is more. */
bool remap_iommu_work(RemapIommu *iommu);

void remap_iommu_statistics(RemapIommu *iommu, RemapIommuStatistics *statistics);
/* The latest stale uses as text, a line each, cut at `size` bytes with the closing zero. */
void remap_iommu_stale_report(RemapIommu *iommu, char *to, size_t size);

RemapTranslation remap_iommu_translate(RemapIommu *iommu, uint16_t source, uint64_t address, bool write);
/* The same for an access that the laboratory is told of (remap_lab_dma_done), as it is of those that follow. */
RemapTranslation remap_iommu_translate_for_dma(RemapIommu *iommu, uint16_t source, uint64_t address, bool write);
/* With a PASID, or of an address that a translation request gave. */
RemapTranslation remap_iommu_translate_in(RemapIommu *iommu, uint16_t source, const RemapContext *context,
                                          uint64_t address, bool write);
RemapTranslation remap_iommu_check_translated(RemapIommu *iommu, uint16_t source, uint64_t address, bool write);
/* The same without a trace: nothing recorded, nothing cached. */
/*
 * See Iommu::expect. `to` gets an address for each of `from`, UINT64_MAX for those that are not known. At most
 * REMAP_IOMMU_EXPECTED; more are not looked at.
 */
enum { REMAP_IOMMU_EXPECTED = 16 };
void remap_iommu_expect(RemapIommu *iommu, uint16_t source, const uint64_t *from, uint64_t *to, size_t count);
RemapTranslation remap_iommu_probe(RemapIommu *iommu, uint16_t source, uint64_t address, bool write);

/*
 * Follows the tables of a device, by its source id, until it is told not to. Any thread; not from RemapIommuReach. Who is
 * followed already is not followed twice.
 */
void remap_iommu_follow(RemapIommu *iommu, uint16_t source);
void remap_iommu_unfollow(RemapIommu *iommu, uint16_t source);

/* Whether stores to a page have to be told. Any thread, without a lock. */
bool remap_iommu_watched(const RemapIommu *iommu, uint64_t page);

/* Memory has been changed there. Any thread; not from RemapIommuReach. */
void remap_iommu_stored(RemapIommu *iommu, uint64_t address, uint64_t bytes);

/* A device's question for a translation that it will keep, its answers, and its question for a page. */
RemapCompletion remap_iommu_ask(RemapIommu *iommu, uint16_t source, const RemapContext *context, uint64_t address,
                                bool write);
void remap_iommu_device_invalidated(RemapIommu *iommu, uint16_t source, uint64_t tag);
void remap_iommu_request_page(RemapIommu *iommu, uint16_t source, const RemapContext *context, uint64_t address,
                              bool write, uint16_t group);
void remap_iommu_timer_expired(RemapIommu *iommu);

/* A write of 32 bits to 0xfee00000-0xfeefffff, by a device or by the IOAPIC. */
typedef struct RemapInterruptRequest {
    uint16_t source;
    bool source_is_known; /* false: entries are not asked whether they are for this source */
    uint64_t address;
    uint32_t data;
} RemapInterruptRequest;

RemapInterrupt remap_iommu_remap_interrupt(RemapIommu *iommu, const RemapInterruptRequest *request);
RemapInterrupt remap_iommu_probe_interrupt(RemapIommu *iommu, const RemapInterruptRequest *request);

/* Writes the complete ACPI DMAR table that announces the unit, and returns its length; 0 when `size` is too small. */
size_t remap_iommu_dmar(const RemapIommuOptions *options, const RemapIommuPlace *place, void *to, size_t size);

#ifdef __cplusplus
}
#endif

#endif
