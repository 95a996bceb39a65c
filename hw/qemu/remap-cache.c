/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "exec/exec-all.h"
#include "exec/target_page.h"
#include "hw/boards.h"
#include "hw/i386/pc.h"
#include "migration/blocker.h"
#include "system/reset.h"
#include "system/system.h"
#include "system/tcg.h"
#include "cpu.h"

#include "remap-cache.h"
#include "remap-counters.h"
#include "remap-memory.h"

RemapCache *remap_cache;

static int remap_cache_mode; /* as the machine's property has it */

/* -- what the model needs */

static bool remap_cache_read_memory(void *opaque, uint64_t from, void *to, size_t bytes)
{
    return remap_memory_read(from, to, bytes);
}

static bool remap_cache_write_memory(void *opaque, uint64_t to, const void *from, size_t bytes)
{
    return remap_memory_write(to, from, bytes);
}

static void remap_cache_found(void *opaque, const char *text)
{
    warn_report("cache-model: %s", text);
}

static const RemapCacheOps remap_cache_ops = {
    .read = remap_cache_read_memory,
    .write = remap_cache_write_memory,
    .found = remap_cache_found,
};

RemapCachePaging remap_cache_paging(CPUState *cpu)
{
    CPUX86State *env = cpu_env(cpu);
    RemapCachePaging paging = {
        .cr0 = env->cr[0],
        .cr3 = env->cr[3],
        .cr4 = env->cr[4],
        .efer = env->efer,
        .pat = env->pat,
        .mtrr_default = env->mtrr_deftype,
        .huge_leaves = env->features[FEAT_8000_0001_EDX] & CPUID_EXT2_PDPE1GB,
        .mtrr_capabilities = MSR_MTRRcap_VCNT | MSR_MTRRcap_FIXRANGE_SUPPORT,
        .address_width = X86_CPU(cpu)->phys_bits,
    };

    QEMU_BUILD_BUG_ON(sizeof(paging.mtrr_fixed) != sizeof(env->mtrr_fixed));
    QEMU_BUILD_BUG_ON(ARRAY_SIZE(paging.mtrr_variable) != ARRAY_SIZE(env->mtrr_var));
    memcpy(paging.mtrr_fixed, env->mtrr_fixed, sizeof(paging.mtrr_fixed));
    for (size_t i = 0; i < ARRAY_SIZE(paging.mtrr_variable); i++) {
        paging.mtrr_variable[i].base = env->mtrr_var[i].base;
        paging.mtrr_variable[i].mask = env->mtrr_var[i].mask;
    }
    return paging;
}

/* -- /machine/caches, to be read over QMP with qom-get */

#define TYPE_REMAP_CACHE "remap-cache-model"

#define COUNTER(name, field, description) REMAP_COUNTER(name, RemapCacheCounters, field, description)

static const RemapCounter remap_cache_counter_list[] = {
    COUNTER("tracked-pages", tracked_pages, "Pages that devices reach past the caches, of 4 KiB"),
    COUNTER("lines", lines, "Lines of 64 bytes of which a cache or a buffer has what memory lacks"),
    COUNTER("loads", loads, "Processors' loads from tracked pages"),
    COUNTER("stores", stores, "Processors' stores to tracked pages"),
    COUNTER("flushes", flushes, "Lines flushed by instructions"),
    COUNTER("fences", fences, "Fences that had something to order"),
    COUNTER("dma-reads", dma_reads, "Devices' reads of tracked pages"),
    COUNTER("dma-writes", dma_writes, "Devices' writes to tracked pages"),
    COUNTER("findings", findings, "Different mistakes found"),
    COUNTER("repeats", repeats, "Mistakes found again"),
    COUNTER("untold", untold, "Mistakes beyond those that are kept"),
    COUNTER("given-up", given_up, "Lines of which nothing was found any more, as there were too many"),
};

static void remap_cache_get_counter(Object *object, Visitor *v, const char *name, void *opaque, Error **errp)
{
    RemapCacheCounters counters;

    remap_cache_counters(remap_cache, &counters);
    remap_counter_show(opaque, &counters, v, name, errp);
}

static char *remap_cache_get_report(Object *object, Error **errp)
{
    GString *text = g_string_new(NULL);
    char *one;

    for (uint64_t i = 0; (one = remap_cache_finding_text(remap_cache, i)); i++) {
        g_string_append_printf(text, "%s\n", one);
        free(one);
    }
    return g_string_free(text, false);
}

/* -- who maps a page: its address is set, and then the answer read */

static uint64_t remap_cache_page; /* bytes */

static void remap_cache_get_page(Object *object, Visitor *v, const char *name, void *opaque, Error **errp)
{
    visit_type_uint64(v, name, &remap_cache_page, errp);
}

static void remap_cache_set_page(Object *object, Visitor *v, const char *name, void *opaque, Error **errp)
{
    visit_type_uint64(v, name, &remap_cache_page, errp);
}

