/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remap-gpu: the GPU model of remaplab as a QEMU PCIe device.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "system/cpu-timers.h"
#include "system/runstate.h"
#include "system/system.h"
#include "ui/console.h"

#include "remap-gpu.h"
#include "remap-memory.h"
#include "trace.h"

/* BARs; the programmer's manual of the part is docs/gpu.md. */
enum { BAR_REGISTERS = 0, BAR_VRAM = 2, BAR_MSIX = 4 };

#define REMAP_GPU_TURN_NS (500 * SCALE_US)

static void remap_gpu_send_interrupts(void *opaque)
{
    RemapGpuDevice *s = opaque;
    uint32_t raised = qatomic_xchg(&s->raised, 0);

    for (unsigned vector = 0; raised; vector++, raised >>= 1) {
        if (raised & 1) {
            trace_remap_gpu_interrupt(pci_requester_id(&s->pci), vector);
            msix_notify(&s->pci, vector);
        }
    }
}

typedef struct RemapGpuTurn {
    RemapGpuDevice *device;
    bool more;
} RemapGpuTurn;

/*
 * Where the engine has to work in the main loop, it does so long enough that changing threads is little beside it. Turns of
 * a machine that counts instructions are of one piece: the host's clock has no say there.
 */
static void remap_gpu_take_turn(void *argument)
{
    RemapGpuTurn *turn = argument;
    int64_t end = get_clock() + REMAP_GPU_TURN_NS;

    do {
        turn->more = remap_gpu_run(turn->device->model);
    } while (turn->more && !icount_enabled() && get_clock() < end);
}

/* What a rule delays takes no time of a machine that counts instructions: the next turn is that much later. */
static bool remap_gpu_run_in_lab(RemapGpuDevice *s)
{
    RemapIommuDevice *iommu = s->dma.lab ? remap_iommu_space_device(s->dma.space) : NULL;
    bool more;

    if (iommu) {
        remap_lab_take_owed(iommu);
    }
    more = remap_gpu_run(s->model);
    if (iommu) {
        remap_worker_rest(&s->worker, remap_lab_take_owed(iommu));
    }
    return more;
}

static bool remap_gpu_work(void *opaque)
{
    RemapGpuDevice *s = opaque;
    RemapGpuTurn turn = { .device = s };

    if (s->dma.foreign) {
        remap_worker_call(&s->worker, remap_gpu_take_turn, &turn);
        return turn.more;
    }
    /* One critical section around those of the accesses, each of which would cost two memory barriers. */
    RCU_READ_LOCK_GUARD();
    return remap_gpu_run_in_lab(s);
}

/*
 * While the machine is stopped, the engine is too, and memory keeps still for whoever looks at it. What the engine
 * raised before is sent before: a message may be a write to memory. Messages that came with a saved state leave when the
 * machine runs, and whoever they are for is loaded.
 */
static void remap_gpu_machine_changed(void *opaque, bool runs, RunState state)
{
    RemapGpuDevice *s = opaque;

    if (runs == s->machine_runs) {
        return;
    }
    s->machine_runs = runs;
    if (runs) {
        remap_soon_call(&s->send_interrupts);
        remap_worker_resume(&s->worker);
    } else {
        remap_worker_pause(&s->worker);
        remap_gpu_send_interrupts(s);
    }
}

static void remap_gpu_start_worker(RemapGpuDevice *s)
{
    remap_worker_start(&s->worker, "remap-gpu", remap_gpu_work, s);
    s->machine_runs = runstate_is_live(runstate_get());
    if (!s->machine_runs) {
        remap_worker_pause(&s->worker);
    }
    s->state_handler = qdev_add_vm_change_state_handler(DEVICE(s), remap_gpu_machine_changed, s);
}

/*
 * Without a model the device is unplugged: a processor that had looked the registers up before, and then waited for the
 * BQL, arrives after it. On a bus nobody would answer it.
 */
