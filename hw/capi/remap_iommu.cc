// SPDX-License-Identifier: MIT
#include "hw/capi/remap_iommu.h"

#include "hw/capi/lab.h"
#include "hw/capi/reach.h"
#include "hw/capi/watcher.h"
#include "iommu/engine/iommu.h"
#include "iommu/engine/stale_report.h"
#include "iommu/spec/dmar.h"

#include <cstring>
#include <new>
#include <optional>
#include <string>

namespace {

using namespace remap;

unsigned cause_of(iommu::InterruptSource source) {
    switch (source) {
        case iommu::InterruptSource::FaultEvent: break;
        case iommu::InterruptSource::InvalidationCompletion: return REMAP_IOMMU_INVALIDATION_COMPLETION;
        case iommu::InterruptSource::PageRequest: return REMAP_IOMMU_PAGE_REQUEST;
    }
    return REMAP_IOMMU_FAULT_EVENT;
}

struct CallbackPorts final : iommu::MemoryPort,
                             iommu::InterruptPort,
                             iommu::WorkPort,
                             iommu::ClockPort,
                             iommu::DevicePort {
    CallbackPorts(const RemapIommuOps& ops, void* opaque) : ops(ops), opaque(opaque) {}

    bool read(PhysicalAddress from, void* to, std::size_t bytes) override {
        return ops.read(opaque, from.value, to, bytes);
    }
    bool write(PhysicalAddress to, const void* from, std::size_t bytes) override {
        return ops.write(opaque, to.value, from, bytes);
    }
    iommu::Exchange exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) override {
        std::uint64_t found = expected;
        if (!ops.exchange(opaque, at.value, &found, desired)) return iommu::Exchange::Unanswered;
        return found == expected ? iommu::Exchange::Done : iommu::Exchange::Changed;
    }
    void send(iommu::InterruptSource source, iommu::InterruptMessage message) override {
        ops.interrupt(opaque, cause_of(source), message.address, message.data);
    }
    void remapping_changed() override { ops.remapping_changed(opaque); }
    bool may_work_here() override { return ops.may_work_here(opaque); }
    void work_available() override { ops.work_available(opaque); }
    void drain_unannounced() override { ops.drain(opaque); }
    std::uint64_t nanoseconds() override { return ops.nanoseconds(opaque); }

    void invalidate(const iommu::DeviceInvalidation& what) override {
        const RemapInvalidation invalidation{.source = what.source.value,
                                             .first = what.first.value,
                                             .last = what.last.value,
                                             .with_pasid = what.pasid.has_value(),
                                             .pasid = what.pasid.value_or(iommu::Pasid{}).value,
                                             .every_pasid = what.every_pasid,
                                             .tag = what.tag.value};
        ops.invalidate(opaque, &invalidation);
    }
    void answer(const iommu::PageAnswer& what) override {
        const RemapPageAnswer answer{
            .source = what.source.value, .group = what.group, .code = static_cast<unsigned>(what.code)};
        ops.answer_page(opaque, &answer);
    }
    void start_timer() override { ops.start_timer(opaque); }

    const RemapIommuOps& ops;
    void* opaque;
};

iommu::Access access_of(bool write) { return write ? iommu::Access::Write : iommu::Access::Read; }

RemapTranslation to_c(const iommu::Translation& translation, bool untold = false) {
    if (!translation.allowed) return {};
    return {.readable = translation.readable,
            .writable = translation.writable,
            .address = translation.address.value,
            .granule = translation.granule,
            .snooped = translation.snooped,
            .untold = untold};
}

iommu::Request request_of(std::uint16_t source, const RemapContext& context, std::uint64_t address, bool write) {
    iommu::Request request{.source = {source}, .address = {address}, .access = access_of(write)};
    if (context.with_pasid) request.pasid = iommu::Pasid{context.pasid};
    request.privileged = context.privileged;
    return request;
}

RemapInterrupt to_c(const iommu::InterruptOutcome& outcome) {
    return {.allowed = outcome.allowed, .address = outcome.message.address, .data = outcome.message.data};
}

