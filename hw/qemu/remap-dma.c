/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "exec/target_page.h"
#include "hw/pci/pci.h"

#include "remap-cache.h"
#include "remap-dma.h"
#include "remap-memory.h"
#include "trace.h"

void remap_dma_connect(RemapDma *dma, PCIDevice *pci)
{
    AddressSpace *as = pci_device_iommu_address_space(pci);

    dma->pci = pci;
    dma->space = remap_iommu_space_of(as);
    dma->lab = dma->space ? remap_iommu_space_device(dma->space)->lab.lab : NULL;
    dma->foreign = as != &address_space_memory && !dma->space;
}

static bool remap_dma_find_foreign(const RemapDma *dma, hwaddr address, size_t bytes, bool is_write,
                                   RemapStretch *found)
{
    MemTxAttrs attrs = { .requester_id = pci_requester_id(dma->pci) };
    hwaddr length = bytes;

    found->region = address_space_translate(pci_get_address_space(dma->pci), address, &found->offset, &length, is_write,
                                            attrs);
    if (length < bytes || !memory_access_is_direct(found->region, is_write, attrs)) {
        return false;
    }
    found->host = (char *)memory_region_get_ram_ptr(found->region) + found->offset;
    return remap_memory_address(found->region, found->offset, &found->address);
}

/* In whose name an address is put on the bus. */
typedef enum RemapDmaKind { REMAP_DMA_PLAIN, REMAP_DMA_IN_CONTEXT, REMAP_DMA_TRANSLATED } RemapDmaKind;

/* One side of a transfer: memory of the device, or an address that it puts on the bus. */
typedef struct RemapDmaSide {
    void *own;
    hwaddr address;
    bool snoop;
    RemapDmaKind kind;
    const RemapContext *context;
} RemapDmaSide;

static RemapDmaSide remap_dma_own(const void *memory)
{
    return (RemapDmaSide) { .own = (void *)memory };
}

static RemapDmaSide remap_dma_side(RemapDmaAddress at)
{
    return (RemapDmaSide) { .address = at.address, .snoop = at.snoop };
}

/* An access of no process goes as it is. */
static RemapDmaSide remap_dma_side_in(const RemapContext *context, RemapDmaAddress at)
{
    RemapDmaKind kind = !context ? REMAP_DMA_TRANSLATED : context->with_pasid ? REMAP_DMA_IN_CONTEXT : REMAP_DMA_PLAIN;

    return (RemapDmaSide) { .address = at.address, .snoop = at.snoop, .kind = kind, .context = context };
}

static RemapTranslation remap_dma_translate(const RemapDma *dma, const RemapDmaSide *side, bool is_write)
{
    switch (side->kind) {
    case REMAP_DMA_IN_CONTEXT:
        return remap_iommu_space_translate_in(dma->space, side->context, side->address, is_write);
    case REMAP_DMA_TRANSLATED:
        return remap_iommu_space_check(dma->space, side->address, is_write);
    default:
        return remap_iommu_space_translate(dma->space, side->address, is_write);
    }
}

/*
 * What an access comes to: memory, at an address of the system unless it is the device's own, and whether it really
 * snoops the processors' caches. Tables that force it are known of a remap-iommu only. `untold` is for the laboratory.
 */
typedef struct RemapDmaTarget {
    RemapStretch memory;
    bool snoop;
    bool untold;
} RemapDmaTarget;

static bool remap_dma_find(const RemapDma *dma, const RemapDmaSide *side, size_t bytes, bool is_write,
                           RemapDmaTarget *found)
{
    hwaddr address = side->address;

    found->snoop = side->snoop;
    if (side->kind != REMAP_DMA_PLAIN && !dma->space) {
        return false;
    }
    if (dma->foreign) {
        return remap_dma_find_foreign(dma, address, bytes, is_write, &found->memory);
    }
    /* What QEMU's address space of the function is switched by. */
    if (!qatomic_read(&dma->pci->bus_master_enable_region.enabled)) {
        return false;
    }
    if (dma->space) {
        RemapTranslation t = remap_dma_translate(dma, side, is_write);

        if (!(is_write ? t.writable : t.readable)) {
            return false;
        }
        address = t.address;
        found->snoop |= t.snooped;
        found->untold = t.untold;
    }
    return remap_memory_find(address, bytes, is_write, &found->memory);
}

