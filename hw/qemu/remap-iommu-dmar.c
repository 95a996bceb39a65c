/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/config-file.h"
#include "qemu/memfd.h"
#include "qemu/option.h"
#include "qapi/error.h"
#include "hw/acpi/acpi.h"
#include "hw/i386/acpi-common.h"

#include "remap-iommu.h"

/* By the mechanism behind -acpitable, which takes files: an anonymous one serves. */
bool remap_iommu_publish_dmar(RemapIommuDevice *s, Error **errp)
{
    g_autofree char *path = NULL;
    uint8_t table[512];
    RemapIommuPlace place = {
        .base = REMAP_IOMMU_BASE,
        .ioapic_id = ACPI_BUILD_IOAPIC_ID,
        .ioapic_source = remap_iommu_ioapic_source,
    };
    size_t length = remap_iommu_dmar(&s->options, &place, table, sizeof(table));
    Error *error = NULL;
    QemuOpts *opts;
    int fd;

    if (length == 0) {
        error_setg(errp, "remap-iommu: the DMAR does not fit %zu bytes", sizeof(table));
        return false;
    }
    fd = qemu_memfd_create("remap-dmar", length, false, 0, 0, errp);
    if (fd < 0) {
        return false;
    }
    if (pwrite(fd, table, length, 0) != length) {
        error_setg_errno(errp, errno, "remap-iommu: cannot write the DMAR");
        close(fd);
        return false;
    }
    path = g_strdup_printf("/proc/self/fd/%d", fd);
    opts = qemu_opts_create(qemu_find_opts("acpi"), NULL, 0, &error_abort);
    qemu_opt_set(opts, "file", path, &error_abort);
    acpi_table_add(opts, &error);
    qemu_opts_del(opts);
    close(fd);
    if (error) {
        error_propagate(errp, error);
        return false;
    }
    return true;
}