iommu::SourceCheck check_of(const RemapInterruptRequest& request) {
    return request.source_is_known ? iommu::SourceCheck::ByEntry : iommu::SourceCheck::None;
}

constexpr iommu::CacheGeometry geometry_of(const RemapIommuCache& cache) { return {cache.entries, cache.ways}; }

constexpr iommu::CacheGeometries caches_of(const RemapIommuCaches& caches) {
    return {.contexts = geometry_of(caches.context_cache),
            .pasids = geometry_of(caches.pasid_cache),
            .tables = geometry_of(caches.paging_cache),
            .iotlb = geometry_of(caches.iotlb),
            .interrupts = geometry_of(caches.interrupt_cache)};
}

iommu::Options options_of(const RemapIommuOptions& options) {
    return {.address_width = options.address_width,
            .huge_pages = options.huge_pages,
            .scalable = options.scalable,
            .snoop_control = options.snoop_control,
            .caching_mode = options.caching_mode,
            .device_tlb = options.device_tlb,
            .page_requests = options.page_requests,
            .interrupt_remapping = options.interrupt_remapping,
            .extended_interrupts = options.extended_interrupts,
            .caches = caches_of(options.caches),
            .detect_stale_uses = options.detect_stale_uses,
            .stale_grace = options.stale_grace};
}

// The clock is only for the times of stale uses, and reading it costs more than a table walk.
iommu::Machine machine_of(const RemapIommuOptions& options, CallbackPorts& ports, iommu::Observer* observer) {
    const iommu::Machine machine{.memory = ports,
                                 .interrupts = ports,
                                 .work = &ports,
                                 .clock = options.detect_stale_uses ? &ports : nullptr,
                                 .devices = &ports,
                                 .observer = observer};
    return options.lab != nullptr ? options.lab->around(machine) : machine;
}

}  // namespace

#define DEFAULT(field, option, entries, ways, what) .field = {entries, ways},
static_assert(caches_of({REMAP_IOMMU_CACHES(DEFAULT)}) == iommu::CacheGeometries{});
#undef DEFAULT

struct RemapIommu {
    RemapIommu(const RemapIommuOptions& options, const RemapIommuOps& ops, void* opaque)
        : ports(ops, opaque),
          engine(options_of(options), machine_of(options, ports, watcher_of(ops, opaque))),
          reach(engine, ops.reach, opaque),
          lab(options.lab) {
        if (lab != nullptr) lab->attach(engine);
    }

    RemapTranslation translate(const iommu::Request& request, bool dma_follows) {
        const iommu::Translation answer = engine.translate(request);
        const bool untold = dma_follows && answer.allowed && !answer.tampered;
        if (lab != nullptr && !untold) lab->translated(request, answer);
        return to_c(answer, untold);
    }

    iommu::Observer* watcher_of(const RemapIommuOps& ops, void* opaque) {
        return ops.watch != nullptr ? &watcher.emplace(*ops.watch, opaque) : nullptr;
    }

    CallbackPorts ports;
    std::optional<capi::Watcher> watcher;
    iommu::Iommu engine;
    capi::Reach reach;
    RemapLab* lab;
};

const char* remap_iommu_check(const RemapIommuOptions* options) {
    if (!iommu::Options::supports_width(options->address_width)) return "aw-bits is not 39, 48 or 57";
#define CHECK(field, option, entries, ways, what)                             \
    if (!geometry_of(options->caches.field).valid(iommu::most_cache_entries)) \
        return option "-entries is not " option "-ways (1 to 64) times a power of two, at most 4194304";
    REMAP_IOMMU_CACHES(CHECK)
#undef CHECK
    static_assert(iommu::most_cache_entries == 4194304);
    if (options->page_requests && !(options->device_tlb && options->scalable))
        return "svm=on needs device-iotlb=on and scalable-mode=on";
    return nullptr;
}

RemapIommu* remap_iommu_new(const RemapIommuOptions* options, const RemapIommuOps* ops, void* opaque) {
    if (remap_iommu_check(options) != nullptr) return nullptr;
    return new (std::nothrow) RemapIommu(*options, *ops, opaque);
}