static bool remap_dma_reach(const RemapDma *dma, const RemapDmaSide *side, size_t bytes, bool is_write,
                            RemapDmaTarget *found)
{
    if (side->own) {
        *found = (RemapDmaTarget) { .memory.host = side->own };
        return true;
    }
    bool allowed = remap_dma_find(dma, side, bytes, is_write, found);

    if (trace_event_get_state_backends(TRACE_REMAP_GPU_DMA)) {
        trace_remap_gpu_dma(pci_requester_id(dma->pci), side->address, is_write, bytes, allowed, found->snoop);
    }
    if (!allowed) {
        return false;
    }
    /* A look at the other side takes as long as a miss, and so may begin meanwhile. */
    __builtin_prefetch(found->memory.host);
    return true;
}

static RemapCacheDma remap_dma_of_caches(const RemapDma *dma, const RemapDmaSide *side, const RemapDmaTarget *target,
                                         size_t bytes)
{
    return (RemapCacheDma) {
        .address = target->memory.address,
        .bus_address = side->address,
        .bytes = bytes,
        .source = pci_requester_id(dma->pci),
        .snoop = target->snoop,
    };
}

/* What the device gets and leaves is the model's to say. Both sides were found, so that nothing is refused any more. */
static void remap_dma_move_through_caches(const RemapDma *dma, const RemapDmaSide *to, const RemapDmaTarget *target,
                                          const RemapDmaSide *from, const RemapDmaTarget *source, size_t bytes)
{
    uint8_t piece[TARGET_PAGE_SIZE];
    const void *data = source->memory.host;

    if (!from->own) {
        RemapCacheDma access = remap_dma_of_caches(dma, from, source, bytes);

        remap_cache_device_reads(&access, piece);
        data = piece;
    }
    if (to->own) {
        remap_memory_move(to->own, data, bytes);
    } else {
        RemapCacheDma access = remap_dma_of_caches(dma, to, target, bytes);

        remap_cache_device_writes(&access, data);
    }
}

/* What the laboratory has to say to the two sides. */
typedef struct RemapDmaOrders {
    RemapLabDma to;
    RemapLabDma from;
} RemapDmaOrders;

/* A transfer: its two sides, and what they come to, once that is found. */
typedef struct RemapDmaTransfer {
    const RemapDmaSide *to;
    const RemapDmaSide *from;
    size_t bytes;
    const RemapDmaOrders *orders; /* NULL: none */
    RemapDmaTarget target;
    RemapDmaTarget source;
} RemapDmaTransfer;

static void remap_dma_move(const RemapDma *dma, RemapDmaTransfer *t)
{
    if (unlikely(remap_cache)) {
        remap_dma_move_through_caches(dma, t->to, &t->target, t->from, &t->source, t->bytes);
        return;
    }
    remap_memory_move(t->target.memory.host, t->source.memory.host, t->bytes);
    if (t->target.memory.region) {
        remap_memory_mark_written(t->target.memory.region, t->target.memory.offset, t->bytes);
    }
}

/* By way of a piece of our own: nobody sees the bytes as they were. */
static void remap_dma_move_flipped(const RemapDma *dma, RemapDmaTransfer *t)
{
    uint8_t piece[TARGET_PAGE_SIZE];
    RemapDmaSide own = remap_dma_own(piece);
    RemapDmaTransfer in = *t, out = *t;

    in.to = out.from = &own;
    in.target = out.source = (RemapDmaTarget) { .memory.host = piece };
    remap_dma_move(dma, &in);
    if (t->orders->from.flip) {
        remap_lab_flip_bit(piece, t->bytes, t->orders->from.bit);
    }
    if (t->orders->to.flip) {
        remap_lab_flip_bit(piece, t->bytes, t->orders->to.bit);
    }
    remap_dma_move(dma, &out);
}

static RemapDmaRefusal remap_dma_perform(const RemapDma *dma, RemapDmaTransfer *t)
{
    const RemapDmaOrders *orders = t->orders;

    if ((orders && orders->from.refuse) || !remap_dma_reach(dma, t->from, t->bytes, false, &t->source)) {
        return REMAP_DMA_READ;
    }
    if ((orders && orders->to.refuse) || !remap_dma_reach(dma, t->to, t->bytes, true, &t->target)) {
        return REMAP_DMA_WRITE;
    }
    if (orders && (orders->from.flip || orders->to.flip)) {
        remap_dma_move_flipped(dma, t);
    } else {
        remap_dma_move(dma, t);
    }
    return REMAP_DMA_NONE;
}

/* Every access passes here, and only here does the IOMMU's engine learn that one begins and ends. */
static RemapDmaRefusal remap_dma_announce(const RemapDma *dma, RemapDmaTransfer *t)
{
    RemapIommu *iommu = dma->space ? remap_iommu_space_engine(dma->space) : NULL;
    RemapIommuTicket ticket = { 0 };
    RemapDmaRefusal refusal;

    RCU_READ_LOCK_GUARD();
    smp_mb(); /* as before each DMA access of QEMU's devices: what the processor wrote before its doorbell is there */
    if (iommu) {
        ticket = remap_iommu_begin_access(iommu);
    }
    refusal = remap_dma_perform(dma, t);
    if (iommu) {
        remap_iommu_end_access(iommu, ticket);
    }
    return refusal;
}

