/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the GPU's model asks of the machine around it. Most of it is asked on the engine's thread, without the BQL.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "exec/address-spaces.h"

#include "remap-gpu.h"
#include "remap-memory.h"
#include "trace.h"

static RemapDmaAddress remap_gpu_address(RemapGpuAddress at)
{
    return (RemapDmaAddress) { .address = at.address, .snoop = at.snoop };
}

static bool remap_gpu_bus_read(void *opaque, RemapGpuAddress from, void *to, size_t bytes)
{
    RemapGpuDevice *s = opaque;

    return remap_dma_read(&s->dma, remap_gpu_address(from), to, bytes);
}

static bool remap_gpu_bus_write(void *opaque, RemapGpuAddress to, const void *from, size_t bytes)
{
    RemapGpuDevice *s = opaque;

    return remap_dma_write(&s->dma, remap_gpu_address(to), from, bytes);
}

static RemapGpuRefusal remap_gpu_bus_copy(void *opaque, RemapGpuAddress to, RemapGpuAddress from, size_t bytes)
{
    RemapGpuDevice *s = opaque;

    switch (remap_dma_copy(&s->dma, remap_gpu_address(to), remap_gpu_address(from), bytes)) {
    case REMAP_DMA_READ:
        return REMAP_GPU_READ_REFUSED;
    case REMAP_DMA_WRITE:
        return REMAP_GPU_WRITE_REFUSED;
    default:
        return REMAP_GPU_NOTHING_REFUSED;
    }
}

static void remap_gpu_bus_expect(void *opaque, const uint64_t *addresses, size_t count)
{
    RemapGpuDevice *s = opaque;

    remap_dma_expect(&s->dma, addresses, count);
}

static RemapContext remap_gpu_context(const RemapGpuContext *context)
{
    return (RemapContext) {
        .with_pasid = context->with_pasid,
        .pasid = context->pasid,
        .privileged = context->privileged,
    };
}

static bool remap_gpu_bus_read_in(void *opaque, const RemapGpuContext *context, RemapGpuAddress from, void *to,
                                  size_t bytes)
{
    RemapGpuDevice *s = opaque;
    RemapContext named = context ? remap_gpu_context(context) : (RemapContext) { 0 };

    return remap_dma_read_in(&s->dma, context ? &named : NULL, remap_gpu_address(from), to, bytes);
}

static bool remap_gpu_bus_write_in(void *opaque, const RemapGpuContext *context, RemapGpuAddress to, const void *from,
                                   size_t bytes)
{
    RemapGpuDevice *s = opaque;
    RemapContext named = context ? remap_gpu_context(context) : (RemapContext) { 0 };

    return remap_dma_write_in(&s->dma, context ? &named : NULL, remap_gpu_address(to), from, bytes);
}

static RemapGpuTranslated remap_gpu_translate(void *opaque, const RemapGpuContext *context, uint64_t address,
                                              bool write)
{
    RemapGpuDevice *s = opaque;
    RemapContext named = remap_gpu_context(context);
    RemapCompletion answer = remap_dma_ask(&s->dma, &named, address, write);

    return (RemapGpuTranslated) {
        .refused = answer.refused,
        .readable = answer.readable,
        .writable = answer.writable,
        .untranslated_only = answer.untranslated_only,
        .snooped = answer.snooped,
        .address = answer.address,
        .granule = answer.granule,
    };
}

static void remap_gpu_request_page(void *opaque, const RemapGpuContext *context, uint64_t address, bool write,
                                   uint16_t group)
{
    RemapGpuDevice *s = opaque;
    RemapContext named = remap_gpu_context(context);

    if (!remap_dma_request_page(&s->dma, &named, address, write, group)) {
        remap_gpu_answer_page(s->model, group, REMAP_GPU_PAGE_FAILURE);
    }
}

static void remap_gpu_invalidated(void *opaque, uint64_t tag)
{
    RemapGpuDevice *s = opaque;

    remap_dma_invalidated(&s->dma, tag);
}

static void remap_gpu_client_invalidate(RemapIommuClient *client, const RemapInvalidation *wanted)
{
    RemapGpuDevice *s = container_of(client, RemapGpuDevice, client);
    RemapGpuInvalidation invalidation = {
        .first = wanted->first,
        .last = wanted->last,
        .with_pasid = wanted->with_pasid,
        .pasid = wanted->pasid,
        .every_pasid = wanted->every_pasid,
        .tag = wanted->tag,
    };

    remap_gpu_invalidate(s->model, &invalidation);
}