void remap_iommu_free(RemapIommu* iommu) { delete iommu; }

void remap_iommu_reset(RemapIommu* iommu) {
    iommu->engine.reset();
    if (iommu->lab != nullptr) iommu->lab->reset();
}

uint64_t remap_iommu_window_size(void) { return iommu::Iommu::window_size; }

uint64_t remap_iommu_read(RemapIommu* iommu, uint64_t offset, unsigned bytes) {
    return iommu->engine.read(offset, bytes);
}

static_assert(REMAP_IOMMU_QUEUE_HEAD == vtd::queue_head::offset && REMAP_IOMMU_QUEUE_TAIL == vtd::queue_tail::offset);

RemapIommuQueue remap_iommu_queue(RemapIommu* iommu) {
    const iommu::QueuePlaces places = iommu->engine.queue_places();
    return {.places = places.count, .bytes = places.bytes};
}

void remap_iommu_write(RemapIommu* iommu, uint64_t offset, uint64_t value, unsigned bytes) {
    iommu->engine.write(offset, value, bytes);
}

size_t remap_iommu_save(RemapIommu* iommu, void* to, size_t room) {
    return iommu->engine.save({static_cast<std::byte*>(to), room});
}

bool remap_iommu_load(RemapIommu* iommu, const void* from, size_t bytes, char* why, size_t room) {
    const ArchiveError error = iommu->engine.load({static_cast<const std::byte*>(from), bytes});
    if (error) describe(error, {why, room});
    return !error;
}

RemapIommuTicket remap_iommu_begin_access(RemapIommu* iommu) {
    const iommu::Iommu::Ticket ticket = iommu->engine.begin_access();
    return {ticket.slot, ticket.phase};
}

void remap_iommu_end_access(RemapIommu* iommu, RemapIommuTicket ticket) {
    iommu->engine.end_access({ticket.slot, ticket.phase});
}

bool remap_iommu_work(RemapIommu* iommu) { return iommu->engine.work(); }

void remap_iommu_statistics(RemapIommu* iommu, RemapIommuStatistics* statistics) {
    const iommu::Statistics now = iommu->engine.statistics();
    *statistics = {.translations = now.translations,
                   .walks = now.walks,
                   .interrupts = now.interrupts,
                   .interrupt_fetches = now.interrupt_fetches,
                   .unverified_interrupts = now.unverified_interrupts,
                   .stale_uses = now.stale_uses,
                   .late_invalidations = now.late_invalidations,
                   .undecided_uses = now.undecided_uses};
}

void remap_iommu_stale_report(RemapIommu* iommu, char* to, size_t size) {
    if (size == 0) return;
    std::size_t used = 0;
    to[0] = '\0';
    for (const iommu::StaleUse& use : iommu->engine.stale_uses()) {
        const std::string line = iommu::text_of(use) + "\n";
        if (line.size() >= size - used) return;
        std::memcpy(to + used, line.c_str(), line.size() + 1);
        used += line.size();
    }
}

RemapTranslation remap_iommu_translate(RemapIommu* iommu, uint16_t source, uint64_t address, bool write) {
    return iommu->translate({.source = {source}, .address = {address}, .access = access_of(write)}, false);
}

RemapTranslation remap_iommu_translate_for_dma(RemapIommu* iommu, uint16_t source, uint64_t address, bool write) {
    return iommu->translate({.source = {source}, .address = {address}, .access = access_of(write)}, true);
}

RemapTranslation remap_iommu_translate_in(RemapIommu* iommu, uint16_t source, const RemapContext* context,
                                          uint64_t address, bool write) {
    return iommu->translate(request_of(source, *context, address, write), true);
}

RemapTranslation remap_iommu_check_translated(RemapIommu* iommu, uint16_t source, uint64_t address, bool write) {
    return iommu->translate(
        {.source = {source}, .address = {address}, .access = access_of(write), .type = iommu::RequestType::Translated},
        true);
}

