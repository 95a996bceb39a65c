/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt requests on their way to the processors: those of PCI functions and of the IOAPIC through the engine, those
 * of the unit itself past it.
 *
 * A request does not tell where it came from; an address space does. So all address spaces lead into one region in which
 * each source id has a megabyte of its own, as large as the range of addresses that are interrupts; and the IOAPIC, which
 * is on no bus, has the last one.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "hw/i386/apic_internal.h"
#include "hw/i386/x86.h"
#include "hw/pci-host/q35.h"
#include "hw/pci/msi.h"
#include "kvm/kvm_i386.h"
#include "system/kvm.h"

#include "remap-iommu.h"
#include "trace.h"

#define INTERRUPTS_BASE 0xfee00000ULL
#define INTERRUPTS_SIZE 0x100000ULL
#define SOURCE_SHIFT 20
#define IOAPIC 0x10000ULL /* behind all source ids */

const uint16_t remap_iommu_ioapic_source = PCI_BUILD_BDF(Q35_PSEUDO_BUS_PLATFORM, Q35_PSEUDO_DEVFN_IOAPIC);

RemapInterruptRequest remap_iommu_ioapic_request(RemapIommuDevice *s, uint64_t address, uint32_t data)
{
    return (RemapInterruptRequest) { remap_iommu_ioapic_source, s->ioapic_source_check, address, data };
}

static void remap_iommu_send_to_processors(uint64_t address, uint32_t data)
{
    MSIMessage message = { .address = address, .data = data };

    apic_get_class(NULL)->send_msi(&message);
}

/* Only writes of 32 bits are interrupts (VT-d section 3.15). */
static MemTxResult remap_iommu_interrupt_write(void *opaque, hwaddr at, uint64_t data, unsigned size, MemTxAttrs attrs)
{
    RemapIommuDevice *s = opaque;
    uint64_t address = INTERRUPTS_BASE | (at & (INTERRUPTS_SIZE - 1));
    RemapInterruptRequest request = { at >> SOURCE_SHIFT, true, address, data };
    RemapIommuTicket ticket;
    RemapInterrupt remapped;

    if (size != sizeof(uint32_t)) {
        return MEMTX_ERROR;
    }
    if (at >> SOURCE_SHIFT == IOAPIC) {
        request = remap_iommu_ioapic_request(s, address, data);
    }
    ticket = remap_iommu_begin_access(s->engine);
    remapped = remap_iommu_remap_interrupt(s->engine, &request);
    trace_remap_iommu_interrupt(at >> SOURCE_SHIFT, address, data, remapped.allowed, remapped.address, remapped.data);
    if (remapped.allowed) {
        remap_iommu_send_to_processors(remapped.address, remapped.data);
    }
    remap_iommu_end_access(s->engine, ticket);
    return remapped.allowed ? MEMTX_OK : MEMTX_ERROR;
}

static MemTxResult remap_iommu_interrupt_read(void *opaque, hwaddr at, uint64_t *data, unsigned size, MemTxAttrs attrs)
{
    *data = UINT64_MAX;
    return MEMTX_ERROR;
}

static const MemoryRegionOps remap_iommu_interrupt_ops = {
    .read_with_attrs = remap_iommu_interrupt_read,
    .write_with_attrs = remap_iommu_interrupt_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8 },
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

bool remap_iommu_is_interrupt(hwaddr address)
{
    return address - INTERRUPTS_BASE < INTERRUPTS_SIZE;
}

IOMMUTLBEntry remap_iommu_interrupt_entry(RemapIommuDevice *s, uint16_t source)
{
    return (IOMMUTLBEntry) {
        .target_as = &s->interrupt_space,
        .iova = INTERRUPTS_BASE,
        .translated_addr = (hwaddr)source << SOURCE_SHIFT,
        .addr_mask = INTERRUPTS_SIZE - 1,
        .perm = IOMMU_WO,
    };
}

void remap_iommu_deliver(RemapIommuDevice *s, uint64_t address, uint32_t data)
{
    if (remap_iommu_is_interrupt((uint32_t)address) && (address >> 32 == 0 || s->options.extended_interrupts)) {
        remap_iommu_send_to_processors(address, data);
    } else {
        address_space_stl_le(&address_space_memory, address, data, MEMTXATTRS_UNSPECIFIED, NULL);
    }
}

static void remap_iommu_take_ioapic(RemapIommuDevice *s)
{
    memory_region_init(&s->ioapic_root, OBJECT(s), "remap-iommu-ioapic", UINT64_MAX);
    memory_region_init_alias(&s->ioapic_interrupts, OBJECT(s), "remap-iommu-ioapic-interrupts", &s->interrupt_region,
                             IOAPIC << SOURCE_SHIFT, INTERRUPTS_SIZE);
    memory_region_add_subregion(&s->ioapic_root, INTERRUPTS_BASE, &s->ioapic_interrupts);
    address_space_init(&s->ioapic_space, &s->ioapic_root, "remap-iommu-ioapic");
    X86_MACHINE(qdev_get_machine())->ioapic_as = &s->ioapic_space;
}

void remap_iommu_take_interrupts(RemapIommuDevice *s)
{
    memory_region_init_io(&s->interrupt_region, OBJECT(s), &remap_iommu_interrupt_ops, s, "remap-iommu-interrupts",
                          (IOAPIC + 1) << SOURCE_SHIFT);
    /* The unit's own event may be a write to a device, which answers with an interrupt at once. */
    s->interrupt_region.disable_reentrancy_guard = true;
    address_space_init(&s->interrupt_space, &s->interrupt_region, "remap-iommu-interrupts");
    if (s->options.interrupt_remapping) {
        remap_iommu_take_ioapic(s);
        remap_iommu_take_routes(s);
    }
}

static bool remap_iommu_processors_have_x2apic(void)
{
    return first_cpu && X86_CPU(first_cpu)->env.features[FEAT_1_ECX] & CPUID_EXT_X2APIC;
}

/*
 * With all of the interrupt controllers in the kernel no request passes here. With the local ones there, messages have
 * room for destinations of 32 bits only once that was asked for.
 */
bool remap_iommu_decide_interrupts(RemapIommuDevice *s, Error **errp)
{
    bool kernel_has_all = kvm_irqchip_in_kernel() && !kvm_irqchip_is_split();
    bool wide;

    if (s->intremap == ON_OFF_AUTO_ON && kernel_has_all) {
        error_setg(errp, "remap-iommu: intremap=on does not work with kernel-irqchip=on, use split or off");
        return false;
    }
    s->options.interrupt_remapping = s->intremap == ON_OFF_AUTO_AUTO ? !kernel_has_all : s->intremap == ON_OFF_AUTO_ON;
    if (s->eim == ON_OFF_AUTO_ON && !s->options.interrupt_remapping) {
        error_setg(errp, "remap-iommu: eim=on needs intremap=on");
        return false;
    }
    wide = s->eim == ON_OFF_AUTO_AUTO ? s->options.interrupt_remapping && remap_iommu_processors_have_x2apic()
                                      : s->eim == ON_OFF_AUTO_ON;
    if (wide && kvm_irqchip_is_split() && !kvm_enable_x2apic()) {
        if (s->eim == ON_OFF_AUTO_ON) {
            error_setg(errp, "remap-iommu: eim=on needs a KVM with destinations of 32 bits (KVM_CAP_X2APIC_API)");
            return false;
        }
        wide = false;
    }
    s->options.extended_interrupts = wide;
    return true;
}
