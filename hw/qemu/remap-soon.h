/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call that is to be made soon, with the BQL, by whoever may: the main loop, by a bottom half.
 *
 * A machine that counts instructions (-icount) has its own time for everything, and two runs of it are alike as long as
 * nothing happens at the host's convenience. There the call is made by a timer of the virtual clock, a fixed time later:
 * between two instructions, and between the same two in each run.
 */
#ifndef REMAP_SOON_H
#define REMAP_SOON_H

#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "hw/qdev-core.h"

#define REMAP_SOON_NS 1000 /* about what a message takes to cross a PCI Express link and wake somebody up */

typedef struct RemapSoon {
    const char *name;
    QEMUBHFunc *call;
    void *opaque;
    QEMUBH *bh;
    QEMUTimer *timer; /* NULL: instructions are not counted */
    int64_t later;    /* nanoseconds */
} RemapSoon;

/*
 * `name`, for the trace, outlives it. `guard` may be NULL; else it is the device's, against calls that come back to its own
 * registers. With the BQL.
 */
void remap_soon_init(RemapSoon *soon, const char *name, QEMUBHFunc *call, void *opaque, MemReentrancyGuard *guard);
void remap_soon_free(RemapSoon *soon);

/* In place of REMAP_SOON_NS; at least 1. Without -icount it means nothing. */
void remap_soon_set_time(RemapSoon *soon, int64_t nanoseconds);

/* Calls that were asked for and not yet made are one. Any thread; does not block. */
void remap_soon_call(RemapSoon *soon);

/* The same, but where it is a matter of the virtual clock so many nanoseconds later than else. */
void remap_soon_call_after(RemapSoon *soon, int64_t nanoseconds);

/* A call that was asked for is not made. With the BQL. */
void remap_soon_cancel(RemapSoon *soon);

#endif