static uint64_t remap_gpu_mmio_read(void *opaque, hwaddr offset, unsigned size)
{
    RemapGpuDevice *s = opaque;
    uint64_t value = s->model ? remap_gpu_read(s->model, offset, size) : UINT64_MAX;

    trace_remap_gpu_register_read(pci_requester_id(&s->pci), offset, size, value);
    return value;
}

static void remap_gpu_mmio_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    RemapGpuDevice *s = opaque;

    trace_remap_gpu_register_write(pci_requester_id(&s->pci), offset, size, value);
    if (s->model) {
        remap_gpu_write(s->model, offset, value, size);
    }
}

static const MemoryRegionOps remap_gpu_mmio_ops = {
    .read = remap_gpu_mmio_read,
    .write = remap_gpu_mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

static void remap_gpu_show(RemapGpuDevice *s, const RemapGpuScanout *now)
{
    uint8_t *vram = memory_region_get_ram_ptr(&s->vram);

    s->shown = *now;
    dpy_gfx_replace_surface(s->console, now->enabled
        ? qemu_create_displaysurface_from(now->width, now->height, PIXMAN_x8r8g8b8, now->stride, vram + now->offset)
        : NULL);
}

static void remap_gpu_update_display(void *opaque)
{
    RemapGpuDevice *s = opaque;
    RemapGpuScanout now = remap_gpu_scanout(s->model);

    if (now.enabled != s->shown.enabled || now.offset != s->shown.offset || now.width != s->shown.width ||
        now.height != s->shown.height || now.stride != s->shown.stride) {
        remap_gpu_show(s, &now);
    }
    if (now.enabled) {
        dpy_gfx_update_full(s->console);
    }
}

static const GraphicHwOps remap_gpu_display_ops = {
    .gfx_update = remap_gpu_update_display,
};

static bool remap_gpu_check(RemapGpuDevice *s, Error **errp)
{
    if (s->vram_size < 1 * MiB || !is_power_of_2(s->vram_size)) {
        error_setg(errp, "remap-gpu: vram=%" PRIu64 " is not a power of two of at least 1 MiB", s->vram_size);
        return false;
    }
    if (s->address_bits < 32 || s->address_bits > 64) {
        error_setg(errp, "remap-gpu: address-bits=%u is not in the range 32 to 64", s->address_bits);
        return false;
    }
    if (s->services.pri && !s->services.ats) {
        error_setg(errp, "remap-gpu: pri=on needs ats=on");
        return false;
    }
    return !phase_check(PHASE_MACHINE_READY) || remap_gpu_check_place(s, errp);
}

static void remap_gpu_machine_done(Notifier *notifier, void *data)
{
    RemapGpuDevice *s = container_of(notifier, RemapGpuDevice, machine_done);
    Error *error = NULL;

    if (!remap_gpu_check_place(s, &error)) {
        error_report_err(error);
        exit(EXIT_FAILURE);
    }
}

static bool remap_gpu_add_capabilities(PCIDevice *pci, unsigned vectors, Error **errp)
{
    if (pcie_endpoint_cap_init(pci, 0) < 0) {
        error_setg(errp, "remap-gpu: no room for the PCI Express capability");
        return false;
    }
    if (msix_init_exclusive_bar(pci, vectors, BAR_MSIX, errp) < 0) {
        pcie_cap_exit(pci);
        return false;
    }
    for (unsigned vector = 0; vector < vectors; vector++) {
        msix_vector_use(pci, vector);
    }
    remap_gpu_services_add(&REMAP_GPU(pci)->services, pci);
    return true;
}

static void remap_gpu_remove_capabilities(PCIDevice *pci)
{
    msix_uninit_exclusive_bar(pci);
    pcie_cap_exit(pci);
}

static uint32_t remap_gpu_config_read(PCIDevice *pci, uint32_t address, int bytes)
{
    RemapGpuDevice *s = REMAP_GPU(pci);
    uint32_t value = pci_default_read_config(pci, address, bytes);

    return s->model ? remap_gpu_services_read(&s->services, pci, s->model, address, value, bytes) : value;
}

static void remap_gpu_config_write(PCIDevice *pci, uint32_t address, uint32_t value, int bytes)
{
    RemapGpuDevice *s = REMAP_GPU(pci);

    pci_default_write_config(pci, address, value, bytes);
    if (s->model) {
        remap_gpu_services_written(&s->services, pci, s->model, address, value, bytes);
        remap_cache_tables_update(&s->tables, pci, s->dma.space);
    }
}

static size_t remap_gpu_save_model(void *opaque, void *to, size_t room)
{
    RemapGpuDevice *s = opaque;

    return remap_gpu_save(s->model, to, room);
}

static bool remap_gpu_load_model(void *opaque, const void *from, size_t bytes, char *why, size_t room)
{
    RemapGpuDevice *s = opaque;

    return remap_gpu_load(s->model, from, bytes, why, room);
}

static bool remap_gpu_add_model(RemapGpuDevice *s, Error **errp)
{
    s->state = (RemapState) {
        .name = TYPE_REMAP_GPU,
        .limit = 4 * KiB,
        .opaque = s,
        .save = remap_gpu_save_model,
        .load = remap_gpu_load_model,
    };
    if (memory_region_init_ram(&s->vram, OBJECT(s), "remap-gpu.vram", s->vram_size, errp)) {
        s->model = remap_gpu_new(s->address_bits, memory_region_get_ram_ptr(&s->vram), s->vram_size, &remap_gpu_ops, s);
        if (s->model) {
            return true;
        }
        error_setg(errp, "remap-gpu: no memory for the model");
        vmstate_unregister_ram(&s->vram, DEVICE(s));
    }
    remap_gpu_remove_capabilities(&s->pci);
    return false;
}

static void remap_gpu_realize(PCIDevice *pci, Error **errp)
{
    RemapGpuDevice *s = REMAP_GPU(pci);
    RemapGpuIdentity identity = remap_gpu_identity();

    remap_memory_init();
    if (!remap_gpu_check(s, errp) || !remap_gpu_add_capabilities(pci, identity.vectors, errp) ||
        !remap_gpu_add_model(s, errp)) {
        return;
    }
    memory_region_init_io(&s->registers, OBJECT(s), &remap_gpu_mmio_ops, s, "remap-gpu.registers",
                          identity.register_window);
    pci_register_bar(pci, BAR_REGISTERS, PCI_BASE_ADDRESS_MEM_TYPE_64, &s->registers);
    pci_register_bar(pci, BAR_VRAM, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, &s->vram);

    remap_soon_init(&s->send_interrupts, "remap-gpu interrupts", remap_gpu_send_interrupts, s, NULL);
    s->console = graphic_console_init(DEVICE(s), 0, &remap_gpu_display_ops, s);
    remap_gpu_start_worker(s);
    s->machine_done.notify = remap_gpu_machine_done;
    qemu_add_machine_init_done_notifier(&s->machine_done);
}

static void remap_gpu_exit(PCIDevice *pci)
{
    RemapGpuDevice *s = REMAP_GPU(pci);

    qemu_remove_machine_init_done_notifier(&s->machine_done);
    qemu_del_vm_change_state_handler(s->state_handler);
    remap_worker_stop(&s->worker);
    remap_gpu_disconnect(s);
    graphic_console_close(s->console);
    remap_soon_free(&s->send_interrupts);
    remap_gpu_remove_capabilities(pci);
    remap_gpu_free(s->model);
    s->model = NULL;
    /* The memory itself goes when its last user does. Its name must be free before, for the next GPU in this slot. */
    vmstate_unregister_ram(&s->vram, DEVICE(s));
}

/*
 * The first phase, so that the engine writes nothing once any part of the machine, RAM and IOMMU included, has begun to
 * change. Waits at most for the piece of work in progress, which is bounded and does not need the BQL.
 */
static void remap_gpu_reset_enter(Object *object, ResetType type)
{
    RemapGpuDevice *s = REMAP_GPU(object);

    remap_worker_pause(&s->worker);
    remap_soon_cancel(&s->send_interrupts);
    remap_gpu_connect(s);
    if (s->dma.lab) {
        remap_lab_device_reset(s->dma.lab, pci_requester_id(&s->pci));
    }
    remap_gpu_services_reset(&s->services, &s->pci);
    remap_gpu_reset(s->model);
    qatomic_set(&s->raised, 0);
    remap_worker_resume(&s->worker);
}

static const Property remap_gpu_properties[] = {
    DEFINE_PROP_SIZE("vram", RemapGpuDevice, vram_size, 64 * MiB),
    DEFINE_PROP_UINT8("address-bits", RemapGpuDevice, address_bits, 64),
    DEFINE_PROP_BOOL("ats", RemapGpuDevice, services.ats, false),
    DEFINE_PROP_BOOL("pri", RemapGpuDevice, services.pri, false),
    DEFINE_PROP_BOOL("pasid", RemapGpuDevice, services.pasid, false),
};

/* What software has enabled is in the configuration space, whatever the model's state says. */
static int remap_gpu_post_load(void *opaque, int version)
{
    RemapGpuDevice *s = opaque;

    remap_gpu_services_apply(&s->services, &s->pci, s->model);
    return 0;
}

static bool remap_gpu_raised_exist(void *opaque, int version)
{
    RemapGpuDevice *s = opaque;

    return s->raised >> remap_gpu_identity().vectors == 0;
}

/*
 * VRAM is moved by QEMU's code for RAM, which compares its size. The engine was stopped with the machine; here it is at
 * rest between two pieces of work, and messages are raised only by registers that were written since.
 */
static const VMStateDescription remap_gpu_vmstate = {
    .name = TYPE_REMAP_GPU,
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = remap_gpu_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(pci, RemapGpuDevice),
        VMSTATE_MSIX(pci, RemapGpuDevice),
        VMSTATE_UINT8_EQUAL(address_bits, RemapGpuDevice, "address-bits of remap-gpu differs"),
        VMSTATE_UINT32(raised, RemapGpuDevice),
        VMSTATE_VALIDATE("raised vectors exist", remap_gpu_raised_exist),
        VMSTATE_REMAP_STATE(state, RemapGpuDevice),
        VMSTATE_END_OF_LIST()
    },
};