RemapCompletion remap_iommu_ask(RemapIommu* iommu, uint16_t source, const RemapContext* context, uint64_t address,
                                bool write) {
    iommu::Request request = request_of(source, *context, address, write);
    request.type = iommu::RequestType::Translation;
    const iommu::Translation answer = iommu->engine.translate(request);
    if (iommu->lab != nullptr) iommu->lab->translated(request, answer);
    return {.refused = answer.refused,
            .readable = answer.readable,
            .writable = answer.writable,
            .untranslated_only = answer.untranslated_only,
            .snooped = answer.snooped,
            .address = answer.address.value,
            .granule = answer.granule};
}

void remap_iommu_device_invalidated(RemapIommu* iommu, uint16_t source, uint64_t tag) {
    iommu->engine.device_invalidated({source}, {tag});
}

void remap_iommu_request_page(RemapIommu* iommu, uint16_t source, const RemapContext* context, uint64_t address,
                              bool write, uint16_t group) {
    const iommu::Request request = request_of(source, *context, address, write);
    iommu->engine.request_page({.source = request.source,
                                .address = request.address,
                                .read = !write,
                                .write = write,
                                .pasid = request.pasid,
                                .privileged = request.privileged,
                                .group = group});
}

void remap_iommu_timer_expired(RemapIommu* iommu) { iommu->engine.timer_expired(); }

void remap_iommu_expect(RemapIommu* iommu, uint16_t source, const uint64_t* from, uint64_t* to, size_t count) {
    for (std::size_t i = 0; i < count; ++i) iommu->engine.prepare({{source}, {from[i]}});
    for (std::size_t i = 0; i < count; ++i)
        to[i] = iommu->engine.expect({{source}, {from[i]}}).value_or(PhysicalAddress{~std::uint64_t{0}}).value;
}

RemapTranslation remap_iommu_probe(RemapIommu* iommu, uint16_t source, uint64_t address, bool write) {
    return to_c(iommu->engine.probe({source}, {address}, access_of(write)));
}

void remap_iommu_follow(RemapIommu* iommu, uint16_t source) { iommu->reach.follow({source}); }

void remap_iommu_unfollow(RemapIommu* iommu, uint16_t source) { iommu->reach.unfollow({source}); }

bool remap_iommu_watched(const RemapIommu* iommu, uint64_t page) { return iommu->reach.watched({page}); }

void remap_iommu_stored(RemapIommu* iommu, uint64_t address, uint64_t bytes) { iommu->engine.stored({address}, bytes); }

RemapInterrupt remap_iommu_remap_interrupt(RemapIommu* iommu, const RemapInterruptRequest* request) {
    const iommu::InterruptMessage message{request->address, request->data};
    const iommu::InterruptOutcome outcome =
        iommu->engine.remap_interrupt({request->source}, message, check_of(*request));
    if (iommu->lab != nullptr) iommu->lab->interrupted({request->source}, message, outcome);
    return to_c(outcome);
}

RemapInterrupt remap_iommu_probe_interrupt(RemapIommu* iommu, const RemapInterruptRequest* request) {
    return to_c(
        iommu->engine.probe_interrupt({request->source}, {request->address, request->data}, check_of(*request)));
}

size_t remap_iommu_dmar(const RemapIommuOptions* options, const RemapIommuPlace* place, void* to, size_t size) {
    const vtd::dmar::Scope ioapic{.type = vtd::dmar::scope::type_ioapic,
                                  .enumeration = place->ioapic_id,
                                  .bus = static_cast<std::uint8_t>(place->ioapic_source >> 8),
                                  .device = static_cast<std::uint8_t>(place->ioapic_source >> 3 & 0x1f),
                                  .function = static_cast<std::uint8_t>(place->ioapic_source & 7)};
    vtd::dmar::Options table;
    table.register_base = place->base;
    table.interrupt_remapping = options->interrupt_remapping;
    table.ats_all_ports = options->device_tlb;
    if (options->interrupt_remapping) table.scopes = {&ioapic, 1};
    return vtd::dmar::build_dmar({static_cast<std::byte*>(to), size}, table);
}
