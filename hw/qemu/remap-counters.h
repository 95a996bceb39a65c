/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of a model, to be read over QMP with qom-get: words of a struct of statistics, by name. */
#ifndef REMAP_COUNTERS_H
#define REMAP_COUNTERS_H

#include "qom/object.h"

typedef struct RemapCounter {
    const char *name;
    size_t offset; /* in the struct, of a uint64_t */
    const char *description;
} RemapCounter;

#define REMAP_COUNTER(name, type, field, description) { name, offsetof(type, field), description }

/* Properties of the class; `get` is called with the counter as its opaque, fills the struct in and shows the word. */
void remap_counters_add(ObjectClass *class, const RemapCounter *counters, size_t count, ObjectPropertyAccessor *get);
void remap_counter_show(const RemapCounter *counter, const void *statistics, Visitor *v, const char *name, Error **errp);

#endif
