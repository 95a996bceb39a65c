/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Under KVM the tail of the invalidation queue is written without an exit to QEMU: the kernel signals an eventfd, and
 * the main loop hands the new tail to the engine. The kernel does not keep the value of a write, but it can tell values
 * from each other. So each place that the tail may have gets an eventfd of its own.
 *
 * That costs a few milliseconds, so a queue has to be in use for a while first, which also tells how wide software
 * writes the register. Every other access takes in first what was signalled: software finds what it has written.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "system/kvm.h"

#include <sys/epoll.h>

#include "remap-iommu.h"
#include "trace.h"

#define MOST_PLACES 256 /* the kernel takes 1,000 eventfds for a machine, and devices need some too */
#define TRIES 16        /* tails that are written the long way first */

static void remap_iommu_tail_offer(RemapIommuDevice *s, bool offered)
{
    RemapIommuTail *tail = &s->tail;

    memory_region_transaction_begin();
    for (unsigned place = 0; place < tail->queue.places; place++) {
        (offered ? memory_region_add_eventfd : memory_region_del_eventfd)(
            &s->registers, REMAP_IOMMU_QUEUE_TAIL, tail->width, true, place * tail->queue.bytes, &tail->signals[place]);
    }
    memory_region_transaction_commit();
}

static void remap_iommu_tail_free(RemapIommuTail *tail, unsigned signals)
{
    while (signals) {
        event_notifier_cleanup(&tail->signals[--signals]);
    }
    g_clear_pointer(&tail->signals, g_free);
    close(tail->poll);
}

static void remap_iommu_tail_drop(RemapIommuDevice *s)
{
    RemapIommuTail *tail = &s->tail;

    tail->written = 0;
    if (!tail->signals) {
        return;
    }
    qemu_set_fd_handler(tail->poll, NULL, NULL, NULL);
    remap_iommu_tail_offer(s, false);
    remap_iommu_tail_free(tail, tail->queue.places);
}

/* Of several tails that were written, the one that was written last is the farthest from the head. */
static bool remap_iommu_tail_take(RemapIommuDevice *s, uint64_t *last)
{
    RemapIommuTail *tail = &s->tail;
    uint64_t size = (uint64_t)tail->queue.places * tail->queue.bytes;
    uint64_t head = 0, farthest = 0;
    bool any = false;
    struct epoll_event found[16];
    int count;

    while ((count = epoll_wait(tail->poll, found, ARRAY_SIZE(found), 0)) > 0) {
        for (int i = 0; i < count; i++) {
            uint64_t at = (uint64_t)found[i].data.u32 * tail->queue.bytes;

            if (!event_notifier_test_and_clear(&tail->signals[found[i].data.u32])) {
                continue;
            }
            if (!any) {
                head = remap_iommu_read(s->engine, REMAP_IOMMU_QUEUE_HEAD, 8);
            }
            if (!any || ((at - head) & (size - 1)) >= farthest) {
                any = true;
                farthest = (at - head) & (size - 1);
                *last = at;
            }
        }
    }
    return any;
}

void remap_iommu_tail_collect(void *opaque)
{
    RemapIommuDevice *s = opaque;
    uint64_t last;

    if (s->tail.signals && remap_iommu_tail_take(s, &last)) {
        trace_remap_iommu_tail(last);
        remap_iommu_write(s->engine, REMAP_IOMMU_QUEUE_TAIL, last, s->tail.width);
    }
}

/* A machine without an eventfd to spare goes on as before. */
static bool remap_iommu_tail_make(RemapIommuTail *tail)
{
    tail->poll = epoll_create1(EPOLL_CLOEXEC);
    if (tail->poll < 0) {
        return false;
    }
    tail->signals = g_new0(EventNotifier, tail->queue.places);
    for (unsigned place = 0; place < tail->queue.places; place++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = place };

        if (event_notifier_init(&tail->signals[place], 0)) {
            remap_iommu_tail_free(tail, place);
            return false;
        }
        if (epoll_ctl(tail->poll, EPOLL_CTL_ADD, event_notifier_get_fd(&tail->signals[place]), &event)) {
            remap_iommu_tail_free(tail, place + 1);
            return false;
        }
    }
    return true;
}

void remap_iommu_tail_after_write(RemapIommuDevice *s, hwaddr offset, unsigned width)
{
    RemapIommuTail *tail = &s->tail;
    RemapIommuQueue queue;

    if (!kvm_enabled() || !s->ioeventfd) {
        return;
    }
    queue = remap_iommu_queue(s->engine);
    if (queue.places != tail->queue.places || queue.bytes != tail->queue.bytes) {
        remap_iommu_tail_drop(s);
        tail->queue = queue;
    }
    if (offset != REMAP_IOMMU_QUEUE_TAIL || tail->signals || !queue.places || queue.places > MOST_PLACES) {
        return;
    }
    tail->written = width == tail->width ? tail->written + 1 : 1;
    tail->width = width;
    if (tail->written == TRIES && remap_iommu_tail_make(tail)) {
        remap_iommu_tail_offer(s, true);
        qemu_set_fd_handler(tail->poll, remap_iommu_tail_collect, NULL, s);
    }
}

void remap_iommu_tail_reset(RemapIommuDevice *s)
{
    remap_iommu_tail_drop(s);
    s->tail.queue = (RemapIommuQueue) { 0 };
}
