// SPDX-License-Identifier: MIT
#include "hw/capi/remap_gpu.h"

#include "hw/gpu/gpu.h"
#include "hw/spec/gpu_registers.h"

#include <new>

namespace {

using namespace remap;

RemapGpuPacket to_c(const gpu::spec::Packet& packet) {
    return {.opcode = packet.opcode,
            .flags = packet.flags,
            .destination = packet.destination,
            .source = packet.source,
            .length = packet.length,
            .width = packet.width,
            .lines = packet.lines};
}

struct CallbackPorts final : gpu::BusPort, gpu::HostPort {
    CallbackPorts(const RemapGpuOps& ops, void* opaque) : ops(ops), opaque(opaque) {}

    bool read(LogicalAddress from, void* to, std::size_t bytes) override {
        return ops.read(opaque, from.value, to, bytes);
    }
    bool write(LogicalAddress to, const void* from, std::size_t bytes) override {
        return ops.write(opaque, to.value, from, bytes);
    }
    gpu::Refusal copy(LogicalAddress to, LogicalAddress from, std::size_t bytes) override {
        switch (ops.copy(opaque, to.value, from.value, bytes)) {
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
    void packet_fetched(std::uint32_t entry, const gpu::spec::Packet& packet) override {
        const RemapGpuPacket told = to_c(packet);
        ops.packet_fetched(opaque, entry, &told);
    }
    void halted(std::uint32_t entry, std::uint16_t opcode, gpu::spec::FaultCause cause,
                std::uint64_t address) override {
        ops.halted(opaque, entry, opcode, static_cast<unsigned>(cause), address);
    }

    const RemapGpuOps& ops;
    void* opaque;
};

}  // namespace

struct RemapGpu {
    RemapGpu(unsigned address_bits, std::span<std::byte> vram, const RemapGpuOps& ops, void* opaque)
        : ports(ops, opaque), model({.address_bits = address_bits}, vram, ports, ports) {}

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

size_t remap_gpu_save(RemapGpu* gpu, void* to, size_t room) {
    return gpu->model.save({static_cast<std::byte*>(to), room});
}

bool remap_gpu_load(RemapGpu* gpu, const void* from, size_t bytes, char* why, size_t room) {
    const ArchiveError error = gpu->model.load({static_cast<const std::byte*>(from), bytes});
    if (error) describe(error, {why, room});
    return !error;
}
