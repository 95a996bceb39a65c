/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * With KVM's split interrupt controllers (kernel-irqchip=split) the kernel is told beforehand what an interrupt of the
 * IOAPIC, or of a device that signals by an eventfd, is to become. QEMU asks the machine's IOMMU for that, if it is of
 * its own type: an object of this type stands for ours.
 *
 * What the kernel was told, it uses without asking: such interrupts record no fault, and a stale use of them is not
 * found. It is told anew when entries are invalidated.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "hw/i386/x86-iommu.h"
#include "system/kvm.h"

#include "remap-iommu.h"

#define TYPE_REMAP_IOMMU_ROUTES "remap-iommu-routes"
OBJECT_DECLARE_SIMPLE_TYPE(RemapIommuRoutes, REMAP_IOMMU_ROUTES)

struct RemapIommuRoutes {
    X86IOMMUState parent;

    RemapIommuDevice *device;
};

/* Logical destination without a processor in it: for what is refused. */
static const MSIMessage remap_iommu_nobody = { .address = 0xfee00004, .data = 0xff };

static int remap_iommu_route(X86IOMMUState *iommu, MSIMessage *from, MSIMessage *to, uint16_t source)
{
    RemapIommuDevice *s = REMAP_IOMMU_ROUTES(iommu)->device;
    RemapInterruptRequest request = { source, true, from->address, from->data };
    RemapInterrupt remapped;

    if (source == X86_IOMMU_SID_INVALID) {
        request = remap_iommu_ioapic_request(s, from->address, from->data);
    }
    remapped = remap_iommu_probe_interrupt(s->engine, &request);
    *to = remap_iommu_nobody;
    if (remapped.allowed) {
        *to = (MSIMessage) { .address = remapped.address, .data = remapped.data };
    }
    return 0;
}

static void remap_iommu_tell_kernel(void *opaque)
{
    RemapIommuDevice *s = opaque;

    x86_iommu_iec_notify_all(X86_IOMMU_DEVICE(s->routes), true, 0, 0);
}

void remap_iommu_routes_changed(RemapIommuDevice *s)
{
    if (!s->routes) {
        return;
    }
    if (bql_locked()) {
        remap_iommu_tell_kernel(s);
    } else {
        remap_worker_call(&s->worker, remap_iommu_tell_kernel, s);
    }
}

/* The machine finds the object by itself when it is realized. */
void remap_iommu_take_routes(RemapIommuDevice *s)
{
    RemapIommuRoutes *routes;

    if (!kvm_irqchip_is_split()) {
        return;
    }
    routes = REMAP_IOMMU_ROUTES(object_new(TYPE_REMAP_IOMMU_ROUTES));
    object_property_add_child(OBJECT(s), "routes", OBJECT(routes));
    routes->device = s;
    routes->parent.intr_supported = ON_OFF_AUTO_ON;
    sysbus_realize_and_unref(SYS_BUS_DEVICE(routes), &error_abort);
    s->routes = OBJECT(routes);
}

static void remap_iommu_routes_class_init(ObjectClass *class, void *data)
{
    DEVICE_CLASS(class)->user_creatable = false;
    X86_IOMMU_DEVICE_CLASS(class)->int_remap = remap_iommu_route;
}

static const TypeInfo remap_iommu_routes_types[] = {
    {
        .name = TYPE_REMAP_IOMMU_ROUTES,
        .parent = TYPE_X86_IOMMU_DEVICE,
        .instance_size = sizeof(RemapIommuRoutes),
        .class_init = remap_iommu_routes_class_init,
    },
};

DEFINE_TYPES(remap_iommu_routes_types)
