/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that does a device's work off the vCPU threads and the main loop.
 *
 * With -icount, where a run has to repeat, there is no thread: the work is done in turns, each a fixed time of the
 * virtual clock after what set it off (remap-soon.h). Then it runs with the BQL, which it must not take either way.
 */
#ifndef REMAP_WORKER_H
#define REMAP_WORKER_H

#include "qemu/main-loop.h"
#include "qemu/queue.h"
#include "qemu/thread.h"

#include "remap-soon.h"

typedef enum RemapCallState { REMAP_CALL_NONE, REMAP_CALL_POSTED, REMAP_CALL_RUNNING } RemapCallState;

typedef struct RemapWorker {
    QemuThread thread;
    QemuMutex lock;
    QemuCond wake;      /* the worker: there is work, or an end of all pauses, or the end */
    QemuCond parked;    /* who pauses it: it is between two pieces of work, or has posted a call */
    bool pending;
    bool busy;
    bool stopping;
    unsigned pauses;
    bool (*work)(void *opaque);
    void *opaque;

    /* Without a thread. */
    bool in_turns;
    RemapSoon turn;
    int64_t rest; /* nanoseconds, before the next one */

    QLIST_ENTRY(RemapWorker) next;

    /* A call that the worker wants made with the BQL held. */
    QEMUBH *call_bh;
    QemuCond answered;
    RemapCallState call_state;
    void (*call)(void *argument);
    void *call_argument;
} RemapWorker;

/*
 * `work` does a bounded piece and returns whether more is waiting. It must not take the BQL. With the BQL; `name` outlives
 * the worker.
 */
void remap_worker_start(RemapWorker *worker, const char *name, bool (*work)(void *opaque), void *opaque);

/* Where it works in turns, the time from one to the next, in nanoseconds; at least 1. Before the first kick. */
void remap_worker_set_time(RemapWorker *worker, int64_t nanoseconds);

/* From the work, where it is done in turns: the next one comes so many nanoseconds later than else. */
void remap_worker_rest(RemapWorker *worker, int64_t nanoseconds);

/* From the work: somebody waits for it to end, so that it had better be short. */
bool remap_worker_is_wanted(const RemapWorker *worker);

/* There is work. Any thread; does not block for long. */
void remap_worker_kick(RemapWorker *worker);

/* Between the two, `work` is not running. With the BQL; pairs may nest. */
void remap_worker_pause(RemapWorker *worker);
void remap_worker_resume(RemapWorker *worker);

/*
 * From the work: has a call made in the main loop, with the BQL, and waits for it. The worker never waits for the BQL
 * itself: whoever holds it and wants a pause makes the call in the main loop's stead.
 */
void remap_worker_call(RemapWorker *worker, void (*call)(void *argument), void *argument);

/* At the end of the program, with the BQL: no worker works any more. */
void remap_workers_end(void);

/* Ends the thread; work that is still waiting is not done. With the BQL, and not from a call. */
void remap_worker_stop(RemapWorker *worker);

#endif
