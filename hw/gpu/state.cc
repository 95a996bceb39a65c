// SPDX-License-Identifier: MIT
// The state of the part as bytes. What follows from the rest is not saved, so that it cannot contradict it.
#include "base/archive.h"
#include "hw/gpu/parts.h"

#include <array>
#include <bit>

namespace remap::gpu {

using namespace spec;

namespace {

// How versions are counted: docs/gpu.md, 9.
constexpr ArchiveFormat state_format{.kind = 0x55504752, .newest = 1, .oldest = 1};  // "RGPU"

constexpr std::uint32_t highest_entry = (1u << max_log2_entries) - 1;

}  // namespace

bool RegisterFile::EngineState::fault_is_consistent() const {
    if (!FaultStatus::Valid::get(fault_status)) return fault_status == 0 && fault_entry == 0 && fault_address == 0;
    constexpr std::uint64_t known =
        FaultStatus::Valid::mask | FaultStatus::Overflow::mask | FaultStatus::Cause::mask | FaultStatus::Opcode::mask;
    const FaultCause cause = FaultStatus::Cause::get(fault_status);
    return (fault_status & ~known) == 0 && cause >= FaultCause::BusReadRefused && cause <= FaultCause::RingUnreadable;
}

template <typename Archive>
void RegisterFile::EngineState::state(Archive& archive) {
    archive("CONTROL.ENABLE", enabled);
    archive("halted", halted);
    archive.check(enabled || !halted, "halted", "is set while CONTROL.ENABLE is not");
    archive("RING_HEAD", head, highest_entry);
    archive("RING_TAIL", tail, highest_entry);
    archive("COMPLETED_FENCE", completed_fence);
    archive("FAULT_STATUS", fault_status);
    archive("FAULT_ENTRY", fault_entry, highest_entry);
    archive("FAULT_ADDRESS", fault_address);
    archive.check(fault_is_consistent(), "FAULT_STATUS", "is not that of a fault, nor clear");
    archive("PACKET_COUNT", packets);
    archive("BYTE_COUNT", bytes);
}

template <typename Archive>
void RegisterFile::state(Archive& archive) {
    const std::lock_guard guard(lock_);
    archive.same("ADDRESS_BITS", Capability::AddressBits::get(capability_));
    archive.same("VRAM_SIZE", vram_bytes_);
    archive("RING_BASE", ring_base_);
    archive.check((ring_base_ & ~RingBase::mask) == 0, "RING_BASE", "is not a multiple of 64");
    archive("RING_SIZE", log2_entries_, RingSize::Log2Entries::max);
    archive("engine registers", engine_);
    archive.check(!engine_.enabled || ring_is_valid(), "RING_SIZE", "and RING_BASE are of no ring that can be enabled");
    archive.check(!engine_.enabled || engine_.head < entries(), "RING_HEAD", "is behind the end of the ring");
    archive.check(!engine_.enabled || engine_.tail < entries(), "RING_TAIL", "is behind the end of the ring");
    archive("interrupts", interrupts_);
    archive("scan-out", scanout_);
    state_of_order(archive);
}

// Generations only tell valid orders from void ones: any that do will do.
template <typename Archive>
void RegisterFile::state_of_order(Archive& archive) {
    bool held = held_.has_value();
    bool void_order = stopping();
    archive("order held", held);
    archive("order void", void_order);
    archive.check(held || !void_order, "order void", "is set though no order is held");
    archive.check(!held || void_order || (engine_.enabled && !engine_.halted), "order held",
                  "is set though the ring is not executed");
    if constexpr (Archive::reading) {
        const std::uint64_t current = generation_.load(std::memory_order_relaxed);
        held_.reset();
        if (held) held_ = void_order ? current - 1 : current;
    }
}

// Of a packet in execution itself and how far it has come: the rest is found, and checked, as when it began.
template <typename Archive>
void Engine::state(Archive& archive) {
    const std::optional<Order> order = registers_.held();
    if constexpr (Archive::reading) fetcher_.forget();
    archive("busy", busy_);
    archive.check(busy_ == order.has_value(), "busy", "disagrees with the order that is held");
    if (!busy_ || !archive.ok()) return;
    auto words = std::bit_cast<std::array<std::uint64_t, packet_size / 8>>(packet_);
    Transfer::Progress progress = transfer_.progress();
    archive("packet", words);
    archive("lines done", progress.lines);
    archive("bytes done", progress.bytes);
    if constexpr (Archive::reading) {
        order_ = *order;
        packet_ = std::bit_cast<Packet>(words);
        archive.check(take_up_transfer(progress), "packet", "cannot be in execution, or not there");
    }
}

std::size_t Gpu::save(std::span<std::byte> to) const {
    ArchiveWriter archive(state_format, to);
    parts_->state(archive);
    return archive.finish();
}

ArchiveError Gpu::load(std::span<const std::byte> from) {
    Parts trial(parts_->setting);
    ArchiveReader judge(state_format, from);
    trial.state(judge);
    if (const ArchiveError error = judge.finish()) return error;

    reset();  // what an older version does not have
    ArchiveReader archive(state_format, from);
    parts_->state(archive);
    tell(parts_->setting.host, {.work = parts_->engine.has_work()});
    return {};
}

}  // namespace remap::gpu
