// SPDX-License-Identifier: MIT
#include "hw/gpu/gpu.h"

#include "base/bits.h"
#include "hw/gpu/parts.h"

#include <algorithm>

namespace remap::gpu {

static_assert(Gpu::register_window == spec::pci_function::register_bar_size);
static_assert(Gpu::interrupt_vectors == spec::vectors);

namespace {

unsigned offered_address_bits(const Options& options) { return std::clamp(options.address_bits, 32u, 64u); }

}  // namespace

Gpu::Gpu(const Options& options, std::span<std::byte> vram, BusPort& bus, HostPort& host, TranslationPort* translations)
    : parts_(std::make_unique<Parts>(Parts::Setting{offered_address_bits(options), vram, bus, host, translations})) {}

Gpu::~Gpu() = default;

std::uint64_t Gpu::read(std::uint64_t offset, unsigned bytes) {
    return is_unplugged() ? low_bits(bytes * 8) : parts_->registers.read(offset, bytes);
}

void Gpu::write(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
    if (is_unplugged()) return;
    tell(parts_->setting.host, parts_->registers.write(offset, value, bytes));
}

bool Gpu::run() { return !is_unplugged() && parts_->engine.run(); }

void Gpu::unplug() { parts_->unplugged.store(true, std::memory_order_release); }

bool Gpu::is_unplugged() const { return parts_->unplugged.load(std::memory_order_acquire); }

void Gpu::reset() {
    parts_->registers.reset();
    parts_->engine.reset();
    parts_->system.reset();
}

void Gpu::set_translation_services(const TranslationServices& services) {
    parts_->system.set_services(services);
    parts_->setting.host.work_available();
}

void Gpu::invalidate(const Invalidation& invalidation) {
    parts_->system.invalidate(invalidation);
    parts_->setting.host.work_available();
}

void Gpu::answer_page(const PageAnswer& answer) {
    parts_->system.answer(answer);
    parts_->setting.host.work_available();
}

PageRequestStatus Gpu::page_request_status() const { return parts_->system.page_request_status(); }

void Gpu::clear_page_request_status(const PageRequestStatus& which) { parts_->system.clear_page_request_status(which); }

void Gpu::reset_page_requests() {
    parts_->system.reset_page_requests();
    parts_->setting.host.work_available();
}

Scanout Gpu::scanout() const { return parts_->registers.scanout(); }

}  // namespace remap::gpu
