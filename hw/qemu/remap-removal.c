/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"

#include "remap-removal.h"
#include "trace.h"

static uint32_t remap_removal_read_nothing(PCIDevice *pci, uint32_t address, int bytes)
{
    return UINT32_MAX >> (32 - 8 * bytes);
}

static void remap_removal_write_nothing(PCIDevice *pci, uint32_t address, uint32_t value, int bytes)
{
}

/* A read that nobody answers (PCI Express base specification 6.0, 2.3.2). */
static uint64_t remap_removal_load_nothing(void *opaque, hwaddr offset, unsigned size)
{
    return UINT64_MAX;
}

static void remap_removal_store_nothing(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
}

static const MemoryRegionOps remap_removal_nothing = {
    .read = remap_removal_load_nothing,
    .write = remap_removal_store_nothing,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8 },
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

void remap_removal_init(RemapRemoval *removal, Object *owner)
{
    removal->owner = owner;
}

/* Memory regions may be in use a while after they are gone: so they are kept. */
static void remap_removal_make_nothing(RemapRemoval *removal, RemapPulled *pulled)
{
    if (pulled->nothing) {
        return;
    }
    pulled->nothing = g_new0(MemoryRegion, PCI_NUM_REGIONS);
    for (unsigned i = 0; i < PCI_NUM_REGIONS; i++) {
        memory_region_init_io(&pulled->nothing[i], removal->owner, &remap_removal_nothing, NULL, "remap-removal", 1);
    }
}

static bool remap_removal_is_memory(const PCIIORegion *bar)
{
    return bar->size && !(bar->type & PCI_BASE_ADDRESS_SPACE_IO);
}

static void remap_removal_note_bars(RemapPulled *pulled)
{
    for (unsigned i = 0; i < PCI_NUM_REGIONS; i++) {
        PCIIORegion *bar = &pulled->pci->io_regions[i];

        pulled->bars[i] = remap_removal_is_memory(bar) ? bar->addr : PCI_BAR_UNMAPPED;
    }
}

/* In the space of the bus: a bridge that forwards less than it did, forwards less of this too. */
static void remap_removal_cover(RemapPulled *pulled, bool covered)
{
    for (unsigned i = 0; i < PCI_NUM_REGIONS; i++) {
        PCIIORegion *bar = &pulled->pci->io_regions[i];
        MemoryRegion *nothing = &pulled->nothing[i];

        if (pulled->bars[i] == PCI_BAR_UNMAPPED || !remap_removal_is_memory(bar)) {
            continue;
        }
        if (covered) {
            memory_region_set_size(nothing, bar->size);
            memory_region_add_subregion_overlap(bar->address_space, pulled->bars[i], nothing, 1);
        } else if (memory_region_is_mapped(nothing)) {
            memory_region_del_subregion(nothing->container, nothing);
        }
    }
}

/* The port with a hot-plug slot that the function is in, if it is in one. */
static PCIDevice *remap_removal_slot(PCIDevice *pci)
{
    PCIBus *bus = pci_get_bus(pci);
    PCIDevice *port = pci_bus_is_root(bus) ? NULL : bus->parent_dev;
    uint8_t *cap;

    if (!port || !pci_is_express(port) || pci->devfn != 0) {
        return NULL;
    }
    cap = port->config + port->exp.exp_cap;
    return (pci_get_word(cap + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_SLOT) &&
           (pci_get_long(cap + PCI_EXP_SLTCAP) & PCI_EXP_SLTCAP_HPC) ? port : NULL;
}

/* PCI Express base specification 6.0, 6.7.3.4: what enabled status bits do. QEMU's own function for it is not for others. */
static void remap_removal_notify(PCIDevice *port)
{
    uint8_t *cap = port->config + port->exp.exp_cap;
    uint16_t control = pci_get_word(cap + PCI_EXP_SLTCTL);
    bool before = port->exp.hpev_notified;

    port->exp.hpev_notified = (control & PCI_EXP_SLTCTL_HPIE) &&
                              (control & pci_get_word(cap + PCI_EXP_SLTSTA) & PCI_EXP_HP_EV_SUPPORTED);
    if (before || !port->exp.hpev_notified) {
        return;
    }
    if (msix_enabled(port)) {
        msix_notify(port, pcie_cap_flags_get_vector(port));
    } else if (msi_enabled(port)) {
        msi_notify(port, pcie_cap_flags_get_vector(port));
    } else if (pci_intx(port) != -1) {
        pci_set_irq(port, 1);
    }
}

static void remap_removal_set_presence(PCIDevice *port, bool present)
{
    uint8_t *cap = port->config + port->exp.exp_cap;

    if (present) {
        pci_word_test_and_set_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
        if (pci_get_long(cap + PCI_EXP_LNKCAP) & PCI_EXP_LNKCAP_DLLLARC) {
            pci_word_test_and_set_mask(cap + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_DLLLA);
        }
        return;
    }
    pci_word_test_and_clear_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
    pci_word_test_and_clear_mask(cap + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_DLLLA);
    pci_word_test_and_set_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDC);
    remap_removal_notify(port);
}

