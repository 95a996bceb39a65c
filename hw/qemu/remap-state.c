/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "migration/qemu-file-types.h"
#include "remap-state.h"

static int remap_state_put(QEMUFile *file, void *value, size_t size, const VMStateField *field, JSONWriter *description)
{
    RemapState *state = value;
    size_t bytes = state->save(state->opaque, NULL, 0);
    g_autofree uint8_t *data = g_malloc(bytes);

    state->save(state->opaque, data, bytes);
    qemu_put_be32(file, bytes);
    qemu_put_buffer(file, data, bytes);
    return 0;
}

/* The stream may come from anybody: nothing of it is believed, and its length least of all. */
static int remap_state_get(QEMUFile *file, void *value, size_t size, const VMStateField *field)
{
    RemapState *state = value;
    uint32_t bytes = qemu_get_be32(file);
    g_autofree uint8_t *data = NULL;
    char why[200];

    if (bytes > state->limit) {
        error_report("%s: a saved state of %" PRIu32 " bytes is none, %" PRIu32 " are the most", state->name, bytes,
                     state->limit);
        return -EINVAL;
    }
    data = g_malloc(bytes);
    if (qemu_get_buffer(file, data, bytes) != bytes) {
        error_report("%s: the saved state is cut short", state->name);
        return -EIO;
    }
    if (!state->load(state->opaque, data, bytes, why, sizeof(why))) {
        error_report("%s: the saved state is refused: %s", state->name, why);
        return -EINVAL;
    }
    return 0;
}

const VMStateInfo remap_state_info = {
    .name = "remap state",
    .get = remap_state_get,
    .put = remap_state_put,
};
