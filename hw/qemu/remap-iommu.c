/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remap-iommu: the VT-d engine of remaplab as a QEMU device.
 *
 * The device has no bus. It maps its registers where q35 has them, takes over the translation of the root bus, and adds
 * its own DMAR to the tables that the firmware publishes, so it needs no change to the machine.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "hw/i386/pc.h"
#include "hw/i386/x86-iommu.h"
#include "migration/vmstate.h"
#include "system/cpu-timers.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/system.h"

#include "remap-cache.h"
#include "remap-cache-tables.h"
#include "remap-iommu.h"
#include "remap-memory.h"
#include "trace.h"

/* Tables or queues that a guest places over device registers do not reach them, nor the BQL. */
static bool remap_iommu_memory_read(void *opaque, uint64_t from, void *to, size_t bytes)
{
    return remap_cache_unit_reads(from, to, bytes);
}

static bool remap_iommu_memory_write(void *opaque, uint64_t to, const void *from, size_t bytes)
{
    return remap_cache_unit_writes(to, from, bytes);
}

static bool remap_iommu_memory_exchange(void *opaque, uint64_t at, uint64_t *expected, uint64_t desired)
{
    return remap_cache_unit_exchanges(at, expected, desired);
}

static void remap_iommu_interrupt(void *opaque, unsigned cause, uint64_t address, uint32_t data)
{
    RemapIommuDevice *s = opaque;

    WITH_QEMU_LOCK_GUARD(&s->interrupt_lock) {
        s->interrupts[cause].pending = true;
        s->interrupts[cause].address = address;
        s->interrupts[cause].data = data;
    }
    remap_soon_call(&s->send_interrupts);
}

/* Of a machine that stands still, messages wait: what they are for may not be loaded yet. */
static void remap_iommu_send_interrupts(void *opaque)
{
    RemapIommuDevice *s = opaque;

    if (!s->machine_runs) {
        return;
    }
    for (unsigned cause = 0; cause < REMAP_IOMMU_INTERRUPTS; cause++) {
        bool pending;
        uint64_t address;
        uint32_t data;

        WITH_QEMU_LOCK_GUARD(&s->interrupt_lock) {
            pending = s->interrupts[cause].pending;
            address = s->interrupts[cause].address;
            data = s->interrupts[cause].data;
            s->interrupts[cause].pending = false;
        }
        if (pending) {
            trace_remap_iommu_message(cause, address, data);
            remap_iommu_deliver(s, address, data);
        }
    }
}

static void remap_iommu_remapping_changed(void *opaque)
{
    remap_iommu_routes_changed(opaque);
}

/*
 * QEMU's own devices make their accesses with the BQL held, and so comes a register write of a processor: none of those
 * accesses is in progress then.
 */
static bool remap_iommu_may_work_here(void *opaque)
{
    RemapIommuDevice *s = opaque;

    return !s->async_invalidation && bql_locked();
}

static void remap_iommu_work_available(void *opaque)
{
    RemapIommuDevice *s = opaque;

    remap_worker_kick(&s->worker);
}

static bool remap_iommu_do_work(void *opaque)
{
    RemapIommuDevice *s = opaque;

    return remap_iommu_work(s->engine);
}

static void remap_iommu_hold_bql(void *opaque)
{
}

/*
 * QEMU's own devices make their accesses with the BQL held, translation and data in one go. So whoever gets the BQL
 * after them finds them ended. (Memory that a device has mapped for a disk to fill is another matter: QEMU has no way to
 * take it back, whatever the IOMMU.)
 */
static void remap_iommu_drain(void *opaque)
{
    RemapIommuDevice *s = opaque;

    if (s->invalidation_delay && !icount_enabled()) { /* which waits in the machine's own time, before the work */
        g_usleep(s->invalidation_delay);
    }
    if (qatomic_xchg(&s->unannounced, false)) {
        remap_worker_call(&s->worker, remap_iommu_hold_bql, NULL);
    }
}

static uint64_t remap_iommu_nanoseconds(void *opaque)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static const RemapIommuOps remap_iommu_ops = {
    .read = remap_iommu_memory_read,
    .write = remap_iommu_memory_write,
    .exchange = remap_iommu_memory_exchange,
    .interrupt = remap_iommu_interrupt,
    .remapping_changed = remap_iommu_remapping_changed,
    .may_work_here = remap_iommu_may_work_here,
    .work_available = remap_iommu_work_available,
    .drain = remap_iommu_drain,
    .nanoseconds = remap_iommu_nanoseconds,
    .invalidate = remap_iommu_tell_invalidation,
    .answer_page = remap_iommu_tell_page_answer,
    .start_timer = remap_iommu_start_device_timer,
    .watch = &remap_iommu_watch,
    .reach = &remap_cache_tables_reach,
};