/*
 * Out of power, QEMU's own code sees to BARs, DMA and configuration space; but the port that gives power, or takes it, does
 * not know that there is nobody any more. A device whose model goes on by itself must not pull its line.
 */
static void remap_removal_take(RemapRemoval *removal, RemapPulled *pulled)
{
    PCIDevice *pci = pulled->pci;

    remap_removal_make_nothing(removal, pulled);
    pulled->config_read = pci->config_read;
    pulled->config_write = pci->config_write;
    pci->config_read = remap_removal_read_nothing;
    pci->config_write = remap_removal_write_nothing;
    pci_set_enabled(pci, false);
    pci_word_test_and_set_mask(pci->config + PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
    remap_removal_cover(pulled, true);
    trace_remap_removal(pulled->source);
}

static PCIDevice *remap_removal_endpoint(PCIBus *root, uint16_t source)
{
    PCIDevice *pci = pci_find_device(root, PCI_BUS_NUM(source), source & UINT8_MAX);
    unsigned class = pci ? pci_get_word(pci->config + PCI_CLASS_DEVICE) : 0;

    return pci && class >> 8 != PCI_BASE_CLASS_BRIDGE && qdev_is_realized(DEVICE(pci)) ? pci : NULL;
}

bool remap_removal_is_pulled(const PCIDevice *pci)
{
    return pci->config_read == remap_removal_read_nothing;
}

bool remap_removal_pull(RemapRemoval *removal, PCIBus *root, uint16_t source)
{
    PCIDevice *pci = remap_removal_endpoint(root, source);
    RemapPulled *pulled;
    PCIDevice *port;

    if (!pci || remap_removal_is_pulled(pci) || removal->count == REMAP_REMOVAL_MOST) {
        return false;
    }
    pulled = &removal->pulled[removal->count];
    pulled->pci = PCI_DEVICE(object_ref(OBJECT(pci)));
    pulled->source = source;
    removal->count++;
    remap_removal_note_bars(pulled);
    remap_removal_take(removal, pulled);
    port = remap_removal_slot(pci);
    if (port) {
        remap_removal_set_presence(port, false);
    }
    return true;
}

bool remap_removal_pulled(const RemapRemoval *removal, unsigned number, uint16_t *source)
{
    if (number >= removal->count) {
        return false;
    }
    *source = removal->pulled[number].source;
    return true;
}

/* The port's registers were loaded with everything else. */
void remap_removal_resume(RemapRemoval *removal, PCIBus *root)
{
    for (unsigned i = 0; i < removal->count; i++) {
        RemapPulled *pulled = &removal->pulled[i];

        if (!pulled->pci) {
            pulled->pci = remap_removal_endpoint(root, pulled->source);
            if (pulled->pci) {
                object_ref(OBJECT(pulled->pci));
                remap_removal_take(removal, pulled);
            }
        }
    }
}

/* Of a device that somebody has unplugged meanwhile there is nothing left but our reference. */
void remap_removal_put_back(RemapRemoval *removal)
{
    while (removal->count) {
        RemapPulled *pulled = &removal->pulled[--removal->count];
        PCIDevice *pci = pulled->pci;

        if (!pci) {
            continue;
        }
        remap_removal_cover(pulled, false);
        if (qdev_is_realized(DEVICE(pci))) {
            PCIDevice *port = remap_removal_slot(pci);

            pci->config_read = pulled->config_read;
            pci->config_write = pulled->config_write;
            pci->enabled = true;
            if (port) {
                remap_removal_set_presence(port, true);
            }
        }
        object_unref(OBJECT(pci));
        pulled->pci = NULL;
    }
}

static const VMStateDescription remap_pulled_vmstate = {
    .name = "remap-removal/pulled",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(source, RemapPulled),
        VMSTATE_UINT64_ARRAY(bars, RemapPulled, PCI_NUM_REGIONS),
        VMSTATE_END_OF_LIST()
    },
};

static bool remap_removal_count_fits(void *opaque, int version)
{
    RemapRemoval *removal = opaque;

    return removal->count <= REMAP_REMOVAL_MOST;
}

const VMStateDescription remap_removal_vmstate = {
    .name = "remap-removal",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(count, RemapRemoval),
        VMSTATE_VALIDATE("as many devices were pulled as there can be", remap_removal_count_fits),
        VMSTATE_STRUCT_VARRAY_UINT32(pulled, RemapRemoval, count, 1, remap_pulled_vmstate, RemapPulled),
        VMSTATE_END_OF_LIST()
    },
};
