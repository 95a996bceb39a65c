// SPDX-License-Identifier: MIT
#include "hw/hosted/machine.h"

#include "hw/hosted/hosted_gpu.h"

#include <algorithm>

namespace remap::hosted {

Result<std::unique_ptr<Machine>, std::string> Machine::create(const MachineOptions& options) {
    const unsigned width = options.iommu_options.address_width;
    if (options.iommu && !iommu::Options::supports_width(width)) {
        return Failure{"an IOMMU of " + std::to_string(width) + " bits is not modelled; 39, 48 and 57 are"};
    }
    auto memory = Memory::create(options.memory_name, options.memory);
    if (!memory) return Failure{memory.error()};
    return std::unique_ptr<Machine>(new Machine(std::move(*memory), options));
}

Machine::Machine(std::unique_ptr<Memory> memory, const MachineOptions& options)
    : memory_(std::move(memory)), timer_(options.device_time, [this] { iommu_->timer_expired(); }) {
    if (options.cache_model) caches_ = std::make_unique<CachedMemory>(*memory_, *options.cache_model);
    if (!options.iommu) return;
    iommu_ = std::make_unique<iommu::Iommu>(options.iommu_options,
                                            iommu::Machine{.memory = *this, .interrupts = *this, .devices = this});
}

// The IOMMU has nobody to tell anything once the GPUs are gone.
Machine::~Machine() {
    std::vector<std::unique_ptr<HostedGpu>> last;
    const std::lock_guard guard(gpus_lock_);
    last.swap(gpus_);
}

HostedGpu* Machine::add_gpu(const GpuOptions& options) {
    if (options.address_bits < 32 || options.address_bits > 64 || options.vram_bytes == 0) return nullptr;
    auto gpu = std::make_unique<HostedGpu>(*this, options);
    const std::lock_guard guard(gpus_lock_);
    return gpus_.emplace_back(std::move(gpu)).get();
}

namespace {

// Makes an access in parts that each lie in one page, which is what one translation answers for.
template <typename Part>
bool by_page(LogicalAddress start, std::size_t bytes, Part part) {
    for (std::size_t done = 0; done < bytes;) {
        const LogicalAddress at = start + done;
        const std::size_t here = std::min<std::size_t>(bytes - done, page_size - at.page_offset());
        if (!part(at, done, here)) return false;
        done += here;
    }
    return true;
}

// Has `move` transfer the data of one access, which the IOMMU knows of from before its translation until its end. It is
// told where they are, and whether the access snoops.
template <typename Move>
bool access_memory(iommu::Iommu* iommu, const iommu::Request& request, bool snoop, Move move) {
    if (iommu == nullptr) return move(PhysicalAddress{request.address.value}, snoop);
    const iommu::Iommu::Ticket ticket = iommu->begin_access();
    const iommu::Translation translation = iommu->translate(request);
    const bool done = translation.allowed && move(translation.address, snoop || translation.snooped);
    iommu->end_access(ticket);
    return done;
}

cache::DmaOrigin origin_of(const iommu::Request& request, std::size_t bytes, bool snoop) {
    return {.source = request.source.value,
            .address = request.address,
            .bytes = bytes,
            .write = request.access == iommu::Access::Write,
            .snoop = snoop};
}

// The IOMMU's own accesses to tables and queues, which always snoop.
cache::DmaOrigin own_access(PhysicalAddress at, std::size_t bytes, bool write) {
    return {.source = 0, .address = {at.value}, .bytes = bytes, .write = write};
}

}  // namespace

bool Machine::dma_read(std::uint16_t source, LogicalAddress from, void* to, std::size_t bytes) {
    return by_page(from, bytes, [&](LogicalAddress at, std::size_t position, std::size_t count) {
        return dma_read({{.source = {source}, .address = at}}, static_cast<std::byte*>(to) + position, count);
    });
}

bool Machine::dma_read(const DmaRequest& what, void* to, std::size_t bytes) {
    iommu::Request request = what.request;
    request.access = iommu::Access::Read;
    return access_memory(iommu_.get(), request, what.snoop, [&](PhysicalAddress physical, bool snoop) {
        return read_memory(physical, to, origin_of(request, bytes, snoop));
    });
}

bool Machine::dma_write(std::uint16_t source, LogicalAddress to, const void* from, std::size_t bytes) {
    return by_page(to, bytes, [&](LogicalAddress at, std::size_t position, std::size_t count) {
        return dma_write({{.source = {source}, .address = at}}, static_cast<const std::byte*>(from) + position, count);
    });
}

bool Machine::dma_write(const DmaRequest& what, const void* from, std::size_t bytes) {
    iommu::Request request = what.request;
    request.access = iommu::Access::Write;
    return access_memory(iommu_.get(), request, what.snoop, [&](PhysicalAddress physical, bool snoop) {
        return write_memory(physical, from, origin_of(request, bytes, snoop));
    });
}

bool Machine::read_memory(PhysicalAddress from, void* to, const cache::DmaOrigin& origin) {
    return caches_ != nullptr ? caches_->read(from, to, origin) : memory_->read(from, to, origin.bytes);
}

bool Machine::write_memory(PhysicalAddress to, const void* from, const cache::DmaOrigin& origin) {
    return caches_ != nullptr ? caches_->write(to, from, origin) : memory_->write(to, from, origin.bytes);
}

// A device that is not there does not answer.
template <typename Tell>
void Machine::tell_gpu(iommu::SourceId source, Tell&& tell) {
    const std::lock_guard guard(gpus_lock_);
    for (const auto& gpu : gpus_) {
        if (gpu->source_id() == source.value) return tell(*gpu);
    }
}

void Machine::invalidate(const iommu::DeviceInvalidation& what) {
    tell_gpu(what.source, [&](HostedGpu& gpu) { gpu.invalidate(what); });
}

void Machine::answer(const iommu::PageAnswer& what) {
    tell_gpu(what.source, [&](HostedGpu& gpu) { gpu.answer_page(what); });
}

bool Machine::read(PhysicalAddress from, void* to, std::size_t bytes) {
    return read_memory(from, to, own_access(from, bytes, false));
}

bool Machine::write(PhysicalAddress to, const void* from, std::size_t bytes) {
    return write_memory(to, from, own_access(to, bytes, true));
}

iommu::Exchange Machine::exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) {
    const std::optional<bool> done =
        caches_ != nullptr ? caches_->exchange(at, expected, desired) : memory_->exchange(at, expected, desired);
    if (!done) return iommu::Exchange::Unanswered;
    return *done ? iommu::Exchange::Done : iommu::Exchange::Changed;
}

void Machine::send(iommu::InterruptSource source, iommu::InterruptMessage message) {
    if (on_iommu_interrupt) on_iommu_interrupt(source, message);
}

}  // namespace remap::hosted
