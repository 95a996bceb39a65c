// SPDX-License-Identifier: MIT
#include "hw/capi/remap_iommu.h"

#include "iommu/engine/iommu.h"
#include "iommu/spec/dmar.h"

#include <new>

namespace {

using namespace remap;

struct CallbackPorts final : iommu::MemoryPort, iommu::InterruptPort {
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
        const unsigned cause = source == iommu::InterruptSource::FaultEvent ? REMAP_IOMMU_FAULT_EVENT
                                                                            : REMAP_IOMMU_INVALIDATION_COMPLETION;
        ops.interrupt(opaque, cause, message.address.value, message.data);
    }

    const RemapIommuOps& ops;
    void* opaque;
};

iommu::Access access_of(bool write) { return write ? iommu::Access::Write : iommu::Access::Read; }

RemapTranslation to_c(const iommu::Translation& translation) {
    if (!translation.allowed) return {};
    return {.readable = translation.readable,
            .writable = translation.writable,
            .address = translation.address.value,
            .granule = translation.granule};
}

}  // namespace

struct RemapIommu {
    RemapIommu(const iommu::Options& options, const RemapIommuOps& ops, void* opaque)
        : ports(ops, opaque), engine(options, {.memory = ports, .interrupts = ports}) {}

    CallbackPorts ports;
    iommu::Iommu engine;
};

RemapIommu* remap_iommu_new(const RemapIommuOptions* options, const RemapIommuOps* ops, void* opaque) {
    if (!iommu::Options::supports_width(options->address_width)) return nullptr;
    return new (std::nothrow)
        RemapIommu({.address_width = options->address_width, .huge_pages = options->huge_pages}, *ops, opaque);
}

void remap_iommu_free(RemapIommu* iommu) { delete iommu; }

void remap_iommu_reset(RemapIommu* iommu) { iommu->engine.reset(); }

uint64_t remap_iommu_window_size(void) { return iommu::Iommu::window_size; }

uint64_t remap_iommu_read(RemapIommu* iommu, uint64_t offset, unsigned bytes) {
    return iommu->engine.read(offset, bytes);
}

void remap_iommu_write(RemapIommu* iommu, uint64_t offset, uint64_t value, unsigned bytes) {
    iommu->engine.write(offset, value, bytes);
}

RemapTranslation remap_iommu_translate(RemapIommu* iommu, uint16_t source, uint64_t address, bool write) {
    return to_c(iommu->engine.translate({source}, {address}, access_of(write)));
}

RemapTranslation remap_iommu_probe(RemapIommu* iommu, uint16_t source, uint64_t address, bool write) {
    return to_c(iommu->engine.probe({source}, {address}, access_of(write)));
}

size_t remap_iommu_dmar(uint64_t base, void* to, size_t size) {
    vtd::dmar::Options options;
    options.register_base = base;
    return vtd::dmar::build_dmar({static_cast<std::byte*>(to), size}, options);
}
