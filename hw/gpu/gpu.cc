// SPDX-License-Identifier: MIT
#include "hw/gpu/gpu.h"

#include "hw/gpu/parts.h"

#include <algorithm>

namespace remap::gpu {

static_assert(Gpu::register_window == spec::pci_function::register_bar_size);
static_assert(Gpu::interrupt_vectors == spec::vectors);

namespace {

unsigned offered_address_bits(const Options& options) { return std::clamp(options.address_bits, 32u, 64u); }

}  // namespace

Gpu::Gpu(const Options& options, std::span<std::byte> vram, BusPort& bus, HostPort& host)
    : parts_(std::make_unique<Parts>(Parts::Setting{offered_address_bits(options), vram, bus, host})) {}

Gpu::~Gpu() = default;

std::uint64_t Gpu::read(std::uint64_t offset, unsigned bytes) { return parts_->registers.read(offset, bytes); }

void Gpu::write(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
    tell(parts_->setting.host, parts_->registers.write(offset, value, bytes));
}

bool Gpu::run() { return parts_->engine.run(); }

void Gpu::reset() {
    parts_->registers.reset();
    parts_->engine.reset();
}

Scanout Gpu::scanout() const { return parts_->registers.scanout(); }

}  // namespace remap::gpu
