/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/range.h"
#include "hw/pci/pci.h"
#include "hw/pci/pcie.h"

#include "remap-gpu-services.h"

/* PCI Express base specification 6.0: 10.5.1 (ATS), 10.5.2 (PRI), 7.8.8 (PASID). What QEMU's headers do not name. */
enum {
    ATS_CAP_GLOBAL_INVALIDATE = 0x0040,
    ATS_CTRL_WRITABLE = PCI_ATS_CTRL_ENABLE | 0x001f,
    PRI_SIZE = 0x10,
    PRI_VERSION = 1,
    PASID_SIZE = 0x08,
    PASID_VERSION = 1,
    PASID_WIDTH_SHIFT = 8,
};

/* Invalidations that can wait are 32, which is written as 0. */
static void remap_gpu_add_ats(PCIDevice *pci, uint16_t at)
{
    pcie_ats_init(pci, at, true);
    pci_set_word(pci->config + at + PCI_ATS_CAP, PCI_ATS_CAP_PAGE_ALIGNED | ATS_CAP_GLOBAL_INVALIDATE);
    pci_set_word(pci->wmask + at + PCI_ATS_CTRL, ATS_CTRL_WRITABLE);
}

/* The status is the model's: here is only what of it never changes. */
static void remap_gpu_add_pri(PCIDevice *pci, uint16_t at, bool pasid)
{
    pcie_add_capability(pci, PCI_EXT_CAP_ID_PRI, PRI_VERSION, at, PRI_SIZE);
    pci_set_word(pci->config + at + PCI_PRI_STATUS, pasid ? PCI_PRI_STATUS_PASID : 0);
    pci_set_long(pci->config + at + PCI_PRI_MAX_REQ, remap_gpu_identity().most_page_requests);
    pci_set_word(pci->wmask + at + PCI_PRI_CTRL, PCI_PRI_CTRL_ENABLE);
    pci_set_long(pci->wmask + at + PCI_PRI_ALLOC_REQ, UINT32_MAX);
}

static void remap_gpu_add_pasid(PCIDevice *pci, uint16_t at)
{
    pcie_add_capability(pci, PCI_EXT_CAP_ID_PASID, PASID_VERSION, at, PASID_SIZE);
    pci_set_word(pci->config + at + PCI_PASID_CAP,
                 PCI_PASID_CAP_PRIV | remap_gpu_identity().pasid_bits << PASID_WIDTH_SHIFT);
    pci_set_word(pci->wmask + at + PCI_PASID_CTRL, PCI_PASID_CTRL_ENABLE | PCI_PASID_CTRL_PRIV);
}

static uint16_t remap_gpu_device_control(const PCIDevice *pci)
{
    return pci->exp.exp_cap + PCI_EXP_DEVCTL;
}

void remap_gpu_services_add(RemapGpuServiceCaps *caps, PCIDevice *pci)
{
    uint16_t at = PCI_CONFIG_SPACE_SIZE; /* the first has to be there */

    pci_word_test_and_set_mask(pci->wmask + remap_gpu_device_control(pci), PCI_EXP_DEVCTL_NOSNOOP_EN);
    caps->ats_at = caps->pri_at = caps->pasid_at = 0;
    if (caps->ats) {
        remap_gpu_add_ats(pci, at);
        caps->ats_at = at;
        at += PCI_EXT_CAP_ATS_SIZEOF;
    }
    if (caps->pri) {
        remap_gpu_add_pri(pci, at, caps->pasid);
        caps->pri_at = at;
        at += PRI_SIZE;
    }
    if (caps->pasid) {
        remap_gpu_add_pasid(pci, at);
        caps->pasid_at = at;
    }
}

/* Enable No Snoop is 1 after a reset (PCI Express base specification 6.0, 7.5.3.4); QEMU's own code leaves it alone. */
void remap_gpu_services_reset(const RemapGpuServiceCaps *caps, PCIDevice *pci)
{
    pci_word_test_and_set_mask(pci->config + remap_gpu_device_control(pci), PCI_EXP_DEVCTL_NOSNOOP_EN);
    if (caps->ats_at) {
        pci_set_word(pci->config + caps->ats_at + PCI_ATS_CTRL, 0);
    }
    if (caps->pri_at) {
        pci_set_word(pci->config + caps->pri_at + PCI_PRI_CTRL, 0);
        pci_set_long(pci->config + caps->pri_at + PCI_PRI_ALLOC_REQ, 0);
    }
    if (caps->pasid_at) {
        pci_set_word(pci->config + caps->pasid_at + PCI_PASID_CTRL, 0);
    }
}

