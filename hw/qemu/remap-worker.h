/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that does a device's work off the vCPU threads and the main loop.
 */
#ifndef REMAP_WORKER_H
#define REMAP_WORKER_H

#include "qemu/thread.h"

typedef struct RemapWorker {
    QemuThread thread;
    QemuMutex lock;
    QemuCond wake;      /* the worker: there is work, or an end of a pause, or the end */
    QemuCond parked;    /* those who pause it: it is between two pieces of work */
    bool pending;
    bool pausing;
    bool busy;
    bool stopping;
    bool (*work)(void *opaque);
    void *opaque;
} RemapWorker;

/* `work` does a bounded piece and returns whether more is waiting. It runs without the BQL and must not take it. */
void remap_worker_start(RemapWorker *worker, const char *name, bool (*work)(void *opaque), void *opaque);

/* There is work. Any thread; does not block for long. */
void remap_worker_kick(RemapWorker *worker);

/* Between the two, `work` is not running. */
void remap_worker_pause(RemapWorker *worker);
void remap_worker_resume(RemapWorker *worker);

/* Ends the thread; work that is still waiting is not done. */
void remap_worker_stop(RemapWorker *worker);

#endif
