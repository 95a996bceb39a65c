// SPDX-License-Identifier: MIT
#include "hw/hosted/machine.h"

#include "hw/hosted/hosted_gpu.h"
#include "hw/hosted/machine_lab.h"
#include "iommu/lab/engine_events.h"

#include <algorithm>
#include <type_traits>

namespace remap::hosted {

Result<std::unique_ptr<Machine>, std::string> Machine::create(const MachineOptions& options) {
    const unsigned width = options.iommu_options.address_width;
    if (options.iommu && !iommu::Options::supports_width(width)) {
        return Failure{"an IOMMU of " + std::to_string(width) + " bits is not modelled; 39, 48 and 57 are"};
    }
    auto memory = Memory::create(options.memory_name, options.memory);
    if (!memory) return Failure{memory.error()};
    std::unique_ptr<MachineLab> laboratory;
    if (options.laboratory) {
        auto made = MachineLab::create(*options.laboratory);
        if (!made) return Failure{made.error()};
        laboratory = std::move(*made);
    }
    return std::unique_ptr<Machine>(new Machine(std::move(*memory), std::move(laboratory), options));
}

Machine::Machine(std::unique_ptr<Memory> memory, std::unique_ptr<MachineLab> laboratory, const MachineOptions& options)
    : memory_(std::move(memory)),
      lab_(std::move(laboratory)),
      timer_(options.device_time, [this] { iommu_->timer_expired(); }) {
    if (options.cache_model) caches_ = std::make_unique<CachedMemory>(*memory_, *options.cache_model);
    if (options.iommu) {
        const iommu::Machine real{.memory = *this, .interrupts = *this, .devices = this};
        iommu_ = std::make_unique<iommu::Iommu>(options.iommu_options, lab_ ? lab_->laboratory().around(real) : real);
    }
    if (lab_) lab_->connect(iommu_.get(), *this);
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

// The IOMMU knows of an access from before its translation until its end.
template <typename Data, typename Move>
Machine::Made Machine::make(const DmaRequest& what, Data* data, Move move) {
    const iommu::Request& request = what.request;
    if (iommu_ == nullptr) {
        const PhysicalAddress at{request.address.value};
        return {move(at, what.snoop, data), at, false};
    }
    const iommu::Iommu::Ticket ticket = iommu_->begin_access();
    const iommu::Translation translation = iommu_->translate(request);
    const bool untold = translation.allowed && !translation.tampered;
    if (lab_ != nullptr && !untold) lab_->laboratory().translated(request, translation);
    const bool done = translation.allowed && move(translation.address, what.snoop || translation.snooped, data);
    iommu_->end_access(ticket);
    return {done, translation.address, untold};
}

template <typename Data, typename Move>
bool Machine::access(const DmaRequest& what, std::size_t bytes, Data* data, Move move) {
    return lab_ == nullptr ? make(what, data, move).done : access_in_laboratory(what, bytes, data, move);
}

// A bit that is to be another in what a device writes is one in a copy: the device's own stays what it is.
template <typename Data, typename Move>
bool Machine::access_in_laboratory(const DmaRequest& what, std::size_t bytes, Data* data, Move move) {
    lab::Laboratory& laboratory = lab_->laboratory();
    lab::Event event = lab::event_of(lab::Kind::Dma, what.request);
    event.length = bytes;
    if (!what.snoop) event.flags |= lab::flag::no_snoop;
    const lab::DmaOrder order = laboratory.dma(event);

    Made made;
    if constexpr (std::is_const_v<Data>) {
        std::vector<std::byte> copy;
        const void* moved = data;
        if (order.flip) {
            copy.assign(static_cast<const std::byte*>(data), static_cast<const std::byte*>(data) + bytes);
            lab::Laboratory::flip_bit(copy.data(), bytes, order.order.bit);
            moved = copy.data();
        }
        if (!order.refuse) made = make(what, moved, move);
    } else {
        if (!order.refuse) made = make(what, data, move);
        if (order.flip && made.done) lab::Laboratory::flip_bit(data, bytes, order.order.bit);
    }
    if (made.done) event.result = made.at.value;
    if (!made.done) event.flags |= lab::flag::refused;
    laboratory.dma_done(event, order, made.untold);
    return made.done;
}

iommu::Translation Machine::translate(const iommu::Request& request) {
    const iommu::Translation answer = iommu_->translate(request);
    if (lab_ != nullptr) lab_->laboratory().translated(request, answer);
    return answer;
}

bool Machine::dma_read(std::uint16_t source, LogicalAddress from, void* to, std::size_t bytes) {
    return by_page(from, bytes, [&](LogicalAddress at, std::size_t position, std::size_t count) {
        return dma_read({{.source = {source}, .address = at}}, static_cast<std::byte*>(to) + position, count);
    });
}

bool Machine::dma_read(const DmaRequest& what, void* to, std::size_t bytes) {
    DmaRequest read = what;
    read.request.access = iommu::Access::Read;
    return access(read, bytes, to, [&](PhysicalAddress physical, bool snoop, void* data) {
        return read_memory(physical, data, origin_of(read.request, bytes, snoop));
    });
}

bool Machine::dma_write(std::uint16_t source, LogicalAddress to, const void* from, std::size_t bytes) {
    return by_page(to, bytes, [&](LogicalAddress at, std::size_t position, std::size_t count) {
        return dma_write({{.source = {source}, .address = at}}, static_cast<const std::byte*>(from) + position, count);
    });
}

bool Machine::dma_write(const DmaRequest& what, const void* from, std::size_t bytes) {
    DmaRequest write = what;
    write.request.access = iommu::Access::Write;
    return access(write, bytes, from, [&](PhysicalAddress physical, bool snoop, const void* data) {
        return write_memory(physical, data, origin_of(write.request, bytes, snoop));
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
bool Machine::tell_gpu(iommu::SourceId source, Tell&& tell) {
    const std::lock_guard guard(gpus_lock_);
    for (const auto& gpu : gpus_) {
        if (gpu->source_id() == source.value && !gpu->is_unplugged()) return tell(*gpu), true;
    }
    return false;
}

bool Machine::raise(std::uint16_t source, unsigned vector) {
    return vector < gpu::Gpu::interrupt_vectors &&
           tell_gpu({source}, [&](HostedGpu& gpu) { gpu.receive_interrupt(vector); });
}

bool Machine::unplug(std::uint16_t source) {
    return tell_gpu({source}, [](HostedGpu& gpu) { gpu.unplug(); });
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
