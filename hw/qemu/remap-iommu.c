/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remap-iommu: the VT-d engine of remaplab as a QEMU device.
 *
 * The device has no bus. It maps its registers where q35 has them, takes over the translation of the root bus, and adds
 * its own DMAR to the tables that the firmware publishes, so it needs no change to the machine.
 */
#include "qemu/osdep.h"
#include "qemu/config-file.h"
#include "qemu/error-report.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/memfd.h"
#include "qemu/option.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/acpi/acpi.h"
#include "hw/i386/pc.h"
#include "hw/i386/x86-iommu.h"
#include "hw/pci/pci_bus.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "system/reset.h"
#include "system/system.h"

#include "remap-memory.h"
#include "remap_iommu.h"

#define TYPE_REMAP_IOMMU "remap-iommu"
OBJECT_DECLARE_SIMPLE_TYPE(RemapIommuDevice, REMAP_IOMMU)

#define TYPE_REMAP_IOMMU_REGION "remap-iommu-region"

#define REMAP_IOMMU_BASE 0xfed90000ULL

/* What one PCI function sees: an address space whose every access the engine translates. */
typedef struct RemapIommuSpace {
    IOMMUMemoryRegion region;
    AddressSpace as;
    RemapIommuDevice *device;
    PCIBus *bus;
    uint8_t devfn;
} RemapIommuSpace;

struct RemapIommuDevice {
    DeviceState parent;

    uint8_t address_width;
    bool huge_pages;

    RemapIommu *engine;
    MemoryRegion registers;
    PCIBus *bus;
    GHashTable *spaces;
    Notifier machine_done;

    /* Interrupts are sent from the main loop: an access to a device region takes the BQL, which the threads that cause
     * them may not wait for. A message that is pending is not pending twice. */
    QemuMutex interrupt_lock;
    QEMUBH *interrupt_bh;
    struct {
        bool pending;
        uint64_t address;
        uint32_t data;
    } interrupts[REMAP_IOMMU_INTERRUPTS];
};

/* Tables or queues that a guest places over device registers do not reach them, nor the BQL. */
static bool remap_iommu_memory_read(void *opaque, uint64_t from, void *to, size_t bytes)
{
    return remap_memory_read(&address_space_memory, from, to, bytes, MEMTXATTRS_UNSPECIFIED);
}

static bool remap_iommu_memory_write(void *opaque, uint64_t to, const void *from, size_t bytes)
{
    return remap_memory_write(&address_space_memory, to, from, bytes, MEMTXATTRS_UNSPECIFIED);
}

static void remap_iommu_interrupt(void *opaque, unsigned cause, uint64_t address, uint32_t data)
{
    RemapIommuDevice *s = opaque;

    WITH_QEMU_LOCK_GUARD(&s->interrupt_lock) {
        s->interrupts[cause].pending = true;
        s->interrupts[cause].address = address;
        s->interrupts[cause].data = data;
    }
    qemu_bh_schedule(s->interrupt_bh);
}

static void remap_iommu_send_interrupts(void *opaque)
{
    RemapIommuDevice *s = opaque;

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
            address_space_stl_le(&address_space_memory, address, data, MEMTXATTRS_UNSPECIFIED, NULL);
        }
    }
}

static const RemapIommuOps remap_iommu_ops = {
    .read = remap_iommu_memory_read,
    .write = remap_iommu_memory_write,
    .interrupt = remap_iommu_interrupt,
};

static uint64_t remap_iommu_mmio_read(void *opaque, hwaddr offset, unsigned size)
{
    RemapIommuDevice *s = opaque;

    return remap_iommu_read(s->engine, offset, size);
}

static void remap_iommu_mmio_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    RemapIommuDevice *s = opaque;

    remap_iommu_write(s->engine, offset, value, size);
}