static void remap_gpu_client_answer_page(RemapIommuClient *client, const RemapPageAnswer *answer)
{
    RemapGpuDevice *s = container_of(client, RemapGpuDevice, client);

    remap_gpu_answer_page(s->model, answer->group, answer->code);
}

static void remap_gpu_work_available(void *opaque)
{
    RemapGpuDevice *s = opaque;

    remap_worker_kick(&s->worker);
}

static void remap_gpu_interrupt(void *opaque, unsigned vector)
{
    RemapGpuDevice *s = opaque;

    qatomic_or(&s->raised, 1u << vector);
    remap_soon_call(&s->send_interrupts);
}

static void remap_gpu_vram_written(void *opaque, uint64_t offset, uint64_t bytes)
{
    RemapGpuDevice *s = opaque;

    remap_memory_mark_written(&s->vram, offset, bytes);
}

static bool remap_gpu_packet_fetched(void *opaque, uint32_t entry, const RemapGpuPacket *packet)
{
    RemapGpuDevice *s = opaque;

    if (trace_event_get_state_backends(TRACE_REMAP_GPU_PACKET)) {
        trace_remap_gpu_packet(pci_requester_id(&s->pci), entry, packet->opcode, packet->flags, packet->destination,
                               packet->source, packet->length, packet->width, packet->lines);
    }
    return s->dma.lab && remap_lab_packet(s->dma.lab, remap_iommu_space_source(s->dma.space), entry, packet);
}

/* A delay may make pieces of work long. Whoever wants the engine to pause waits for one, and not for all of a run. */
static bool remap_gpu_rest_wanted(void *opaque)
{
    RemapGpuDevice *s = opaque;

    return s->dma.lab &&
           (remap_worker_is_wanted(&s->worker) || remap_lab_owes(remap_iommu_space_device(s->dma.space)));
}

static void remap_gpu_halted(void *opaque, uint32_t entry, unsigned opcode, unsigned cause, uint64_t address)
{
    RemapGpuDevice *s = opaque;

    if (s->dma.lab) {
        remap_lab_halted(s->dma.lab, pci_requester_id(&s->pci), entry, cause, address);
    }
    trace_remap_gpu_fault(pci_requester_id(&s->pci), entry, opcode, cause, address);
}

const RemapGpuOps remap_gpu_ops = {
    .read = remap_gpu_bus_read,
    .write = remap_gpu_bus_write,
    .copy = remap_gpu_bus_copy,
    .expect = remap_gpu_bus_expect,
    .work_available = remap_gpu_work_available,
    .interrupt = remap_gpu_interrupt,
    .vram_written = remap_gpu_vram_written,
    .packet_fetched = remap_gpu_packet_fetched,
    .halted = remap_gpu_halted,
    .rest_wanted = remap_gpu_rest_wanted,
    .read_in = remap_gpu_bus_read_in,
    .write_in = remap_gpu_bus_write_in,
    .translate = remap_gpu_translate,
    .request_page = remap_gpu_request_page,
    .invalidated = remap_gpu_invalidated,
};

/* QEMU's own units have no way for a device on a thread of its own to keep translations. */
bool remap_gpu_check_place(RemapGpuDevice *s, Error **errp)
{
    AddressSpace *as = pci_device_iommu_address_space(&s->pci);

    if ((s->services.ats || s->services.pasid) && as != &address_space_memory && !remap_iommu_space_of(as)) {
        error_setg(errp, "remap-gpu: ats=on and pasid=on do not work behind this IOMMU, only behind remap-iommu");
        return false;
    }
    return true;
}

void remap_gpu_disconnect(RemapGpuDevice *s)
{
    remap_cache_tables_drop(&s->tables);
    if (s->client.space) {
        remap_iommu_remove_client(&s->client);
    }
}

void remap_gpu_connect(RemapGpuDevice *s)
{
    remap_gpu_disconnect(s);
    remap_dma_connect(&s->dma, &s->pci);
    if (s->dma.space && s->services.ats) {
        s->client.invalidate = remap_gpu_client_invalidate;
        s->client.answer_page = remap_gpu_client_answer_page;
        remap_iommu_add_client(&s->client, s->dma.space);
    }
}
