/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"

#include "remap-iommu.h"
#include "trace.h"

#define TYPE_REMAP_IOMMU_REGION "remap-iommu-region"

/* What one PCI function sees: an address space whose every access the engine translates. */
struct RemapIommuSpace {
    IOMMUMemoryRegion region;
    AddressSpace as;
    RemapIommuDevice *device;
    PCIBus *bus;
    uint8_t root_number; /* of the bus, if it is a root */
    uint8_t devfn;
};

/* Bus numbers change while firmware enumerates, those of root buses excepted. What pci_bus_num does, without its casts. */
uint16_t remap_iommu_space_source(const RemapIommuSpace *space)
{
    PCIBus *bus = space->bus;

    return PCI_BUILD_BDF(pci_bus_is_root(bus) ? space->root_number : bus->parent_dev->config[PCI_SECONDARY_BUS],
                         space->devfn);
}

static RemapTranslation remap_iommu_told(uint16_t source, hwaddr address, bool is_write, RemapTranslation t)
{
    trace_remap_iommu_translate(source, address, is_write, is_write ? t.writable : t.readable, t.address, t.granule);
    return t;
}

static IOMMUTLBEntry remap_iommu_region_translate(IOMMUMemoryRegion *region, hwaddr address,
                                                  IOMMUAccessFlags flag, int index)
{
    RemapIommuSpace *space = container_of(region, RemapIommuSpace, region);
    uint16_t source = remap_iommu_space_source(space);
    RemapTranslation t;

    qatomic_set(&space->device->unannounced, true);
    /* Only a real access says whether it reads or writes; a question from a debugger must leave no trace. */
    if (flag == IOMMU_RO || flag == IOMMU_WO) {
        bool is_write = flag == IOMMU_WO;

        t = remap_iommu_told(source, address, is_write,
                             remap_iommu_translate(space->device->engine, source, address, is_write));
    } else {
        t = remap_iommu_probe(space->device->engine, source, address, false);
    }
    if (!t.readable && !t.writable) {
        return (IOMMUTLBEntry) { .target_as = &address_space_memory, .iova = address, .perm = IOMMU_NONE };
    }
    if (remap_iommu_is_interrupt(address)) {
        return remap_iommu_interrupt_entry(space->device, source);
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
    /* A space is known by its bus and not by the number, which changes. */
    space = g_new0(RemapIommuSpace, 1);
    space->device = s;
    space->bus = bus;
    space->root_number = pci_bus_is_root(bus) ? pci_bus_num(bus) : 0;
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

void remap_iommu_take_bus(RemapIommuDevice *s)
{
    s->spaces = g_hash_table_new_full(remap_iommu_space_hash, remap_iommu_space_equal, NULL, NULL);
    pci_setup_iommu(s->bus, &remap_iommu_pci_ops, s);
}

RemapIommuSpace *remap_iommu_space_of(AddressSpace *as)
{
    return object_dynamic_cast(OBJECT(as->root), TYPE_REMAP_IOMMU_REGION) ? container_of(as, RemapIommuSpace, as)
                                                                          : NULL;
}

RemapIommu *remap_iommu_space_engine(const RemapIommuSpace *space)
{
    return space->device->engine;
}

RemapIommuDevice *remap_iommu_space_device(const RemapIommuSpace *space)
{
    return space->device;
}

RemapTranslation remap_iommu_space_translate(const RemapIommuSpace *space, hwaddr address, bool is_write)
{
    uint16_t source = remap_iommu_space_source(space);

    return remap_iommu_told(source, address, is_write,
                            remap_iommu_translate_for_dma(space->device->engine, source, address, is_write));
}

RemapTranslation remap_iommu_space_translate_in(const RemapIommuSpace *space, const RemapContext *context,
                                                hwaddr address, bool is_write)
{
    uint16_t source = remap_iommu_space_source(space);

    return remap_iommu_told(source, address, is_write,
                            remap_iommu_translate_in(space->device->engine, source, context, address, is_write));
}

RemapTranslation remap_iommu_space_check(const RemapIommuSpace *space, hwaddr address, bool is_write)
{
    uint16_t source = remap_iommu_space_source(space);

    return remap_iommu_told(source, address, is_write,
                            remap_iommu_check_translated(space->device->engine, source, address, is_write));
}

void remap_iommu_space_expect(const RemapIommuSpace *space, const uint64_t *from, uint64_t *to, size_t count)
{
    remap_iommu_expect(space->device->engine, remap_iommu_space_source(space), from, to, count);
}

static void remap_iommu_region_class_init(ObjectClass *class, void *data)
{
    IOMMUMemoryRegionClass *imrc = IOMMU_MEMORY_REGION_CLASS(class);

    imrc->translate = remap_iommu_region_translate;
    imrc->notify_flag_changed = remap_iommu_region_notify;
}


static const TypeInfo remap_iommu_space_types[] = {
    {
        .name = TYPE_REMAP_IOMMU_REGION,
        .parent = TYPE_IOMMU_MEMORY_REGION,
        .class_init = remap_iommu_region_class_init,
    },
};

DEFINE_TYPES(remap_iommu_space_types)