static const MemoryRegionOps remap_iommu_mmio_ops = {
    .read = remap_iommu_mmio_read,
    .write = remap_iommu_mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

static IOMMUTLBEntry remap_iommu_region_translate(IOMMUMemoryRegion *region, hwaddr address,
                                                  IOMMUAccessFlags flag, int index)
{
    RemapIommuSpace *space = container_of(region, RemapIommuSpace, region);
    uint16_t source = PCI_BUILD_BDF(pci_bus_num(space->bus), space->devfn);
    RemapTranslation t;

    /* Only a real access says whether it reads or writes; a question from a debugger must leave no trace. */
    if (flag == IOMMU_RO || flag == IOMMU_WO) {
        t = remap_iommu_translate(space->device->engine, source, address, flag == IOMMU_WO);
    } else {
        t = remap_iommu_probe(space->device->engine, source, address, false);
    }
    if (!t.readable && !t.writable) {
        return (IOMMUTLBEntry) { .target_as = &address_space_memory, .iova = address, .perm = IOMMU_NONE };
    }
    return (IOMMUTLBEntry) {
        .target_as = &address_space_memory,
        .iova = address & ~(t.granule - 1),
        .translated_addr = t.address & ~(t.granule - 1),
        .addr_mask = t.granule - 1,
        .perm = IOMMU_ACCESS_FLAG(t.readable, t.writable),
    };
}

static int remap_iommu_region_notify(IOMMUMemoryRegion *region, IOMMUNotifierFlag old, IOMMUNotifierFlag new,
                                     Error **errp)
{
    error_setg(errp, "remap-iommu does not tell others when mappings change: vfio, vhost and device TLBs cannot be "
               "used behind it");
    return -ENOTSUP;
}

static guint remap_iommu_space_hash(gconstpointer key)
{
    const RemapIommuSpace *space = key;

    return g_direct_hash(space->bus) ^ space->devfn;
}

static gboolean remap_iommu_space_equal(gconstpointer a, gconstpointer b)
{
    const RemapIommuSpace *left = a, *right = b;

    return left->bus == right->bus && left->devfn == right->devfn;
}

static AddressSpace *remap_iommu_get_address_space(PCIBus *bus, void *opaque, int devfn)
{
    RemapIommuDevice *s = opaque;
    RemapIommuSpace wanted = { .bus = bus, .devfn = devfn };
    RemapIommuSpace *space = g_hash_table_lookup(s->spaces, &wanted);
    g_autofree char *name = NULL;

    if (space) {
        return &space->as;
    }
    /* Bus numbers change while firmware enumerates, so a space is known by its bus and not by the number. */
    space = g_new0(RemapIommuSpace, 1);
    space->device = s;
    space->bus = bus;
    space->devfn = devfn;
    name = g_strdup_printf("remap-iommu-%02x.%x", PCI_SLOT(devfn), PCI_FUNC(devfn));
    memory_region_init_iommu(&space->region, sizeof(space->region), TYPE_REMAP_IOMMU_REGION, OBJECT(s), name,
                             UINT64_MAX);
    address_space_init(&space->as, MEMORY_REGION(&space->region), name);
    g_hash_table_add(s->spaces, space);
    return &space->as;
}

static const PCIIOMMUOps remap_iommu_pci_ops = {
    .get_address_space = remap_iommu_get_address_space,
};

/* Adds the DMAR by the mechanism behind -acpitable, which takes files: an anonymous one serves. */
static bool remap_iommu_publish_dmar(RemapIommuDevice *s, Error **errp)
{
    g_autofree char *path = NULL;
    uint8_t table[512];
    size_t length = remap_iommu_dmar(REMAP_IOMMU_BASE, table, sizeof(table));
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

/* The last phase: until all devices are quiet, in the phases before, their accesses still mean what they meant. */
static void remap_iommu_reset_exit(Object *object, ResetType type)
{
    RemapIommuDevice *s = REMAP_IOMMU(object);

    WITH_QEMU_LOCK_GUARD(&s->interrupt_lock) {
        for (unsigned cause = 0; cause < REMAP_IOMMU_INTERRUPTS; cause++) {
            s->interrupts[cause].pending = false;
        }
    }
    remap_iommu_reset(s->engine);
}

static void remap_iommu_realize(DeviceState *dev, Error **errp)
{
    RemapIommuDevice *s = REMAP_IOMMU(dev);
    RemapIommuOptions options = { .address_width = s->address_width, .huge_pages = s->huge_pages };

    s->bus = remap_iommu_find_bus(errp);
    if (!s->bus) {
        return;
    }
    s->engine = remap_iommu_new(&options, &remap_iommu_ops, s);
    if (!s->engine) {
        error_setg(errp, "remap-iommu: aw-bits=%u is not 39 or 48", s->address_width);
        return;
    }
    if (!remap_iommu_publish_dmar(s, errp)) {
        remap_iommu_free(s->engine);
        s->engine = NULL;
        return;
    }

    qemu_mutex_init(&s->interrupt_lock);
    s->interrupt_bh = qemu_bh_new_guarded(remap_iommu_send_interrupts, s, &dev->mem_reentrancy_guard);
    s->spaces = g_hash_table_new_full(remap_iommu_space_hash, remap_iommu_space_equal, NULL, NULL);
    memory_region_init_io(&s->registers, OBJECT(s), &remap_iommu_mmio_ops, s, TYPE_REMAP_IOMMU,
                          remap_iommu_window_size());
    /* Its own interrupts are written from the bottom half, possibly by an access to these registers. */
    s->registers.disable_reentrancy_guard = true;
    memory_region_add_subregion_overlap(get_system_memory(), REMAP_IOMMU_BASE, &s->registers, 1);
    pci_setup_iommu(s->bus, &remap_iommu_pci_ops, s);
    s->machine_done.notify = remap_iommu_machine_done;
    qemu_add_machine_init_done_notifier(&s->machine_done);
    /* A device without a bus is outside the tree that a machine resets. */
    qemu_register_resettable(OBJECT(s));
}

static const Property remap_iommu_properties[] = {
    DEFINE_PROP_UINT8("aw-bits", RemapIommuDevice, address_width, 48),
    DEFINE_PROP_BOOL("huge-pages", RemapIommuDevice, huge_pages, true),
};

static const VMStateDescription remap_iommu_vmstate = {
    .name = TYPE_REMAP_IOMMU,
    .unmigratable = 1,
};

static void remap_iommu_class_init(ObjectClass *class, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(class);

    dc->desc = "remaplab IOMMU (Intel VT-d)";
    dc->realize = remap_iommu_realize;
    dc->vmsd = &remap_iommu_vmstate;
    dc->user_creatable = true;
    dc->hotpluggable = false;
    RESETTABLE_CLASS(class)->phases.exit = remap_iommu_reset_exit;
    device_class_set_props(dc, remap_iommu_properties);
    object_class_property_set_description(class, "aw-bits", "Width of logical addresses, 39 or 48");
    object_class_property_set_description(class, "huge-pages", "Translations of 2 MiB and 1 GiB");
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static void remap_iommu_region_class_init(ObjectClass *class, void *data)
{
    IOMMUMemoryRegionClass *imrc = IOMMU_MEMORY_REGION_CLASS(class);

    imrc->translate = remap_iommu_region_translate;
    imrc->notify_flag_changed = remap_iommu_region_notify;
}

static const TypeInfo remap_iommu_types[] = {
    {
        .name = TYPE_REMAP_IOMMU,
        .parent = TYPE_DEVICE,
        .instance_size = sizeof(RemapIommuDevice),
        .class_init = remap_iommu_class_init,
    },
    {
        .name = TYPE_REMAP_IOMMU_REGION,
        .parent = TYPE_IOMMU_MEMORY_REGION,
        .class_init = remap_iommu_region_class_init,
    },
};

DEFINE_TYPES(remap_iommu_types)
