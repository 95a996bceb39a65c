/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that keep translations (ATS) or ask for pages (PRI): what the engine has to tell them, and the time that they
 * have for an answer.
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/timer.h"

#include "remap-iommu.h"
#include "trace.h"

/*
 * Who has the source id now. Bus numbers change, so that it cannot be a key. Nobody: a message to a function that is
 * not there, of which nothing comes back.
 */
static RemapIommuClient *remap_iommu_client_of(RemapIommuDevice *s, uint16_t source)
{
    RemapIommuClient *client;

    QLIST_FOREACH(client, &s->clients, next) {
        if (remap_iommu_space_source(client->space) == source) {
            return client;
        }
    }
    return NULL;
}

void remap_iommu_tell_invalidation(void *device, const RemapInvalidation *invalidation)
{
    RemapIommuDevice *s = device;
    RemapIommuClient *client;

    trace_remap_iommu_device_invalidate(invalidation->source, invalidation->first, invalidation->last,
                                        invalidation->with_pasid ? (int32_t)invalidation->pasid : -1,
                                        invalidation->every_pasid, invalidation->tag);
    QEMU_LOCK_GUARD(&s->clients_lock);
    client = remap_iommu_client_of(s, invalidation->source);
    if (client && !client->silent) {
        client->invalidate(client, invalidation);
    }
}

void remap_iommu_tell_page_answer(void *device, const RemapPageAnswer *answer)
{
    RemapIommuDevice *s = device;
    RemapIommuClient *client;

    trace_remap_iommu_page_answer(answer->source, answer->group, answer->code);
    QEMU_LOCK_GUARD(&s->clients_lock);
    client = remap_iommu_client_of(s, answer->source);
    if (client && !client->silent) {
        client->answer_page(client, answer);
    }
}

void remap_iommu_start_device_timer(void *device)
{
    RemapIommuDevice *s = device;

    timer_mod(s->device_timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + s->device_timeout);
}

static void remap_iommu_device_time_over(void *opaque)
{
    RemapIommuDevice *s = opaque;

    remap_iommu_timer_expired(s->engine);
}

void remap_iommu_add_client(RemapIommuClient *client, RemapIommuSpace *space)
{
    RemapIommuDevice *s = remap_iommu_space_device(space);

    client->space = space;
    QEMU_LOCK_GUARD(&s->clients_lock);
    QLIST_INSERT_HEAD(&s->clients, client, next);
}

void remap_iommu_remove_client(RemapIommuClient *client)
{
    RemapIommuDevice *s = remap_iommu_space_device(client->space);

    QEMU_LOCK_GUARD(&s->clients_lock);
    QLIST_REMOVE(client, next);
    client->space = NULL;
}

void remap_iommu_silence_client(RemapIommuDevice *s, uint16_t source)
{
    RemapIommuClient *client;

    QEMU_LOCK_GUARD(&s->clients_lock);
    client = remap_iommu_client_of(s, source);
    if (client) {
        client->silent = true;
    }
}

void remap_iommu_heed_all_clients(RemapIommuDevice *s)
{
    RemapIommuClient *client;

    QEMU_LOCK_GUARD(&s->clients_lock);
    QLIST_FOREACH(client, &s->clients, next) {
        client->silent = false;
    }
}

void remap_iommu_init_devices(RemapIommuDevice *s)
{
    qemu_mutex_init(&s->clients_lock);
    QLIST_INIT(&s->clients);
    s->device_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, remap_iommu_device_time_over, s);
}

void remap_iommu_reset_devices(RemapIommuDevice *s)
{
    timer_del(s->device_timer);
}