static uint64_t remap_iommu_mmio_read(void *opaque, hwaddr offset, unsigned size)
{
    RemapIommuDevice *s = opaque;
    uint64_t value;

    remap_iommu_tail_collect(s);
    value = remap_iommu_read(s->engine, offset, size);
    trace_remap_iommu_register_read(offset, size, value);
    return value;
}

static void remap_iommu_mmio_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    RemapIommuDevice *s = opaque;

    trace_remap_iommu_register_write(offset, size, value);
    remap_iommu_tail_collect(s);
    remap_iommu_write(s->engine, offset, value, size);
    remap_iommu_tail_after_write(s, offset, size);
}

static const MemoryRegionOps remap_iommu_mmio_ops = {
    .read = remap_iommu_mmio_read,
    .write = remap_iommu_mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

static PCIBus *remap_iommu_find_bus(Error **errp)
{
    Object *machine = object_dynamic_cast(OBJECT(qdev_get_machine()), TYPE_PC_MACHINE);

    if (!machine || !PC_MACHINE(machine)->pcibus) {
        error_setg(errp, "remap-iommu needs a PC machine with PCI, for example -machine q35");
        return NULL;
    }
    if (x86_iommu_get_default() || object_resolve_path_type("", "virtio-iommu-pci", NULL)) {
        error_setg(errp, "the machine has an IOMMU already; remap-iommu has to be the only one");
        return NULL;
    }
    if (PC_MACHINE(machine)->pcibus->iommu_ops) {
        error_setg(errp, "there is a remap-iommu already; a machine has one");
        return NULL;
    }
    return PC_MACHINE(machine)->pcibus;
}

/* QEMU lets an IOMMU that comes later take the bus over without a word; two would be announced at one address. */
static void remap_iommu_machine_done(Notifier *notifier, void *data)
{
    RemapIommuDevice *s = container_of(notifier, RemapIommuDevice, machine_done);

    if (s->bus->iommu_opaque != s) {
        error_report("remap-iommu: a later device has taken the PCI bus over; remap-iommu has to be the only IOMMU");
        exit(EXIT_FAILURE);
    }
}

static void remap_iommu_machine_changed(void *opaque, bool running, RunState state)
{
    RemapIommuDevice *s = opaque;

    if (running == s->machine_runs) {
        return;
    }
    s->machine_runs = running;
    if (running) {
        remap_lab_machine_runs(s);
        remap_soon_call(&s->send_interrupts);
        remap_worker_resume(&s->worker);
    } else {
        remap_iommu_tail_collect(s);
        remap_worker_pause(&s->worker);
    }
}

/* The first phase, so that who was pulled out is reset with everybody else. */
static void remap_iommu_reset_enter(Object *object, ResetType type)
{
    remap_lab_reset(REMAP_IOMMU(object));
}

/* The last phase: until all devices are quiet, in the phases before, their accesses still mean what they meant. */
static void remap_iommu_reset_exit(Object *object, ResetType type)
{
    RemapIommuDevice *s = REMAP_IOMMU(object);

    WITH_QEMU_LOCK_GUARD(&s->interrupt_lock) {
        for (unsigned cause = 0; cause < REMAP_IOMMU_INTERRUPTS; cause++) {
            s->interrupts[cause].pending = false;
        }
    }
    remap_iommu_tail_reset(s);
    remap_iommu_reset_devices(s);
    remap_worker_pause(&s->worker);
    remap_iommu_reset(s->engine);
    remap_worker_resume(&s->worker);
}

static size_t remap_iommu_save_engine(void *opaque, void *to, size_t room)
{
    RemapIommuDevice *s = opaque;

    return remap_iommu_save(s->engine, to, room);
}

static bool remap_iommu_load_engine(void *opaque, const void *from, size_t bytes, char *why, size_t room)
{
    RemapIommuDevice *s = opaque;

    return remap_iommu_load(s->engine, from, bytes, why, room);
}

static bool remap_iommu_make_engine(RemapIommuDevice *s, Error **errp)
{
    const char *problem = remap_iommu_check(&s->options);

    if (!remap_iommu_decide_interrupts(s, errp)) {
        return false;
    }
    if (problem) {
        error_setg(errp, "remap-iommu: %s", problem);
        return false;
    }
    if (s->invalidation_delay > REMAP_IOMMU_LONGEST_DELAY || (s->invalidation_delay && !s->async_invalidation)) {
        error_setg(errp, "remap-iommu: invalidation-delay=%u has to be at most %u microseconds, and needs "
                   "async-invalidation=on", s->invalidation_delay, REMAP_IOMMU_LONGEST_DELAY);
        return false;
    }
    if (!s->device_timeout) {
        error_setg(errp, "remap-iommu: device-iotlb-timeout=0 leaves devices no time");
        return false;
    }
    s->options.stale_grace = s->stale_grace * (uint64_t)SCALE_MS;
    s->state = (RemapState) {
        .name = TYPE_REMAP_IOMMU,
        .limit = 256 * MiB, /* all caches full */
        .opaque = s,
        .save = remap_iommu_save_engine,
        .load = remap_iommu_load_engine,
    };
    if (!remap_lab_begin(s, errp)) {
        return false;
    }
    s->engine = remap_iommu_new(&s->options, &remap_iommu_ops, s);
    if (!s->engine) {
        error_setg(errp, "remap-iommu: no memory for the caches");
        remap_lab_abandon(s);
    }
    return s->engine;
}

static void remap_iommu_realize(DeviceState *dev, Error **errp)
{
    RemapIommuDevice *s = REMAP_IOMMU(dev);

    s->bus = remap_iommu_find_bus(errp);
    remap_memory_init();
    if (!s->bus || !remap_iommu_make_engine(s, errp)) {
        return;
    }
    if (!remap_iommu_publish_dmar(s, errp)) {
        remap_iommu_free(s->engine);
        s->engine = NULL;
        remap_lab_abandon(s);
        return;
    }

    remap_iommu_init_devices(s);
    qemu_mutex_init(&s->interrupt_lock);
    remap_soon_init(&s->send_interrupts, "remap-iommu interrupts", remap_iommu_send_interrupts, s,
                    &dev->mem_reentrancy_guard);
    memory_region_init_io(&s->registers, OBJECT(s), &remap_iommu_mmio_ops, s, TYPE_REMAP_IOMMU,
                          remap_iommu_window_size());
    /* Its own interrupts are written from there, possibly by an access to these registers. */
    s->registers.disable_reentrancy_guard = true;
    memory_region_add_subregion_overlap(get_system_memory(), REMAP_IOMMU_BASE, &s->registers, 1);
    remap_worker_start(&s->worker, "remap-iommu", remap_iommu_do_work, s);
    if (s->invalidation_delay) {
        remap_worker_set_time(&s->worker, s->invalidation_delay * (int64_t)SCALE_US);
    }
    s->machine_runs = runstate_is_live(runstate_get());
    if (!s->machine_runs) {
        remap_worker_pause(&s->worker);
    }
    s->state_handler = qdev_add_vm_change_state_handler(dev, remap_iommu_machine_changed, s);
    remap_iommu_take_interrupts(s);
    remap_iommu_take_bus(s);
    s->machine_done.notify = remap_iommu_machine_done;
    qemu_add_machine_init_done_notifier(&s->machine_done);
    /* A device without a bus is outside the tree that a machine resets. */
    qemu_register_resettable(OBJECT(s));
}

static const VMStateDescription remap_iommu_message_vmstate = {
    .name = TYPE_REMAP_IOMMU "/message",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(pending, RemapIommuMessage),
        VMSTATE_UINT64(address, RemapIommuMessage),
        VMSTATE_UINT32(data, RemapIommuMessage),
        VMSTATE_END_OF_LIST()
    },
};

