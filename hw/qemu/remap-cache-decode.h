/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an instruction does to caches and write-combining buffers, and how the operand of a flush is addressed. */
#ifndef REMAP_CACHE_DECODE_H
#define REMAP_CACHE_DECODE_H

#include "qemu/osdep.h"

typedef enum RemapCacheEvent {
    REMAP_CACHE_NO_EVENT,
    /* Always of interest. */
    REMAP_CACHE_EVENT_CLFLUSH,
    REMAP_CACHE_EVENT_CLFLUSHOPT,
    REMAP_CACHE_EVENT_CLWB,
    REMAP_CACHE_EVENT_WBINVD, /* or WBNOINVD, which differs in what stays in the caches: nobody sees that */
    REMAP_CACHE_EVENT_INVD,
    REMAP_CACHE_EVENT_NONTEMPORAL, /* a store with that hint */
    /* Of interest when there is something to order. */
    REMAP_CACHE_EVENT_STORE_FENCE,
    REMAP_CACHE_EVENT_FULL_FENCE, /* locked instructions too */
    REMAP_CACHE_EVENT_SERIALIZING,
    REMAP_CACHE_EVENT_PORT,
} RemapCacheEvent;

enum { REMAP_CACHE_NO_REGISTER = 31, REMAP_CACHE_INSTRUCTION_POINTER = 30 };

/* All of it in the word that a callback of translated code is given. The operand counts for the flushes of a line. */
typedef union RemapCacheInstruction {
    struct {
        int32_t displacement;
        uint32_t event : 4;
        uint32_t base : 5;  /* numbers of general registers, or one of the above */
        uint32_t index : 5;
        uint32_t scale : 4; /* 1, 2, 4 or 8 */
        uint32_t segment : 3; /* QEMU's number of it */
        uint32_t length : 4; /* bytes */
        uint32_t address_bytes : 4; /* 2, 4 or 8 */
    };
    void *word;
} RemapCacheInstruction;
QEMU_BUILD_BUG_ON(sizeof(RemapCacheInstruction) != sizeof(void *));

/* `mode` is the size of code in bits: 16, 32 or 64. What is no instruction has no event. */
RemapCacheInstruction remap_cache_decode(const void *code, size_t bytes, unsigned mode);

#endif
