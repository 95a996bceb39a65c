/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A model's saved state as one field of its device's VMState: a 32-bit length, and the bytes that the model made.
 */
#ifndef REMAP_STATE_H
#define REMAP_STATE_H

#include "migration/vmstate.h"

typedef struct RemapState {
    const char *name; /* whose state it is, for messages */
    uint32_t limit;   /* bytes; what claims to be longer is not read */
    void *opaque;

    /* The bytes that the state takes; they are written if there is room for all of them. */
    size_t (*save)(void *opaque, void *to, size_t room);

    /* False when the state is refused; `why` tells the reason then. */
    bool (*load)(void *opaque, const void *from, size_t bytes, char *why, size_t room);
} RemapState;

extern const VMStateInfo remap_state_info;

#define VMSTATE_REMAP_STATE(field, device) VMSTATE_SINGLE(field, device, 0, remap_state_info, RemapState)

#endif
