// SPDX-License-Identifier: MIT
#include "hw/capi/remap_gpu.h"

#include "hw/gpu/gpu.h"
#include "hw/spec/gpu_registers.h"

#include <new>

namespace {

using namespace remap;

RemapGpuContext to_c(const gpu::Context& context) {
    return {
        .with_pasid = context.pasid.has_value(), .pasid = context.pasid.value_or(0), .privileged = context.privileged};
}

RemapGpuAddress to_c(const gpu::BusAddress& at) { return {.address = at.address.value, .snoop = at.snoop}; }

RemapGpuAddress address_of(const gpu::AccessKind& kind, std::uint64_t address) {
    return {.address = address, .snoop = kind.snoop};
}

RemapGpuPacket to_c(const gpu::spec::Packet& packet) {
    return {.opcode = packet.opcode,
            .flags = packet.flags,
            .destination = packet.destination,
            .source = packet.source,
            .length = packet.length,
            .width = packet.width,
            .lines = packet.lines};
}

struct CallbackPorts final : gpu::BusPort, gpu::HostPort, gpu::TranslationPort {
    CallbackPorts(const RemapGpuOps& ops, void* opaque) : ops(ops), opaque(opaque) {}

    bool read(const gpu::BusAddress& from, void* to, std::size_t bytes) override {
        return ops.read(opaque, to_c(from), to, bytes);
    }
    bool write(const gpu::BusAddress& to, const void* from, std::size_t bytes) override {
        return ops.write(opaque, to_c(to), from, bytes);
    }
    gpu::Refusal copy(const gpu::BusAddress& to, const gpu::BusAddress& from, std::size_t bytes) override {
        switch (ops.copy(opaque, to_c(to), to_c(from), bytes)) {
            case REMAP_GPU_READ_REFUSED: return gpu::Refusal::Read;
            case REMAP_GPU_WRITE_REFUSED: return gpu::Refusal::Write;
            default: return gpu::Refusal::None;
        }
    }
    void expect(std::span<const LogicalAddress> addresses) override {
        std::uint64_t values[REMAP_GPU_EXPECTED];
        const std::size_t count = std::min(addresses.size(), std::size(values));
        for (std::size_t i = 0; i < count; ++i) values[i] = addresses[i].value;
        ops.expect(opaque, values, count);
    }
    void work_available() override { ops.work_available(opaque); }
    void interrupt(unsigned vector) override { ops.interrupt(opaque, vector); }
    void vram_written(std::uint64_t offset, std::uint64_t bytes) override { ops.vram_written(opaque, offset, bytes); }
    bool packet_fetched(std::uint32_t entry, const gpu::spec::Packet& packet) override {
        const RemapGpuPacket told = to_c(packet);
        return ops.packet_fetched(opaque, entry, &told);
    }
    bool rest_wanted() override { return ops.rest_wanted(opaque); }
    void halted(std::uint32_t entry, std::uint16_t opcode, gpu::spec::FaultCause cause,
                std::uint64_t address) override {
        ops.halted(opaque, entry, opcode, static_cast<unsigned>(cause), address);
    }

    bool read(const gpu::AccessKind& kind, std::uint64_t from, void* to, std::size_t bytes) override {
        const RemapGpuContext context = to_c(kind.context);
        return ops.read_in(opaque, kind.translated ? nullptr : &context, address_of(kind, from), to, bytes);
    }
    bool write(const gpu::AccessKind& kind, std::uint64_t to, const void* from, std::size_t bytes) override {
        const RemapGpuContext context = to_c(kind.context);
        return ops.write_in(opaque, kind.translated ? nullptr : &context, address_of(kind, to), from, bytes);
    }
    gpu::Translated translate(const gpu::PageWish& wish) override {
        const RemapGpuContext context = to_c(wish.context);
        const RemapGpuTranslated answer = ops.translate(opaque, &context, wish.address.value, wish.write);
        return {.refused = answer.refused,
                .readable = answer.readable,
                .writable = answer.writable,
                .untranslated_only = answer.untranslated_only,
                .snooped = answer.snooped,
                .address = answer.address,
                .granule = answer.granule};
    }
    void request_page(const gpu::PageWish& wish, std::uint16_t group) override {
        const RemapGpuContext context = to_c(wish.context);
        ops.request_page(opaque, &context, wish.address.value, wish.write, group);
    }
    void invalidated(std::uint64_t tag) override { ops.invalidated(opaque, tag); }