static void remap_gpu_class_init(ObjectClass *class, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(class);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(class);
    RemapGpuIdentity identity = remap_gpu_identity();

    pc->realize = remap_gpu_realize;
    pc->exit = remap_gpu_exit;
    pc->config_read = remap_gpu_config_read;
    pc->config_write = remap_gpu_config_write;
    pc->vendor_id = identity.vendor;
    pc->device_id = identity.device;
    pc->subsystem_vendor_id = identity.subsystem_vendor;
    pc->subsystem_id = identity.subsystem_device;
    pc->revision = identity.revision;
    pc->class_id = identity.pci_class;
    dc->desc = "remaplab GPU";
    dc->vmsd = &remap_gpu_vmstate;
    RESETTABLE_CLASS(class)->phases.enter = remap_gpu_reset_enter;
    device_class_set_props(dc, remap_gpu_properties);
    object_class_property_set_description(class, "vram", "The part's own memory, a power of two of at least 1M");
    object_class_property_set_description(class, "address-bits", "Width of what the part puts on the bus, 32 to 64");
    object_class_property_set_description(class, "ats", "The part can ask for translations and keep them");
    object_class_property_set_description(class, "pri", "The part can ask for pages that are not there; needs ats");
    object_class_property_set_description(class, "pasid", "Packets can name the process in whose memory they work");
    set_bit(DEVICE_CATEGORY_DISPLAY, dc->categories);
}

static const TypeInfo remap_gpu_types[] = {
    {
        .name = TYPE_REMAP_GPU,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(RemapGpuDevice),
        .class_init = remap_gpu_class_init,
        .interfaces = (InterfaceInfo[]) { { INTERFACE_PCIE_DEVICE }, { } },
    },
};

DEFINE_TYPES(remap_gpu_types)