typedef struct RemapCacheQuestion {
    uint64_t page;
    GString *answer;
} RemapCacheQuestion;

/* On the processor's own thread, between two of its instructions. */
static void remap_cache_ask_processor(CPUState *cpu, run_on_cpu_data data)
{
    RemapCacheQuestion *question = data.host_ptr;
    RemapCachePaging paging = remap_cache_paging(cpu);
    g_autofree char *text = remap_cache_mappings_text(remap_cache, &paging, question->page);

    g_string_append_printf(question->answer, "cpu %d, cr3 0x%" PRIx64 ":\n%s", cpu->cpu_index, paging.cr3, text);
}

static char *remap_cache_get_mappings(Object *object, Error **errp)
{
    RemapCacheQuestion question = { remap_cache_page >> TARGET_PAGE_BITS, g_string_new(NULL) };
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        run_on_cpu(cpu, remap_cache_ask_processor, RUN_ON_CPU_HOST_PTR(&question));
    }
    return g_string_free(question.answer, false);
}

static void remap_cache_class_init(ObjectClass *class, void *data)
{
    remap_counters_add(class, remap_cache_counter_list, ARRAY_SIZE(remap_cache_counter_list), remap_cache_get_counter);
    object_class_property_add_str(class, "report", remap_cache_get_report, NULL);
    object_class_property_set_description(class, "report", "The mistakes found so far, in words");
    object_class_property_add(class, "page", "uint64", remap_cache_get_page, remap_cache_set_page, NULL, NULL);
    object_class_property_set_description(class, "page", "Physical address of the page that \"mappings\" is about");
    object_class_property_add_str(class, "mappings", remap_cache_get_mappings, NULL);
    object_class_property_set_description(class, "mappings",
                                          "Who maps the page: virtual addresses and memory types, a line for each");
}

static const TypeInfo remap_cache_types[] = {
    { .name = TYPE_REMAP_CACHE, .parent = TYPE_OBJECT, .class_init = remap_cache_class_init },
};
DEFINE_TYPES(remap_cache_types)

/* -- the machine's property */

static const char *const remap_cache_mode_names[] = {
    [0] = "off",
    [REMAP_CACHE_REPORT] = "report",
    [REMAP_CACHE_STRICT] = "strict",
};

static char *remap_cache_get_mode(Object *object, Error **errp)
{
    return g_strdup(remap_cache_mode_names[remap_cache_mode]);
}

static void remap_cache_set_mode(Object *object, const char *value, Error **errp)
{
    if (g_str_equal(value, "on")) {
        value = remap_cache_mode_names[REMAP_CACHE_REPORT];
    }
    for (size_t i = 0; i < ARRAY_SIZE(remap_cache_mode_names); i++) {
        if (g_str_equal(value, remap_cache_mode_names[i])) {
            remap_cache_mode = i;
            return;
        }
    }
    error_setg(errp, "cache-model=%s is not off, on, report (the same as on) or strict", value);
}

static void remap_cache_reset(void *opaque)
{
    remap_cache_settle(remap_cache);
}

/* Contents of caches are no part of a saved machine. */
static void remap_cache_block_migration(void)
{
    Error *reason = NULL;

    error_setg(&reason, "The state of cache-model=%s cannot be migrated", remap_cache_mode_names[remap_cache_mode]);
    migrate_add_blocker(&reason, &error_fatal);
}

static void remap_cache_start(Notifier *notifier, void *data)
{
    if (!remap_cache_mode) {
        return;
    }
    if (!tcg_enabled()) {
        error_report("cache-model=%s needs -accel tcg: a processor's accesses are not seen under another",
                     remap_cache_mode_names[remap_cache_mode]);
        exit(EXIT_FAILURE);
    }
    remap_cache = remap_cache_new(remap_cache_mode, &remap_cache_ops, NULL);
    object_property_add_child(OBJECT(current_machine), "caches", object_new(TYPE_REMAP_CACHE));
    remap_cache_block_migration();
    qemu_register_reset(remap_cache_reset, NULL);
    remap_cache_start_window();
    remap_cache_start_instructions();
    remap_cache_start_registers();
}

static Notifier remap_cache_machine_done = { .notify = remap_cache_start };

/*
 * QEMU's machines get the property without a change to them: their class is asked for when all types are known, and
 * before one is chosen.
 */
static void remap_cache_add_property(void)
{
    ObjectClass *class = object_class_by_name(TYPE_PC_MACHINE);

    object_class_property_add_str(class, "cache-model", remap_cache_get_mode, remap_cache_set_mode);
    object_class_property_set_description(class, "cache-model",
        "Model the processors' caches where devices do not snoop them: off, on, report or strict (TCG)");
    qemu_add_machine_init_done_notifier(&remap_cache_machine_done);
}
migration_init(remap_cache_add_property);
