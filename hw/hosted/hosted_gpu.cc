// SPDX-License-Identifier: MIT
#include "hw/hosted/hosted_gpu.h"

namespace remap::hosted {

HostedGpu::HostedGpu(Machine& machine, const GpuOptions& options)
    : machine_(machine),
      source_id_(options.source_id),
      vram_(options.vram_bytes),
      model_({.address_bits = options.address_bits}, vram_, *this, *this),
      thread_([this](std::stop_token stop) { run(stop); }) {}

HostedGpu::~HostedGpu() = default;

bool HostedGpu::read(LogicalAddress from, void* to, std::size_t bytes) {
    return machine_.dma_read(source_id_, from, to, bytes);
}

bool HostedGpu::write(LogicalAddress to, const void* from, std::size_t bytes) {
    return machine_.dma_write(source_id_, to, from, bytes);
}

void HostedGpu::work_available() {
    const std::lock_guard guard(lock_);
    pending_ = true;
    wake_.notify_one();
}

void HostedGpu::interrupt(unsigned vector) { ++counts_.at(vector); }

void HostedGpu::reset() {
    const std::lock_guard guard(working_);
    model_.reset();
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
