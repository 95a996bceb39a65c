/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The laboratory's options, and what of it can be read and changed over QMP while the machine runs.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "hw/qdev-properties.h"

#include "remap-counters.h"
#include "remap-iommu.h"

static RemapLabState *remap_lab_of(Object *object)
{
    return &REMAP_IOMMU(object)->lab;
}

/* What can be changed live can be set before too; once the device is there, only if it has a laboratory. */
static bool remap_lab_is_live(Object *object, bool *live, Error **errp)
{
    *live = qdev_is_realized(DEVICE(object));
    if (*live && !remap_lab_of(object)->lab) {
        error_setg(errp, "remap-iommu has no laboratory: it was not started with lab=on");
        return false;
    }
    return true;
}

static char *remap_lab_get_rules(Object *object, Error **errp)
{
    RemapLabState *state = remap_lab_of(object);
    char *text, *copy;

    if (!state->lab) {
        return g_strdup(state->rules ? state->rules : "");
    }
    text = remap_lab_rules(state->lab);
    copy = g_strdup(text ? text : "");
    remap_lab_free_text(text);
    return copy;
}

static void remap_lab_put_rules(Object *object, const char *rules, Error **errp)
{
    RemapLabState *state = remap_lab_of(object);
    char why[1024];
    bool live;

    if (!remap_lab_is_live(object, &live, errp)) {
        return;
    }
    if (!live) {
        g_free(state->rules);
        state->rules = g_strdup(rules);
    } else if (!remap_lab_set_rules(state->lab, rules, why, sizeof(why))) {
        error_setg(errp, "%s", why);
    }
}

static bool remap_lab_get_trace(Object *object, Error **errp)
{
    RemapLabState *state = remap_lab_of(object);

    return state->lab ? remap_lab_trace(state->lab) : state->trace;
}

static void remap_lab_put_trace(Object *object, bool on, Error **errp)
{
    RemapLabState *state = remap_lab_of(object);
    bool live;

    if (!remap_lab_is_live(object, &live, errp)) {
        return;
    }
    if (live) {
        remap_lab_set_trace(state->lab, on);
    }
    state->trace = on;
}

static void remap_lab_get_seed(Object *object, Visitor *v, const char *name, void *opaque, Error **errp)
{
    visit_type_uint64(v, name, &remap_lab_of(object)->seed, errp);
}

static void remap_lab_put_seed(Object *object, Visitor *v, const char *name, void *opaque, Error **errp)
{
    RemapLabState *state = remap_lab_of(object);

    if (qdev_is_realized(DEVICE(object))) {
        error_setg(errp, "the seed is an option of the start; rules that are set later bring their own");
    } else {
        state->seed_given = visit_type_uint64(v, name, &state->seed, errp);
    }
}

/* Counters since power-on; 0 without a laboratory. */
#define COUNTER(name, field, description) REMAP_COUNTER(name, RemapLabStatistics, field, description)

static const RemapCounter remap_lab_counters[] = {
    COUNTER("injections", injections, "How often rules have acted"),
    COUNTER("trace-records", trace_records, "Events written to the trace, injections included"),
    COUNTER("trace-lost", trace_lost, "Events not written to the trace, because another thread was in the way"),
};

static void remap_lab_get_counter(Object *object, Visitor *v, const char *name, void *opaque, Error **errp)
{
    RemapLabStatistics statistics = { 0 };

    if (remap_lab_of(object)->lab) {
        remap_lab_statistics(remap_lab_of(object)->lab, &statistics);
    }
    remap_counter_show(opaque, &statistics, v, name, errp);
}

static bool remap_lab_show_device(Visitor *v, RemapLabDevice *device, Error **errp)
{
    g_autofree char *address = g_strdup_printf("%02x:%02x.%x", PCI_BUS_NUM(device->source), PCI_SLOT(device->source),
                                               PCI_FUNC(device->source));
    bool done = visit_type_str(v, "device", &address, errp)
#define SHOW(field, number, name) && visit_type_uint64(v, name, &device->field, errp)
        REMAP_LAB_COUNTS(SHOW);
#undef SHOW

    return done;
}

/* A list of structs: who did how much. */
static void remap_lab_get_devices(Object *object, Visitor *v, const char *name, void *opaque, Error **errp)
{
    RemapLab *lab = remap_lab_of(object)->lab;
    RemapLabDevice device;
    unsigned row = 0;
    bool good = true;

    if (!visit_start_list(v, name, NULL, 0, errp)) {
        return;
    }
    while (lab && good && remap_lab_next_device(lab, &row, &device)) {
        good = visit_start_struct(v, NULL, NULL, 0, errp);
        if (good) {
            good = remap_lab_show_device(v, &device, errp);
            visit_end_struct(v, NULL);
        }
    }
    visit_end_list(v, NULL);
}

static const char *const remap_lab_descriptions[][2] = {
    { "lab", "Fault laboratory: on, off, or the machine's name for tools that attach to it" },
    { "lab-file", "The laboratory's segment is this file and outlives the machine; turns lab on" },
    { "trace-size", "Bytes of each lane of the trace, a power of two of at least 64K" },
    { "rules", "Fault rules: a file, or their text, which begins with a brace; turns lab on" },
    { "seed", "In place of the seed that the rules have" },
    { "trace", "Whether the trace is written" },
    { "devices", "What each device has done since power-on" },
};

void remap_lab_add_properties(ObjectClass *class)
{
    object_class_property_add_str(class, "rules", remap_lab_get_rules, remap_lab_put_rules);
    object_class_property_add_bool(class, "trace", remap_lab_get_trace, remap_lab_put_trace);
    object_class_property_add(class, "seed", "uint64", remap_lab_get_seed, remap_lab_put_seed, NULL, NULL);
    object_class_property_add(class, "devices", "list", remap_lab_get_devices, NULL, NULL, NULL);
    remap_counters_add(class, remap_lab_counters, ARRAY_SIZE(remap_lab_counters), remap_lab_get_counter);
    for (size_t i = 0; i < ARRAY_SIZE(remap_lab_descriptions); i++) {
        object_class_property_set_description(class, remap_lab_descriptions[i][0], remap_lab_descriptions[i][1]);
    }
}
