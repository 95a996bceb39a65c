/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that does a device's work off the vCPU threads and the main loop.
 */
#ifndef REMAP_WORKER_H
#define REMAP_WORKER_H

#include "qemu/main-loop.h"
#include "qemu/thread.h"

typedef enum RemapCallState { REMAP_CALL_NONE, REMAP_CALL_POSTED, REMAP_CALL_RUNNING, REMAP_CALL_DONE } RemapCallState;

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

    /* A call that the worker wants made in the main loop. */
    QEMUBH *call_bh;
    QemuCond answered;
    RemapCallState call_state;
    void (*call)(void *argument);
    void *call_argument;
} RemapWorker;

/* `work` does a bounded piece and returns whether more is waiting. It runs without the BQL and must not take it. */
void remap_worker_start(RemapWorker *worker, const char *name, bool (*work)(void *opaque), void *opaque);

/* There is work. Any thread; does not block for long. */
void remap_worker_kick(RemapWorker *worker);

/* Between the two, `work` is not running. */
void remap_worker_pause(RemapWorker *worker);
void remap_worker_resume(RemapWorker *worker);

/*
 * From the work: makes a call in the main loop, with the BQL, and waits for it. False, and the call is not made, when
 * somebody wants the worker to pause or stop meanwhile: he may hold the BQL, so the worker must not wait for it.
 */
bool remap_worker_call(RemapWorker *worker, void (*call)(void *argument), void *argument);

/* Ends the thread; work that is still waiting is not done. */
void remap_worker_stop(RemapWorker *worker);

#endif
