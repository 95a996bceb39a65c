// SPDX-License-Identifier: MIT
// A GPU of the hosted machine: the model, its VRAM, and the thread its engine works on.
#pragma once

#include "hw/gpu/gpu.h"
#include "hw/hosted/machine.h"

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace remap::lab {
class Laboratory;
}

namespace remap::hosted {

class HostedGpu final : gpu::BusPort, gpu::HostPort, gpu::TranslationPort {
public:
    // Made by Machine::add_gpu, which checks the options.
    HostedGpu(Machine& machine, const GpuOptions& options);
    ~HostedGpu();
    HostedGpu(const HostedGpu&) = delete;
    HostedGpu& operator=(const HostedGpu&) = delete;

    // Registers and VRAM as the CPU sees them.
    gpu::Gpu& registers() { return model_; }
    std::span<std::byte> vram() { return vram_; }

    std::uint16_t source_id() const { return source_id_; }

    // Interrupt messages of a vector so far.
    unsigned interrupts(unsigned vector) const { return counts_.at(vector).load(); }

    // From the IOMMU, on any thread.
    void invalidate(const iommu::DeviceInvalidation& what);
    void answer_page(const iommu::PageAnswer& answer) {
        model_.answer_page({answer.group, static_cast<unsigned>(answer.code)});
    }

    // Pulls it out, for good: from then on nothing is heard of it, and its registers are all ones.
    void unplug() { model_.unplug(); }
    bool is_unplugged() const { return model_.is_unplugged(); }

    // A message of one of its vectors arrives, whoever sent it.
    void receive_interrupt(unsigned vector) { ++counts_.at(vector); }

    // The power-on state, when the engine is between two pieces of work.
    void reset();

private:
    bool read(const gpu::BusAddress& from, void* to, std::size_t bytes) override;
    bool write(const gpu::BusAddress& to, const void* from, std::size_t bytes) override;
    void work_available() override;
    void interrupt(unsigned vector) override;
    bool packet_fetched(std::uint32_t entry, const gpu::spec::Packet& packet) override;
    void halted(std::uint32_t entry, std::uint16_t opcode, gpu::spec::FaultCause cause, std::uint64_t address) override;
    bool read(const gpu::AccessKind& kind, std::uint64_t from, void* to, std::size_t bytes) override;
    bool write(const gpu::AccessKind& kind, std::uint64_t to, const void* from, std::size_t bytes) override;
    gpu::Translated translate(const gpu::PageWish& wish) override;
    void request_page(const gpu::PageWish& wish, std::uint16_t group) override;
    void invalidated(std::uint64_t tag) override;
    iommu::Request request_of(const gpu::Context& context, std::uint64_t address) const;
    DmaRequest request_of(const gpu::AccessKind& kind, std::uint64_t address) const;
    void run(std::stop_token stop);
    lab::Laboratory* laboratory() const;

    Machine& machine_;
    std::uint16_t source_id_;
    std::vector<std::byte> vram_;
    gpu::Gpu model_;
    std::array<std::atomic<unsigned>, gpu::Gpu::interrupt_vectors> counts_{};

    std::mutex working_;  // held while the engine does a piece of work
    std::mutex lock_;
    std::condition_variable_any wake_;
    bool pending_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace remap::hosted