/* Field by field in its place: to copy what was just stored takes as long as the whole access. */
static void remap_dma_describe(RemapLabAccess *access, const RemapDma *dma, const RemapDmaSide *side, size_t bytes,
                               bool is_write)
{
    access->source = remap_iommu_space_source(dma->space);
    access->is_write = is_write;
    access->no_snoop = !side->snoop;
    access->translated = side->kind == REMAP_DMA_TRANSLATED;
    access->with_pasid = side->kind == REMAP_DMA_IN_CONTEXT;
    access->pasid = access->with_pasid ? side->context->pasid : 0;
    access->address = side->address;
    access->bytes = bytes;
}

static void remap_dma_describe_end(RemapLabAccess *access, const RemapDmaTarget *target, bool refused)
{
    access->untold = target->untold;
    access->refused = refused;
    access->physical = refused ? 0 : target->memory.address;
}

/* What the laboratory gets to know of a transfer. Of a side that is memory of the device's own there is nothing to say. */
static void remap_dma_tell_lab(const RemapDma *dma, const RemapDmaTransfer *t, RemapDmaRefusal refusal)
{
    bool reads = !t->from->own, writes = !t->to->own && refusal != REMAP_DMA_READ;
    RemapLabAccess from, to;

    if (reads) {
        remap_dma_describe(&from, dma, t->from, t->bytes, false);
        from.order = t->orders ? &t->orders->from : NULL;
        remap_dma_describe_end(&from, &t->source, refusal == REMAP_DMA_READ);
    }
    if (writes) {
        remap_dma_describe(&to, dma, t->to, t->bytes, true);
        to.order = t->orders ? &t->orders->to : NULL;
        remap_dma_describe_end(&to, &t->target, refusal == REMAP_DMA_WRITE);
    }
    remap_lab_dma_done(dma->lab, reads ? &from : NULL, writes ? &to : NULL);
}

/*
 * A delay comes before the access begins: an invalidation does not wait for it. Of a copy whose source is refused the
 * destination was never asked for.
 */
static RemapDmaRefusal remap_dma_access_by_rules(const RemapDma *dma, RemapDmaTransfer *t)
{
    RemapDmaOrders orders = { 0 };
    RemapDmaRefusal refusal;

    if (!t->from->own) {
        RemapLabAccess from;

        remap_dma_describe(&from, dma, t->from, t->bytes, false);
        orders.from = remap_lab_dma(dma->lab, &from);
    }
    if (!t->to->own && !orders.from.refuse) {
        RemapLabAccess to;

        remap_dma_describe(&to, dma, t->to, t->bytes, true);
        orders.to = remap_lab_dma(dma->lab, &to);
    }
    t->orders = &orders;
    refusal = remap_dma_announce(dma, t);
    remap_dma_tell_lab(dma, t, refusal);
    return refusal;
}

static bool remap_dma_is_plain_copy(const RemapDmaTransfer *t)
{
    return !t->from->own && !t->to->own && t->from->kind == REMAP_DMA_PLAIN && t->to->kind == REMAP_DMA_PLAIN;
}

static void remap_dma_tell_copy(const RemapDma *dma, const RemapDmaTransfer *t)
{
    RemapLabCopy copy = {
        .source = remap_iommu_space_source(dma->space),
        .from_no_snoop = !t->from->snoop,
        .to_no_snoop = !t->to->snoop,
        .bytes = t->bytes,
        .untold = t->source.untold + t->target.untold,
        .from = t->from->address,
        .from_physical = t->source.memory.address,
        .to = t->to->address,
        .to_physical = t->target.memory.address,
    };

    remap_lab_copied(dma->lab, &copy);
}

static RemapDmaRefusal remap_dma_access_in_lab(const RemapDma *dma, RemapDmaTransfer *t)
{
    RemapLabInterest interest = remap_lab_interest_in_dma(dma->lab);
    RemapDmaRefusal refusal;

    t->source.untold = t->target.untold = false;
    if (interest == REMAP_LAB_RULES) {
        return remap_dma_access_by_rules(dma, t);
    }
    refusal = remap_dma_announce(dma, t);
    if (interest == REMAP_LAB_COUNTS && refusal == REMAP_DMA_NONE) {
        remap_lab_count_dma(dma->lab, remap_iommu_space_source(dma->space), t->from->own ? 0 : t->bytes,
                            t->to->own ? 0 : t->bytes, t->source.untold + t->target.untold);
    } else if (refusal == REMAP_DMA_NONE && remap_dma_is_plain_copy(t)) {
        remap_dma_tell_copy(dma, t);
    } else {
        remap_dma_tell_lab(dma, t, refusal);
    }
    return refusal;
}