    const RemapGpuOps& ops;
    void* opaque;
};

}  // namespace

struct RemapGpu {
    RemapGpu(unsigned address_bits, std::span<std::byte> vram, const RemapGpuOps& ops, void* opaque)
        : ports(ops, opaque), model({.address_bits = address_bits}, vram, ports, ports, &ports) {}

    CallbackPorts ports;
    gpu::Gpu model;
};

RemapGpuIdentity remap_gpu_identity(void) {
    return {.vendor = gpu::spec::pci_function::vendor,
            .device = gpu::spec::pci_function::device,
            .subsystem_vendor = gpu::spec::pci_function::subsystem_vendor,
            .subsystem_device = gpu::spec::pci_function::subsystem_device,
            .pci_class = gpu::spec::pci_function::device_class,
            .revision = gpu::spec::pci_function::revision,
            .register_window = gpu::spec::pci_function::register_bar_size,
            .most_page_requests = gpu::spec::pci_function::most_page_requests,
            .pasid_bits = gpu::spec::pci_function::pasid_bits,
            .vectors = gpu::spec::vectors};
}

RemapGpu* remap_gpu_new(unsigned address_bits, void* vram, uint64_t vram_bytes, const RemapGpuOps* ops, void* opaque) {
    if (address_bits < 32 || address_bits > 64) return nullptr;
    return new (std::nothrow) RemapGpu(address_bits, {static_cast<std::byte*>(vram), vram_bytes}, *ops, opaque);
}

void remap_gpu_free(RemapGpu* gpu) { delete gpu; }

void remap_gpu_reset(RemapGpu* gpu) { gpu->model.reset(); }

uint64_t remap_gpu_read(RemapGpu* gpu, uint64_t offset, unsigned bytes) { return gpu->model.read(offset, bytes); }

void remap_gpu_write(RemapGpu* gpu, uint64_t offset, uint64_t value, unsigned bytes) {
    gpu->model.write(offset, value, bytes);
}

bool remap_gpu_run(RemapGpu* gpu) { return gpu->model.run(); }

RemapGpuScanout remap_gpu_scanout(RemapGpu* gpu) {
    const gpu::Scanout scanout = gpu->model.scanout();
    return {.enabled = scanout.enabled,
            .offset = scanout.offset,
            .width = scanout.width,
            .height = scanout.height,
            .stride = scanout.stride};
}

void remap_gpu_set_services(RemapGpu* gpu, const RemapGpuServices* services) {
    gpu->model.set_translation_services({.cache = services->ats,
                                         .page_requests = services->page_requests,
                                         .pasid = services->pasid,
                                         .privileged = services->privileged,
                                         .most_page_requests = services->most_page_requests,
                                         .no_snoop = services->no_snoop});
}

void remap_gpu_invalidate(RemapGpu* gpu, const RemapGpuInvalidation* what) {
    gpu::Invalidation invalidation{
        .first = what->first, .last = what->last, .every_pasid = what->every_pasid, .tag = what->tag};
    if (what->with_pasid) invalidation.pasid = what->pasid;
    gpu->model.invalidate(invalidation);
}

void remap_gpu_answer_page(RemapGpu* gpu, uint16_t group, unsigned code) { gpu->model.answer_page({group, code}); }

RemapGpuPageRequestStatus remap_gpu_page_request_status(RemapGpu* gpu) {
    const gpu::PageRequestStatus status = gpu->model.page_request_status();
    return {.failed = status.failed, .unexpected_answer = status.unexpected_answer, .idle = status.idle};
}

void remap_gpu_clear_page_request_status(RemapGpu* gpu, bool failed, bool unexpected_answer) {
    gpu->model.clear_page_request_status({.failed = failed, .unexpected_answer = unexpected_answer});
}

void remap_gpu_reset_page_requests(RemapGpu* gpu) { gpu->model.reset_page_requests(); }

size_t remap_gpu_save(RemapGpu* gpu, void* to, size_t room) {
    return gpu->model.save({static_cast<std::byte*>(to), room});
}

bool remap_gpu_load(RemapGpu* gpu, const void* from, size_t bytes, char* why, size_t room) {
    const ArchiveError error = gpu->model.load({static_cast<const std::byte*>(from), bytes});
    if (error) describe(error, {why, room});
    return !error;
}
