// SPDX-License-Identifier: MIT
#include "callbacks/rules/bench.h"

#include "callbacks/rules/expect.h"

namespace remap::rules {

using callbacks::DmaMode;

namespace {

constexpr PhysicalAddress everything{~std::uint64_t{0}};
constexpr PhysicalAddress forty_bits{(std::uint64_t{1} << 40) - 1};

}  // namespace

Gpu& Adapter::gpu(unsigned n) {
    if (!gpus_[n]) gpus_[n].emplace(machine_.registers(first_gpu_ + n), machine_.vram(first_gpu_ + n), interfaces_[n]);
    return *gpus_[n];
}

void Adapter::stop_gpus() {
    for (std::optional<Gpu>& gpu : gpus_) gpu.reset();
}

AdapterWish Bench::wish(DmaMode mode) const {
    AdapterWish wish{.preferred = mode};
    wish.caps.DmaRemappingSupported = mode == DmaMode::Remapping;
    wish.caps.IommuIsolationSupported = mode == DmaMode::Isolation;
    wish.highest_visible = {mode == DmaMode::Remapping ? &forty_bits : &everything, 1};
    return wish;
}

Adapter& Bench::start(const AdapterWish& wish) {
    REQUIRE(used_gpus_ + wish.chain <= gpus && wish.chain <= longest_chain);
    const unsigned first = used_gpus_;
    Adapter& adapter = adapters_[first].emplace(machine_, first);
    REQUIRE_EQ(machine_.start(first, wish, adapter.handles_.data(), adapter.interfaces_.data()), STATUS_SUCCESS);
    started_[first] = true;
    used_gpus_ += wish.chain;
    return adapter;
}

NTSTATUS Bench::try_start(const AdapterWish& wish, std::optional<DmaMode>* mode, DXGKRNL_INTERFACE* interface) {
    HANDLE handles[longest_chain] = {};
    DXGKRNL_INTERFACE interfaces[longest_chain] = {};
    const NTSTATUS status = machine_.start(used_gpus_, wish, handles, interfaces);
    if (!NT_SUCCESS(status)) return status;
    if (mode != nullptr) *mode = dxgkrnl().mode(handles[0]);
    if (interface != nullptr) *interface = interfaces[0];
    machine_.stop(used_gpus_);
    return status;
}

void Bench::stop(Adapter& adapter) {
    adapter.stop_gpus();
    started_[adapter.first_gpu_] = false;
    machine_.stop(adapter.first_gpu_);
}

void Bench::finish() {
    for (unsigned i = 0; i < gpus; ++i) {
        if (!started_[i]) continue;
        if (const auto stopped = stop_in([&] { stop(*adapters_[i]); }))
            fail(__FILE__, __LINE__, text_of(stopped->check).name);
    }
}

std::optional<Bugcheck> Bench::look_at_faults(Adapter& adapter) {
    machine_.clear_warnings();
    return stop_in([&] { dxgkrnl().check_dma(adapter.handle()); });
}

bool Bench::refuses(Adapter& adapter, LogicalAddress address) {
    const bool read = adapter.gpu().read(address).has_value();
    const bool written = adapter.gpu().write(address, 0);
    (void)look_at_faults(adapter);
    return !read && !written;
}

}  // namespace remap::rules
