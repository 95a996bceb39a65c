/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "hw/qdev-properties.h"

#include "remap-counters.h"
#include "remap-iommu.h"

static const Property remap_iommu_properties[] = {
    DEFINE_PROP_UINT32("aw-bits", RemapIommuDevice, options.address_width, 48),
    DEFINE_PROP_BOOL("huge-pages", RemapIommuDevice, options.huge_pages, true),
    DEFINE_PROP_BOOL("scalable-mode", RemapIommuDevice, options.scalable, false),
    DEFINE_PROP_BOOL("snoop-control", RemapIommuDevice, options.snoop_control, false),
    DEFINE_PROP_BOOL("caching-mode", RemapIommuDevice, options.caching_mode, false),
    DEFINE_PROP_BOOL("device-iotlb", RemapIommuDevice, options.device_tlb, false),
    DEFINE_PROP_UINT32("device-iotlb-timeout", RemapIommuDevice, device_timeout, 60000),
    DEFINE_PROP_BOOL("svm", RemapIommuDevice, options.page_requests, false),
    DEFINE_PROP_ON_OFF_AUTO("intremap", RemapIommuDevice, intremap, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_ON_OFF_AUTO("eim", RemapIommuDevice, eim, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_BOOL("ioapic-source-check", RemapIommuDevice, ioapic_source_check, false),
#define CACHE(field, option, entries_, ways_, what) \
    DEFINE_PROP_UINT32(option "-entries", RemapIommuDevice, options.caches.field.entries, entries_), \
    DEFINE_PROP_UINT32(option "-ways", RemapIommuDevice, options.caches.field.ways, ways_),
    REMAP_IOMMU_CACHES(CACHE)
#undef CACHE
    DEFINE_PROP_BOOL("async-invalidation", RemapIommuDevice, async_invalidation, false),
    DEFINE_PROP_BOOL("ioeventfd", RemapIommuDevice, ioeventfd, true),
    DEFINE_PROP_UINT32("invalidation-delay", RemapIommuDevice, invalidation_delay, 0),
    DEFINE_PROP_BOOL("stale-check", RemapIommuDevice, options.detect_stale_uses, false),
    DEFINE_PROP_UINT32("stale-grace", RemapIommuDevice, stale_grace, 100),
    DEFINE_PROP_STRING("lab", RemapIommuDevice, lab.name),
    DEFINE_PROP_STRING("lab-file", RemapIommuDevice, lab.file),
    DEFINE_PROP_SIZE("trace-size", RemapIommuDevice, lab.trace_size, 4 * MiB),
};

static const char *const remap_iommu_descriptions[][2] = {
    { "aw-bits", "Width of logical addresses: 39, 48 or 57" },
    { "huge-pages", "Translations of 2 MiB and 1 GiB" },
    { "scalable-mode", "Scalable mode: PASIDs, first-stage and nested translation" },
    { "snoop-control", "Page tables may force accesses to snoop" },
    { "caching-mode", "What is not mapped is cached too, so that mapping needs an invalidation" },
    { "device-iotlb", "Devices may ask for translations and keep them (ATS)" },
    { "device-iotlb-timeout", "Time that a device has to obey an invalidation at least, in milliseconds" },
    { "svm", "Devices may ask for pages that are not there (PRI); needs device-iotlb and scalable-mode" },
    { "intremap", "Interrupt remapping; auto: unless KVM has all of the interrupt controllers" },
    { "eim", "Interrupts with destinations of 32 bits; auto: with interrupt remapping, where processors have x2APIC" },
    { "ioapic-source-check", "An interrupt of the IOAPIC is refused by an entry for another source, as on hardware" },
#define CACHE(field, option, entries, ways, what) \
    { option "-entries", "How many " what " the unit can hold" }, \
    { option "-ways", "Places that one of them may go to" },
    REMAP_IOMMU_CACHES(CACHE)
#undef CACHE
    { "async-invalidation", "Invalidations are always done after the register write that asks for them has ended" },
    { "ioeventfd", "Under KVM, a write of the invalidation queue's tail does not leave the kernel" },
    { "invalidation-delay", "Time from an invalidation to its completion at least, in microseconds" },
    { "stale-check", "Compare every translation with the tables, and count what is served although it is out of date" },
    { "stale-grace", "Time that software has for an invalidation before a use is called stale, in milliseconds" },
};

/* Counters since power-on, to be read over QMP with qom-get. */
#define COUNTER(name, field, description) REMAP_COUNTER(name, RemapIommuStatistics, field, description)

static const RemapCounter remap_iommu_counters[] = {
    COUNTER("translations", translations, "Translations given to devices"),
    COUNTER("walks", walks, "Translations that the IOTLB did not know"),
    COUNTER("interrupts", interrupts, "Answers given to interrupt requests"),
    COUNTER("interrupt-fetches", interrupt_fetches, "Interrupt requests whose entry was not in the cache"),
    COUNTER("unverified-interrupts", unverified_interrupts,
            "Interrupts of the IOAPIC through entries for another source; with ioapic-source-check=on they are refused"),
    COUNTER("stale-uses", stale_uses, "Translations served out of date and never invalidated; needs stale-check=on"),
    COUNTER("late-invalidations", late_invalidations, "Translations served out of date before their invalidation"),
    COUNTER("undecided-stale-uses", undecided_uses, "Those of which too many were open to say which they are"),
};

static void remap_iommu_get_counter(Object *object, Visitor *v, const char *name, void *opaque, Error **errp)
{
    RemapIommuStatistics statistics = { 0 };

    if (REMAP_IOMMU(object)->engine) {
        remap_iommu_statistics(REMAP_IOMMU(object)->engine, &statistics);
    }
    remap_counter_show(opaque, &statistics, v, name, errp);
}

static char *remap_iommu_get_stale_report(Object *object, Error **errp)
{
    size_t size = 64 * KiB;
    char *text = g_malloc0(size);

    if (REMAP_IOMMU(object)->engine) {
        remap_iommu_stale_report(REMAP_IOMMU(object)->engine, text, size);
    }
    return text;
}

void remap_iommu_add_properties(ObjectClass *class)
{
    device_class_set_props(DEVICE_CLASS(class), remap_iommu_properties);
    for (size_t i = 0; i < ARRAY_SIZE(remap_iommu_descriptions); i++) {
        object_class_property_set_description(class, remap_iommu_descriptions[i][0], remap_iommu_descriptions[i][1]);
    }
    remap_lab_add_properties(class);
    remap_counters_add(class, remap_iommu_counters, ARRAY_SIZE(remap_iommu_counters), remap_iommu_get_counter);
    object_class_property_add_str(class, "stale-report", remap_iommu_get_stale_report, NULL);
    object_class_property_set_description(class, "stale-report", "The latest stale uses, a line each");
}