static uint16_t remap_gpu_control(PCIDevice *pci, uint16_t at, unsigned offset)
{
    return at ? pci_get_word(pci->config + at + offset) : 0;
}

static bool remap_gpu_pri_enabled(const RemapGpuServiceCaps *caps, PCIDevice *pci)
{
    return remap_gpu_control(pci, caps->pri_at, PCI_PRI_CTRL) & PCI_PRI_CTRL_ENABLE;
}

void remap_gpu_services_apply(const RemapGpuServiceCaps *caps, PCIDevice *pci, RemapGpu *model)
{
    uint16_t pasid = remap_gpu_control(pci, caps->pasid_at, PCI_PASID_CTRL);
    RemapGpuServices services = {
        .ats = remap_gpu_control(pci, caps->ats_at, PCI_ATS_CTRL) & PCI_ATS_CTRL_ENABLE,
        .page_requests = remap_gpu_pri_enabled(caps, pci),
        .pasid = pasid & PCI_PASID_CTRL_ENABLE,
        .privileged = (pasid & PCI_PASID_CTRL_ENABLE) && (pasid & PCI_PASID_CTRL_PRIV),
        .most_page_requests = caps->pri_at ? pci_get_long(pci->config + caps->pri_at + PCI_PRI_ALLOC_REQ) : 0,
        .no_snoop = pci_get_word(pci->config + remap_gpu_device_control(pci)) & PCI_EXP_DEVCTL_NOSNOOP_EN,
    };

    remap_gpu_set_services(model, &services);
}

/* The byte at `at` as it was written, 0 if it was not: no bit of it acts then. */
static uint8_t remap_gpu_byte_written(uint32_t address, uint32_t value, unsigned bytes, uint32_t at)
{
    return range_covers_byte(address, bytes, at) ? extract32(value, 8 * (at - address), 8) : 0;
}

void remap_gpu_services_written(const RemapGpuServiceCaps *caps, PCIDevice *pci, RemapGpu *model, uint32_t address,
                                uint32_t value, unsigned bytes)
{
    if (address + bytes <= PCI_CONFIG_SPACE_SIZE &&
        !ranges_overlap(address, bytes, remap_gpu_device_control(pci), sizeof(uint16_t))) {
        return;
    }
    if (caps->pri_at) {
        uint8_t control = remap_gpu_byte_written(address, value, bytes, caps->pri_at + PCI_PRI_CTRL);
        uint8_t status = remap_gpu_byte_written(address, value, bytes, caps->pri_at + PCI_PRI_STATUS);

        /* Also when the same write disables it. */
        if ((control & PCI_PRI_CTRL_RESET) && !remap_gpu_pri_enabled(caps, pci)) {
            remap_gpu_reset_page_requests(model);
        }
        if (status & (PCI_PRI_STATUS_RF | PCI_PRI_STATUS_UPRGI)) {
            remap_gpu_clear_page_request_status(model, status & PCI_PRI_STATUS_RF, status & PCI_PRI_STATUS_UPRGI);
        }
    }
    remap_gpu_services_apply(caps, pci, model);
}

/* Stopped: disabled, and every request that was made has its answer. */
static uint16_t remap_gpu_pri_status(const RemapGpuServiceCaps *caps, PCIDevice *pci, RemapGpu *model)
{
    RemapGpuPageRequestStatus status = remap_gpu_page_request_status(model);

    return (status.failed ? PCI_PRI_STATUS_RF : 0) | (status.unexpected_answer ? PCI_PRI_STATUS_UPRGI : 0) |
           (status.idle && !remap_gpu_pri_enabled(caps, pci) ? PCI_PRI_STATUS_STOPPED : 0);
}

uint32_t remap_gpu_services_read(const RemapGpuServiceCaps *caps, PCIDevice *pci, RemapGpu *model, uint32_t address,
                                 uint32_t value, unsigned bytes)
{
    uint32_t at = caps->pri_at + PCI_PRI_STATUS;
    uint16_t status;

    if (!caps->pri_at || !ranges_overlap(address, bytes, at, sizeof(status))) {
        return value;
    }
    status = remap_gpu_pri_status(caps, pci, model);
    for (unsigned i = 0; i < sizeof(status); i++) {
        if (range_covers_byte(address, bytes, at + i)) {
            value |= (uint32_t)extract32(status, 8 * i, 8) << (8 * (at + i - address));
        }
    }
    return value;
}
