/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "block/aio.h"
#include "system/cpu-timers.h"
#include "remap-soon.h"
#include "trace.h"

static void remap_soon_now(void *opaque)
{
    RemapSoon *soon = opaque;

    if (trace_event_get_state_backends(TRACE_REMAP_SOON)) {
        trace_remap_soon(soon->name, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    }
    soon->call(soon->opaque);
}

/* As the main loop would, the guard against reentrancy included. */
static void remap_soon_time_has_come(void *opaque)
{
    RemapSoon *soon = opaque;

    aio_bh_call(soon->bh);
}

void remap_soon_init(RemapSoon *soon, const char *name, QEMUBHFunc *call, void *opaque, MemReentrancyGuard *guard)
{
    *soon = (RemapSoon) { .name = name, .call = call, .opaque = opaque, .later = REMAP_SOON_NS };
    soon->bh = qemu_bh_new_guarded(remap_soon_now, soon, guard);
    if (icount_enabled()) {
        soon->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, remap_soon_time_has_come, soon);
    }
}

void remap_soon_free(RemapSoon *soon)
{
    if (soon->timer) {
        timer_free(soon->timer);
    }
    qemu_bh_delete(soon->bh);
}

void remap_soon_set_time(RemapSoon *soon, int64_t nanoseconds)
{
    soon->later = nanoseconds;
}

void remap_soon_call_after(RemapSoon *soon, int64_t nanoseconds)
{
    if (!soon->timer) {
        qemu_bh_schedule(soon->bh);
    } else if (!timer_pending(soon->timer)) {
        timer_mod_ns(soon->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + soon->later + nanoseconds);
    }
}

void remap_soon_call(RemapSoon *soon)
{
    remap_soon_call_after(soon, 0);
}

void remap_soon_cancel(RemapSoon *soon)
{
    if (soon->timer) {
        timer_del(soon->timer);
    } else {
        qemu_bh_cancel(soon->bh);
    }
}
