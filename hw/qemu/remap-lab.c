/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qapi/error.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci.h"
#include "migration/vmstate.h"
#include "system/cpu-timers.h"
#include "system/system.h"

#include "remap-iommu.h"
#include "trace.h"

static uint64_t remap_lab_now(void *opaque)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

/* In a machine that counts instructions nobody's time passes while a device works: the engine makes up for it. */
static void remap_lab_wait(void *opaque, uint64_t nanoseconds)
{
    RemapIommuDevice *s = opaque;

    if (icount_enabled()) {
        qatomic_set(&s->lab.owed, s->lab.owed + nanoseconds);
    } else {
        g_usleep(DIV_ROUND_UP(nanoseconds, SCALE_US));
    }
}

uint64_t remap_lab_take_owed(RemapIommuDevice *s)
{
    return qatomic_xchg(&s->lab.owed, 0);
}

bool remap_lab_owes(const RemapIommuDevice *s)
{
    return qatomic_read(&s->lab.owed);
}

static void remap_lab_call_later(void *opaque, uint64_t nanoseconds)
{
    RemapIommuDevice *s = opaque;

    timer_mod_ns(s->lab.timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + MAX(nanoseconds, 1));
}

static void remap_lab_time_has_come(void *opaque)
{
    RemapIommuDevice *s = opaque;

    remap_lab_timer_expired(s->lab.lab);
}

static bool remap_lab_raise(void *opaque, uint16_t source, uint32_t vector)
{
    RemapIommuDevice *s = opaque;
    PCIDevice *pci = pci_find_device(s->bus, PCI_BUS_NUM(source), source & UINT8_MAX);

    if (!pci || !pci->enabled || remap_removal_is_pulled(pci)) {
        return false;
    }
    if (msix_enabled(pci) && vector < pci->msix_entries_nr && pci->msix_entry_used[vector]) {
        msix_notify(pci, vector);
        return true;
    }
    if (msi_enabled(pci) && vector < msi_nr_vectors_allocated(pci)) {
        msi_notify(pci, vector);
        return true;
    }
    return false;
}

/* First nobody asks it any more, then it is gone. */
static bool remap_lab_remove(void *opaque, uint16_t source)
{
    RemapIommuDevice *s = opaque;

    if (!remap_removal_pull(&s->lab.removal, s->bus, source)) {
        return false;
    }
    remap_iommu_silence_client(s, source);
    return true;
}

/* QEMU's maps of memory are read under RCU, which has to know a thread; and to forget it before it ends. */
static void remap_lab_enter(void *opaque)
{
    rcu_register_thread();
}

static void remap_lab_leave(void *opaque)
{
    rcu_unregister_thread();
}

static const RemapLabOps remap_lab_ops = {
    .now = remap_lab_now,
    .wait = remap_lab_wait,
    .call_later = remap_lab_call_later,
    .raise = remap_lab_raise,
    .remove = remap_lab_remove,
    .enter = remap_lab_enter,
    .leave = remap_lab_leave,
};

/* Tools are told that the machine has ended, and its segment goes: no thread writes there any more. */
static void remap_lab_exit(Notifier *notifier, void *data)
{
    RemapIommuDevice *s = container_of(notifier, RemapIommuDevice, lab.exit);

    remap_workers_end();
    remap_lab_free(s->lab.lab);
}

/* A file or rules are reason enough. NULL: no laboratory is wanted. */
static char *remap_lab_wanted_name(const RemapLabState *lab)
{
    bool off = !lab->name || !strcmp(lab->name, "off");

    if (off && !(!lab->name && (lab->file || lab->rules))) {
        return NULL;
    }
    return off || !strcmp(lab->name, "on") ? g_strdup_printf("qemu-%d", getpid()) : g_strdup(lab->name);
}

static bool remap_lab_check(const RemapLabState *lab, const char *name, Error **errp)
{
    if (!name && (lab->file || lab->rules)) {
        error_setg(errp, "remap-iommu: lab-file and rules need a laboratory, but lab=off");
        return false;
    }
    if (!name && (lab->trace || lab->seed_given)) {
        error_setg(errp, "remap-iommu: trace and seed need a laboratory: lab=on");
        return false;
    }
    return true;
}

bool remap_lab_begin(RemapIommuDevice *s, Error **errp)
{
    RemapLabState *lab = &s->lab;
    g_autofree char *name = remap_lab_wanted_name(lab);
    RemapLabOptions options = {
        .name = name,
        .file = lab->file,
        .rules = lab->rules,
        .seed = lab->seed_given ? &lab->seed : NULL,
        .trace = lab->trace,
        .trace_size = lab->trace_size,
        .machine_time = icount_enabled(),
    };
    char why[1024];

    remap_removal_init(&lab->removal, OBJECT(s));
    if (!remap_lab_check(lab, name, errp)) {
        return false;
    }
    if (!name) {
        return true;
    }
    lab->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, remap_lab_time_has_come, s);
    lab->lab = remap_lab_new(&options, &remap_lab_ops, s, why, sizeof(why));
    if (!lab->lab) {
        timer_free(lab->timer);
        error_setg(errp, "remap-iommu: %s", why);
        return false;
    }
    lab->exit.notify = remap_lab_exit;
    qemu_add_exit_notifier(&lab->exit);
    s->options.lab = lab->lab;
    remap_lab_start_registers(lab, OBJECT(s));
    return true;
}

void remap_lab_abandon(RemapIommuDevice *s)
{
    if (s->lab.lab) {
        remap_lab_end_registers(&s->lab);
        qemu_remove_exit_notifier(&s->lab.exit);
        remap_lab_free(s->lab.lab);
        timer_free(s->lab.timer);
        s->lab.lab = NULL;
    }
}

void remap_lab_machine_runs(RemapIommuDevice *s)
{
    uint16_t source;

    remap_removal_resume(&s->lab.removal, s->bus);
    for (unsigned i = 0; remap_removal_pulled(&s->lab.removal, i, &source); i++) {
        remap_iommu_silence_client(s, source);
    }
}

void remap_lab_before_save(RemapIommuDevice *s)
{
    if (s->lab.lab) {
        remap_lab_settle(s->lab.lab);
    }
}

void remap_lab_reset(RemapIommuDevice *s)
{
    remap_lab_reset_registers(&s->lab);
    remap_removal_put_back(&s->lab.removal);
    remap_iommu_heed_all_clients(s);
}
