/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The laboratory of a machine: part of its remap-iommu. Without the options that turn it on there is none, and nobody
 * looks for it but at one pointer.
 */
#ifndef REMAP_LAB_DEVICE_H
#define REMAP_LAB_DEVICE_H

#include "exec/memory.h"
#include "qemu/notify.h"
#include "qemu/timer.h"
#include "qom/object.h"

#include "remap-removal.h"
#include "remap_lab.h"

typedef struct RemapIommuDevice RemapIommuDevice;

typedef struct RemapLabState {
    /* Options. */
    char *name; /* NULL or "off": none; "on"; or the name that tools attach by */
    char *file;
    char *rules;
    uint64_t seed;
    bool seed_given;
    bool trace;
    uint64_t trace_size;

    RemapLab *lab; /* NULL: none */
    QEMUTimer *timer;
    Notifier exit;
    uint64_t owed; /* with -icount, nanoseconds: delays of the access that is made just now */
    RemapRemoval removal;
    MemoryRegion register_page;
    RemapLabRegisters registers;
} RemapLabState;

/* With the BQL. False: the options are wrong, or something is missing. */
bool remap_lab_begin(RemapIommuDevice *s, Error **errp);

/* When the machine could not be made. */
void remap_lab_abandon(RemapIommuDevice *s);

/* The machine runs, or its state is about to be saved; its reset, before that of devices. */
void remap_lab_machine_runs(RemapIommuDevice *s);
void remap_lab_before_save(RemapIommuDevice *s);
void remap_lab_reset(RemapIommuDevice *s);

/* With -icount: the delays of what was done since it was last asked, nanoseconds. */
uint64_t remap_lab_take_owed(RemapIommuDevice *s);
bool remap_lab_owes(const RemapIommuDevice *s);

/* remap-lab-registers.c: where there is a laboratory, with the BQL */
void remap_lab_start_registers(RemapLabState *lab, Object *owner);
void remap_lab_end_registers(RemapLabState *lab);
void remap_lab_reset_registers(RemapLabState *lab);

/* remap-lab-properties.c */
void remap_lab_add_properties(ObjectClass *class);

#endif