static bool remap_iommu_anybody_is_pulled(void *opaque)
{
    RemapIommuDevice *s = opaque;

    return s->lab.removal.count;
}

static const VMStateDescription remap_iommu_removal_vmstate = {
    .name = TYPE_REMAP_IOMMU "/removal",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = remap_iommu_anybody_is_pulled,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(lab.removal, RemapIommuDevice, 1, remap_removal_vmstate, RemapRemoval),
        VMSTATE_END_OF_LIST()
    },
};

static int remap_iommu_before_save(void *opaque)
{
    remap_lab_before_save(opaque);
    return 0;
}

/* The worker was stopped with the machine; here it is at rest between two pieces of work. */
static const VMStateDescription remap_iommu_vmstate = {
    .name = TYPE_REMAP_IOMMU,
    .version_id = 2, /* 1 had no message of page requests */
    .minimum_version_id = 2,
    .priority = MIG_PRI_IOMMU, /* before the devices whose accesses it translates */
    .pre_save = remap_iommu_before_save,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_ARRAY(interrupts, RemapIommuDevice, REMAP_IOMMU_INTERRUPTS, 1, remap_iommu_message_vmstate,
                             RemapIommuMessage),
        VMSTATE_REMAP_STATE(state, RemapIommuDevice),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *const[]) { &remap_iommu_removal_vmstate, NULL },
};

static void remap_iommu_class_init(ObjectClass *class, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(class);

    dc->desc = "remaplab IOMMU (Intel VT-d)";
    dc->realize = remap_iommu_realize;
    dc->vmsd = &remap_iommu_vmstate;
    dc->user_creatable = true;
    dc->hotpluggable = false;
    RESETTABLE_CLASS(class)->phases.enter = remap_iommu_reset_enter;
    RESETTABLE_CLASS(class)->phases.exit = remap_iommu_reset_exit;
    remap_iommu_add_properties(class);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo remap_iommu_types[] = {
    {
        .name = TYPE_REMAP_IOMMU,
        .parent = TYPE_DEVICE,
        .instance_size = sizeof(RemapIommuDevice),
        .class_init = remap_iommu_class_init,
    },
};

DEFINE_TYPES(remap_iommu_types)
