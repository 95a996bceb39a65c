/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qapi/visitor.h"

#include "remap-counters.h"

void remap_counters_add(ObjectClass *class, const RemapCounter *counters, size_t count, ObjectPropertyAccessor *get)
{
    for (size_t i = 0; i < count; i++) {
        object_class_property_add(class, counters[i].name, "uint64", get, NULL, NULL, (void *)&counters[i]);
        object_class_property_set_description(class, counters[i].name, counters[i].description);
    }
}

void remap_counter_show(const RemapCounter *counter, const void *statistics, Visitor *v, const char *name, Error **errp)
{
    uint64_t value = *(const uint64_t *)((const char *)statistics + counter->offset);

    visit_type_uint64(v, name, &value, errp);
}