static RemapDmaRefusal remap_dma_access(const RemapDma *dma, RemapDmaSide to, RemapDmaSide from, size_t bytes)
{
    RemapDmaTransfer transfer; /* not set to zero as a whole: that would cost what a translation does */

    transfer.to = &to;
    transfer.from = &from;
    transfer.bytes = bytes;
    transfer.orders = NULL;
    return unlikely(dma->lab) ? remap_dma_access_in_lab(dma, &transfer) : remap_dma_announce(dma, &transfer);
}

/* Without a ticket: what is found is for the processor's prefetcher alone, which minds no address. */
void remap_dma_expect(const RemapDma *dma, const uint64_t *addresses, size_t count)
{
    uint64_t physical[REMAP_IOMMU_EXPECTED];
    RemapStretch found;

    if (dma->foreign) {
        return;
    }
    if (dma->space) {
        remap_iommu_space_expect(dma->space, addresses, physical, count);
        addresses = physical;
    }
    RCU_READ_LOCK_GUARD();
    for (size_t i = 0; i < count; i++) {
        if (remap_memory_find(addresses[i], 1, false, &found)) {
            __builtin_prefetch(found.host);
        }
    }
}

bool remap_dma_read(const RemapDma *dma, RemapDmaAddress from, void *to, size_t bytes)
{
    return remap_dma_access(dma, remap_dma_own(to), remap_dma_side(from), bytes) == REMAP_DMA_NONE;
}

bool remap_dma_write(const RemapDma *dma, RemapDmaAddress to, const void *from, size_t bytes)
{
    return remap_dma_access(dma, remap_dma_side(to), remap_dma_own(from), bytes) == REMAP_DMA_NONE;
}

RemapDmaRefusal remap_dma_copy(const RemapDma *dma, RemapDmaAddress to, RemapDmaAddress from, size_t bytes)
{
    return remap_dma_access(dma, remap_dma_side(to), remap_dma_side(from), bytes);
}

bool remap_dma_read_in(const RemapDma *dma, const RemapContext *context, RemapDmaAddress from, void *to, size_t bytes)
{
    return remap_dma_access(dma, remap_dma_own(to), remap_dma_side_in(context, from), bytes) == REMAP_DMA_NONE;
}

bool remap_dma_write_in(const RemapDma *dma, const RemapContext *context, RemapDmaAddress to, const void *from,
                        size_t bytes)
{
    return remap_dma_access(dma, remap_dma_side_in(context, to), remap_dma_own(from), bytes) == REMAP_DMA_NONE;
}

static int32_t remap_dma_pasid_of(const RemapContext *context)
{
    return context->with_pasid ? (int32_t)context->pasid : -1;
}

/* Nobody answers where no unit is, nor to a function that may not be master of the bus. */
RemapCompletion remap_dma_ask(const RemapDma *dma, const RemapContext *context, hwaddr address, bool is_write)
{
    RemapCompletion answer = { .refused = true };

    if (dma->space && qatomic_read(&dma->pci->bus_master_enable_region.enabled)) {
        answer = remap_iommu_ask(remap_iommu_space_engine(dma->space), remap_iommu_space_source(dma->space), context,
                                 address, is_write);
    }
    trace_remap_iommu_ask(pci_requester_id(dma->pci), remap_dma_pasid_of(context), address, is_write, answer.refused,
                          answer.readable, answer.writable, answer.address, answer.granule);
    return answer;
}

bool remap_dma_request_page(const RemapDma *dma, const RemapContext *context, hwaddr address, bool is_write,
                            uint16_t group)
{
    if (!dma->space) {
        return false;
    }
    trace_remap_iommu_page_request(pci_requester_id(dma->pci), remap_dma_pasid_of(context), address, is_write, group);
    remap_iommu_request_page(remap_iommu_space_engine(dma->space), remap_iommu_space_source(dma->space), context,
                             address, is_write, group);
    return true;
}

void remap_dma_invalidated(const RemapDma *dma, uint64_t tag)
{
    trace_remap_iommu_device_invalidated(pci_requester_id(dma->pci), tag);
    if (dma->space) {
        remap_iommu_device_invalidated(remap_iommu_space_engine(dma->space), remap_iommu_space_source(dma->space), tag);
    }
}
