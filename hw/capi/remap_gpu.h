/* SPDX-License-Identifier: MIT */
/*
 * The GPU model for C. See hw/gpu/gpu.h for what each call does and on which thread it may be made.
 */
#ifndef REMAP_GPU_H
#define REMAP_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RemapGpu RemapGpu;

typedef enum RemapGpuRefusal {
    REMAP_GPU_NOTHING_REFUSED,
    REMAP_GPU_READ_REFUSED,
    REMAP_GPU_WRITE_REFUSED
} RemapGpuRefusal;

/* In whose name memory is accessed: the function's own, or that of a process. */
typedef struct RemapGpuContext {
    bool with_pasid;
    uint32_t pasid;
    bool privileged;
} RemapGpuContext;

/* Where an access goes, and whether it snoops the processors' caches. */
typedef struct RemapGpuAddress {
    uint64_t address;
    bool snoop;
} RemapGpuAddress;

typedef struct RemapGpuTranslated {
    bool refused; /* nothing else counts then */
    bool readable;
    bool writable;
    bool untranslated_only;
    bool snooped;
    uint64_t address;
    uint64_t granule;
} RemapGpuTranslated;

/* Of a packet what says where it works; see docs/gpu.md. */
typedef struct RemapGpuPacket {
    unsigned opcode;
    unsigned flags;
    uint64_t destination;
    uint64_t source;
    uint64_t length;
    uint32_t width;
    uint32_t lines;
} RemapGpuPacket;

enum { REMAP_GPU_EXPECTED = 16 };

typedef struct RemapGpuOps {
    /* The bus, on the engine thread, no lock held. No access crosses a page. False: refused. */
    bool (*read)(void *opaque, RemapGpuAddress from, void *to, size_t bytes);
    bool (*write)(void *opaque, RemapGpuAddress to, const void *from, size_t bytes);
    /* The same from memory to memory. Says which of the two was refused first. */
    RemapGpuRefusal (*copy)(void *opaque, RemapGpuAddress to, RemapGpuAddress from, size_t bytes);
    /* Accesses there are to come, perhaps. At most REMAP_GPU_EXPECTED addresses. */
    void (*expect)(void *opaque, const uint64_t *addresses, size_t count);
    /* On any thread, no lock held; must not block. */
    void (*work_available)(void *opaque);
    void (*interrupt)(void *opaque, unsigned vector);
    /* On the engine thread: it may have written any byte of these pages of VRAM. */
    void (*vram_written)(void *opaque, uint64_t offset, uint64_t bytes);
    /* On the engine thread: a ring entry's packet was fetched. True: the engine hangs at it, until it is reset. */
    bool (*packet_fetched)(void *opaque, uint32_t entry, const RemapGpuPacket *packet);
    /* For a trace: the engine has halted at one. */
    void (*halted)(void *opaque, uint32_t entry, unsigned opcode, unsigned cause, uint64_t address);
    /* Between two pieces of work: whether remap_gpu_run is to end for now, although there is more. */
    bool (*rest_wanted)(void *opaque);
    /* On the engine thread: accesses with a PASID, and to addresses that the bus has translated (context is null). */
    bool (*read_in)(void *opaque, const RemapGpuContext *context, RemapGpuAddress from, void *to, size_t bytes);
    bool (*write_in)(void *opaque, const RemapGpuContext *context, RemapGpuAddress to, const void *from, size_t bytes);
    /* On the engine thread: a translation to keep, a page to wait for, and the answer to an invalidation. */
    RemapGpuTranslated (*translate)(void *opaque, const RemapGpuContext *context, uint64_t address, bool write);
    void (*request_page)(void *opaque, const RemapGpuContext *context, uint64_t address, bool write, uint16_t group);
    void (*invalidated)(void *opaque, uint64_t tag);
} RemapGpuOps;

/* A response code of PCIe. */
enum { REMAP_GPU_PAGE_FAILURE = 15 };

/* What software has enabled in PCI configuration space. */
typedef struct RemapGpuServices {
    bool ats;
    bool page_requests;
    bool pasid;
    bool privileged;
    uint32_t most_page_requests;
    bool no_snoop;
} RemapGpuServices;

typedef struct RemapGpuInvalidation {
    uint64_t first;
    uint64_t last; /* address of the last byte */
    bool with_pasid;
    uint32_t pasid;
    bool every_pasid;
    uint64_t tag;
} RemapGpuInvalidation;

typedef struct RemapGpuPageRequestStatus {
    bool failed;
    bool unexpected_answer;
    bool idle;
} RemapGpuPageRequestStatus;

typedef struct RemapGpuScanout {
    bool enabled;
    uint64_t offset; /* bytes into VRAM */
    uint32_t width;  /* pixels */
    uint32_t height; /* lines */
    uint32_t stride; /* bytes */
} RemapGpuScanout;

/* What the part tells about itself in PCI configuration space and in its BARs. */
typedef struct RemapGpuIdentity {
    uint16_t vendor;
    uint16_t device;
    uint16_t subsystem_vendor;
    uint16_t subsystem_device;
    uint16_t pci_class;
    uint8_t revision;
    uint64_t register_window; /* bytes, BAR 0 */
    unsigned most_page_requests;
    unsigned pasid_bits;
    unsigned vectors;         /* MSI-X */
} RemapGpuIdentity;

RemapGpuIdentity remap_gpu_identity(void);

/* Null when address_bits is not 32 to 64. `ops` and `vram` must outlive the object. */
RemapGpu *remap_gpu_new(unsigned address_bits, void *vram, uint64_t vram_bytes, const RemapGpuOps *ops, void *opaque);
void remap_gpu_free(RemapGpu *gpu);
void remap_gpu_reset(RemapGpu *gpu);

uint64_t remap_gpu_read(RemapGpu *gpu, uint64_t offset, unsigned bytes);
void remap_gpu_write(RemapGpu *gpu, uint64_t offset, uint64_t value, unsigned bytes);
bool remap_gpu_run(RemapGpu *gpu);
RemapGpuScanout remap_gpu_scanout(RemapGpu *gpu);

/* Of Device Control, ATS, PRI and PASID; on any thread. */
void remap_gpu_set_services(RemapGpu *gpu, const RemapGpuServices *services);
void remap_gpu_invalidate(RemapGpu *gpu, const RemapGpuInvalidation *invalidation);
void remap_gpu_answer_page(RemapGpu *gpu, uint16_t group, unsigned code);
RemapGpuPageRequestStatus remap_gpu_page_request_status(RemapGpu *gpu);
void remap_gpu_clear_page_request_status(RemapGpu *gpu, bool failed, bool unexpected_answer);
void remap_gpu_reset_page_requests(RemapGpu *gpu);

/*
 * While remap_gpu_run is not in progress. Save: the bytes that the state takes; they are written if there is room for
 * all of them. Load: false when the state is refused; then nothing is changed, and `why`, of `room` bytes, tells the
 * reason.
 */
size_t remap_gpu_save(RemapGpu *gpu, void *to, size_t room);
bool remap_gpu_load(RemapGpu *gpu, const void *from, size_t bytes, char *why, size_t room);

#ifdef __cplusplus
}
#endif

#endif
