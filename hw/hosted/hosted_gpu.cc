// SPDX-License-Identifier: MIT
#include "hw/hosted/hosted_gpu.h"

#include "hw/hosted/machine_lab.h"

namespace remap::hosted {

HostedGpu::HostedGpu(Machine& machine, const GpuOptions& options)
    : machine_(machine),
      source_id_(options.source_id),
      vram_(options.vram_bytes),
      model_({.address_bits = options.address_bits}, vram_, *this, *this, machine.iommu() != nullptr ? this : nullptr),
      thread_([this](std::stop_token stop) { run(stop); }) {}

HostedGpu::~HostedGpu() = default;

lab::Laboratory* HostedGpu::laboratory() const {
    return machine_.laboratory() == nullptr ? nullptr : &machine_.laboratory()->laboratory();
}

bool HostedGpu::read(const gpu::BusAddress& from, void* to, std::size_t bytes) {
    return !is_unplugged() && machine_.dma_read(request_of({.snoop = from.snoop}, from.address.value), to, bytes);
}

bool HostedGpu::write(const gpu::BusAddress& to, const void* from, std::size_t bytes) {
    return !is_unplugged() && machine_.dma_write(request_of({.snoop = to.snoop}, to.address.value), from, bytes);
}

iommu::Request HostedGpu::request_of(const gpu::Context& context, std::uint64_t address) const {
    iommu::Request request{.source = {source_id_}, .address = {address}};
    if (context.pasid) request.pasid = iommu::Pasid{*context.pasid};
    request.privileged = context.privileged;
    return request;
}

DmaRequest HostedGpu::request_of(const gpu::AccessKind& kind, std::uint64_t address) const {
    DmaRequest request{.request = request_of(kind.context, address), .snoop = kind.snoop};
    if (kind.translated) request.request.type = iommu::RequestType::Translated;
    return request;
}

bool HostedGpu::read(const gpu::AccessKind& kind, std::uint64_t from, void* to, std::size_t bytes) {
    return !is_unplugged() && machine_.dma_read(request_of(kind, from), to, bytes);
}

bool HostedGpu::write(const gpu::AccessKind& kind, std::uint64_t to, const void* from, std::size_t bytes) {
    return !is_unplugged() && machine_.dma_write(request_of(kind, to), from, bytes);
}

gpu::Translated HostedGpu::translate(const gpu::PageWish& wish) {
    iommu::Request request = request_of(wish.context, wish.address.value);
    request.type = iommu::RequestType::Translation;
    if (wish.write) request.access = iommu::Access::Write;
    if (is_unplugged()) return {.refused = true};
    const iommu::Translation answer = machine_.translate(request);
    return {.refused = answer.refused,
            .readable = answer.readable,
            .writable = answer.writable,
            .untranslated_only = answer.untranslated_only,
            .snooped = answer.snooped,
            .address = answer.address.value,
            .granule = answer.granule};
}

void HostedGpu::request_page(const gpu::PageWish& wish, std::uint16_t group) {
    if (is_unplugged()) return;
    const iommu::Request request = request_of(wish.context, wish.address.value);
    machine_.iommu()->request_page({.source = request.source,
                                    .address = request.address,
                                    .read = !wish.write,
                                    .write = wish.write,
                                    .pasid = request.pasid,
                                    .privileged = request.privileged,
                                    .group = group});
}

void HostedGpu::invalidated(std::uint64_t tag) {
    if (!is_unplugged()) machine_.iommu()->device_invalidated({source_id_}, {tag});
}

void HostedGpu::invalidate(const iommu::DeviceInvalidation& what) {
    gpu::Invalidation invalidation{
        .first = what.first.value, .last = what.last.value, .every_pasid = what.every_pasid, .tag = what.tag.value};
    if (what.pasid) invalidation.pasid = what.pasid->value;
    model_.invalidate(invalidation);
}

void HostedGpu::work_available() {
    const std::lock_guard guard(lock_);
    pending_ = true;
    wake_.notify_one();
}

void HostedGpu::interrupt(unsigned vector) {
    if (is_unplugged()) return;
    if (MachineLab* lab = machine_.laboratory(); lab != nullptr && !lab->interrupt(source_id_, vector)) return;
    receive_interrupt(vector);
}

bool HostedGpu::packet_fetched(std::uint32_t entry, const gpu::spec::Packet& packet) {
    lab::Laboratory* lab = laboratory();
    if (lab == nullptr || !lab->watches(lab::Kind::Packet)) return false;
    return lab->packet({.kind = lab::Kind::Packet,
                        .source = source_id_,
                        .address = entry,
                        .length = packet.length,
                        .result = packet.source,
                        .detail = packet.destination,
                        .code = packet.opcode});
}

void HostedGpu::halted(std::uint32_t entry, std::uint16_t, gpu::spec::FaultCause cause, std::uint64_t address) {
    if (lab::Laboratory* lab = laboratory())
        lab->happened({.kind = lab::Kind::Halt,
                       .source = source_id_,
                       .address = address,
                       .detail = entry,
                       .code = static_cast<std::uint32_t>(cause)});
}

void HostedGpu::reset() {
    const std::lock_guard guard(working_);
    model_.reset();
    if (lab::Laboratory* lab = laboratory()) lab->reset(source_id_);
}

void HostedGpu::run(std::stop_token stop) {
    while (!stop.stop_requested()) {
        {
            std::unique_lock guard(lock_);
            wake_.wait(guard, stop, [this] { return pending_; });
            pending_ = false;
        }
        bool more = true;
        while (more && !stop.stop_requested()) {
            const std::lock_guard guard(working_);
            more = model_.run();
        }
    }
}

}  // namespace remap::hosted
