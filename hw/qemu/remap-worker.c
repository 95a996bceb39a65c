/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/rcu.h"
#include "system/cpu-timers.h"
#include "remap-worker.h"

static QLIST_HEAD(, RemapWorker) remap_workers = QLIST_HEAD_INITIALIZER(remap_workers);

static void *remap_worker_run(void *opaque)
{
    RemapWorker *worker = opaque;

    /* Device memory accesses read QEMU's memory maps under RCU. */
    rcu_register_thread();
    qemu_mutex_lock(&worker->lock);
    while (!worker->stopping) {
        if (worker->pauses || !worker->pending) {
            qemu_cond_wait(&worker->wake, &worker->lock);
            continue;
        }
        worker->pending = false;
        worker->busy = true;
        qemu_mutex_unlock(&worker->lock);

        bool more = worker->work(worker->opaque);

        qemu_mutex_lock(&worker->lock);
        worker->busy = false;
        worker->pending |= more;
        qemu_cond_broadcast(&worker->parked);
    }
    qemu_mutex_unlock(&worker->lock);
    rcu_unregister_thread();
    return NULL;
}

/* With the lock held. */
static void remap_worker_wake(RemapWorker *worker)
{
    if (!worker->in_turns) {
        qemu_cond_signal(&worker->wake);
    } else if (worker->pending && !worker->pauses) {
        remap_soon_call_after(&worker->turn, worker->rest);
        worker->rest = 0;
    }
}

/* With the BQL, like all that pauses the worker or ends it. */
static void remap_worker_take_turn(void *opaque)
{
    RemapWorker *worker = opaque;
    bool more;

    WITH_QEMU_LOCK_GUARD(&worker->lock) {
        if (worker->pauses || !worker->pending) {
            return;
        }
        worker->pending = false;
    }
    more = worker->work(worker->opaque);
    WITH_QEMU_LOCK_GUARD(&worker->lock) {
        worker->pending |= more;
        remap_worker_wake(worker);
    }
}

/* With the BQL, so never on two threads at once. */
static void remap_worker_make_call(void *opaque)
{
    RemapWorker *worker = opaque;

    WITH_QEMU_LOCK_GUARD(&worker->lock) {
        if (worker->call_state != REMAP_CALL_POSTED) {
            return;
        }
        worker->call_state = REMAP_CALL_RUNNING;
    }
    worker->call(worker->call_argument);
    WITH_QEMU_LOCK_GUARD(&worker->lock) {
        worker->call_state = REMAP_CALL_NONE;
        qemu_cond_signal(&worker->answered);
    }
}

void remap_worker_call(RemapWorker *worker, void (*call)(void *argument), void *argument)
{
    if (worker->in_turns) {
        call(argument);
        return;
    }
    QEMU_LOCK_GUARD(&worker->lock);
    worker->call = call;
    worker->call_argument = argument;
    worker->call_state = REMAP_CALL_POSTED;
    qemu_bh_schedule(worker->call_bh);
    qemu_cond_broadcast(&worker->parked);
    while (worker->call_state != REMAP_CALL_NONE) {
        qemu_cond_wait(&worker->answered, &worker->lock);
    }
}

void remap_worker_start(RemapWorker *worker, const char *name, bool (*work)(void *opaque), void *opaque)
{
    *worker = (RemapWorker) { .work = work, .opaque = opaque, .in_turns = icount_enabled() };
    qemu_mutex_init(&worker->lock);
    QLIST_INSERT_HEAD(&remap_workers, worker, next);
    if (worker->in_turns) {
        remap_soon_init(&worker->turn, name, remap_worker_take_turn, worker, NULL);
        return;
    }
    qemu_cond_init(&worker->wake);
    qemu_cond_init(&worker->parked);
    qemu_cond_init(&worker->answered);
    worker->call_bh = qemu_bh_new(remap_worker_make_call, worker);
    qemu_thread_create(&worker->thread, name, remap_worker_run, worker, QEMU_THREAD_JOINABLE);
}

void remap_worker_kick(RemapWorker *worker)
{
    QEMU_LOCK_GUARD(&worker->lock);
    worker->pending = true;
    remap_worker_wake(worker);
}

void remap_worker_set_time(RemapWorker *worker, int64_t nanoseconds)
{
    if (worker->in_turns) {
        remap_soon_set_time(&worker->turn, nanoseconds);
    }
}

void remap_worker_rest(RemapWorker *worker, int64_t nanoseconds)
{
    QEMU_LOCK_GUARD(&worker->lock);
    worker->rest += nanoseconds;
}

bool remap_worker_is_wanted(const RemapWorker *worker)
{
    return qatomic_read(&worker->pauses);
}

/*
 * A call that is running here runs on this very thread, further up its stack: it led to this pause, by an interrupt
 * message that reset the bus, say. The worker waits for that call's end and touches nothing until then.
 */
void remap_worker_pause(RemapWorker *worker)
{
    QEMU_LOCK_GUARD(&worker->lock);
    qatomic_set(&worker->pauses, worker->pauses + 1);
    while (worker->busy && worker->call_state != REMAP_CALL_RUNNING) {
        if (worker->call_state == REMAP_CALL_POSTED) {
            qemu_mutex_unlock(&worker->lock);
            remap_worker_make_call(worker);
            qemu_mutex_lock(&worker->lock);
        } else {
            qemu_cond_wait(&worker->parked, &worker->lock);
        }
    }
}

void remap_worker_resume(RemapWorker *worker)
{
    QEMU_LOCK_GUARD(&worker->lock);
    qatomic_set(&worker->pauses, worker->pauses - 1);
    remap_worker_wake(worker);
}

void remap_workers_end(void)
{
    RemapWorker *worker;

    QLIST_FOREACH(worker, &remap_workers, next) {
        remap_worker_pause(worker);
    }
}

void remap_worker_stop(RemapWorker *worker)
{
    remap_worker_pause(worker);
    QLIST_REMOVE(worker, next);
    if (worker->in_turns) {
        remap_soon_free(&worker->turn);
        qemu_mutex_destroy(&worker->lock);
        return;
    }
    WITH_QEMU_LOCK_GUARD(&worker->lock) {
        worker->stopping = true;
        qemu_cond_signal(&worker->wake);
    }
    qemu_thread_join(&worker->thread);
    qemu_bh_delete(worker->call_bh);
    qemu_cond_destroy(&worker->answered);
    qemu_cond_destroy(&worker->parked);
    qemu_cond_destroy(&worker->wake);
    qemu_mutex_destroy(&worker->lock);
}
