// SPDX-License-Identifier: MIT
// The state of the part as bytes. What follows from the rest is not saved, so that it cannot contradict it.
#include "base/archive.h"
#include "hw/gpu/context_register.h"
#include "hw/gpu/parts.h"

#include <array>
#include <bit>

namespace remap::gpu {

using namespace spec;

namespace {

// How versions are counted: docs/gpu.md, 10.
constexpr ArchiveFormat state_format{.kind = 0x55504752, .newest = 4, .oldest = 1};  // "RGPU"

constexpr std::uint32_t highest_entry = (1u << max_log2_entries) - 1;

}  // namespace

bool RegisterFile::EngineState::fault_is_consistent() const {
    if (!FaultStatus::Valid::get(fault_status)) return fault_status == 0 && fault_entry == 0 && fault_address == 0;
    constexpr std::uint64_t known =
        FaultStatus::Valid::mask | FaultStatus::Overflow::mask | FaultStatus::Cause::mask | FaultStatus::Opcode::mask;
    const FaultCause cause = FaultStatus::Cause::get(fault_status);
    return (fault_status & ~known) == 0 && cause >= FaultCause::BusReadRefused && cause <= FaultCause::ContextRefused;
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
    if constexpr (Archive::reading) context = 0;
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

template <typename Archive>
void RegisterFile::state_of_context(Archive& archive) {
    const std::lock_guard guard(lock_);
    archive("ACTIVE_CONTEXT", engine_.context);
    archive.check(engine_.context == word_of(context_of(engine_.context)), "ACTIVE_CONTEXT",
                  "is not that of a context, nor clear");
}

template <typename Archive>
void RegisterFile::state_of_hang(Archive& archive) {
    bool hung = is_hung();
    archive("hung", hung);
    archive.check(!hung || held(), "hung", "is set though no order is held");
    if constexpr (Archive::reading) hung_.store(hung, std::memory_order_release);
}

// Of a packet in execution itself and how far it has come: the rest is found, and checked, as when it began.
template <typename Archive>
void Engine::state(Archive& archive) {
    const std::optional<Order> order = registers_.held();
    if constexpr (Archive::reading) fetcher_.forget();
    archive("busy", stage_, archive.since(2) ? Stage::Begin : Stage::Move);
    archive.check((stage_ != Stage::Idle) == order.has_value(), "busy", "disagrees with the order that is held");
    if (stage_ == Stage::Idle || !archive.ok()) return;
    auto words = std::bit_cast<std::array<std::uint64_t, packet_size / 8>>(packet_);
    Transfer::Progress progress = stage_ == Stage::Move ? transfer_.progress() : Transfer::Progress{};
    archive("packet", words);
    archive("lines done", progress.lines);
    archive("bytes done", progress.bytes);
    if constexpr (Archive::reading) {
        order_ = *order;
        packet_ = std::bit_cast<Packet>(words);
        archive.check(stage_ != Stage::Move || take_up_transfer(progress), "packet",
                      "cannot be in execution, or not there");
    }
}

template <typename Archive>
void Invalidation::state(Archive& archive) {
    archive("first address", first);
    archive("last address", last);
    archive("PASID", pasid);
    archive("every PASID", every_pasid);
    archive("tag", tag);
}

template <typename Archive>
void AddressCache::Entry::state(Archive& archive) {
    archive("valid", valid);
    archive("PASID", context.pasid);
    archive("privileged", context.privileged);
    archive("address", first);
    archive("shift", shift, large_page);
    archive.check(!valid || shift == small_page || shift == large_page, "shift", "is of no page");
    archive("target", target);
    archive("readable", readable);
    archive("writable", writable);
    if (archive.since(3)) archive("snooped", snooped);
}

template <typename Archive>
void AddressCache::state(Archive& archive) {
    for (Set& set : sets_) archive("entries", set);
    for (std::uint8_t& next : next_) archive("way to replace", next, ways - 1);
}

// The page that is wanted is one of those that are open, while it is asked for.
template <typename Archive>
void PageRequester::state(Archive& archive) {
    const std::lock_guard guard(lock_);
    archive("stage", current_.stage, Stage::Denied);
    archive("page", current_.page);
    archive("write", current_.write);
    archive("group", current_.group, most_group);
    archive("attempts", current_.attempts, most_attempts);
    for (std::optional<std::uint16_t>& group : open_) {
        archive("open group", group);
        archive.check(!group || *group <= most_group, "open group", "is out of its bounds");
    }
    archive.check(current_.stage != Stage::Asked || is_open(current_.group), "group", "is asked for, but not open");
    archive("next group", next_group_, most_group);
    archive("failed", failed_);
    archive("unexpected answer", unexpected_);
}

template <typename Archive>
void TranslationRegisters::state(Archive& archive) {
    constexpr auto debug_bits = static_cast<std::uint32_t>(TranslationDebug::HoldInvalidations::mask);
    std::uint32_t debug = debug_;
    bool waits = waits_for_page_;
    archive("TRANSLATION_DEBUG", debug, debug_bits);
    archive("waits for a page", waits);
    for (std::atomic<std::uint64_t>* counter : {&counters.hits, &counters.requests, &counters.invalidations,
                                                &counters.page_requests, &counters.page_answers}) {
        std::uint64_t count = *counter;
        archive("counter", count);
        if constexpr (Archive::reading) *counter = count;
    }
    if constexpr (Archive::reading) {
        debug_ = debug;
        waits_for_page_ = waits;
    }
}

template <typename Archive>
void AddressUnit::state(Archive& archive) {
    const std::lock_guard guard(lock_);
    std::uint64_t services = services_;
    bool forget_all = forget_all_;
    auto count = static_cast<std::uint32_t>(count_);
    archive("services", services);
    archive("cache is to be emptied", forget_all);
    archive("cache", cache_);
    archive("invalidations", count, std::uint32_t{queue_depth});
    for (std::uint32_t i = 0; i < count; ++i) archive("invalidation", invalidations_[i]);
    archive("page requests", requester_);
    if constexpr (Archive::reading) {
        services_ = services;
        forget_all_ = forget_all;
        count_ = count;
        messages_ = count != 0;
        wishing_ = true;  // the requester knows
        show();
    }
}

struct Gpu::Parts::SinceVersionTwo {
    Parts& parts;

    template <typename Archive>
    void state(Archive& archive) {
        parts.registers.state_of_context(archive);
        archive("translation registers", parts.translation);
        archive("translation", parts.system);
        archive.check(parts.registers.held() || !parts.system.is_waiting(), "page request",
                      "is waited for by no packet");
    }
};

struct Gpu::Parts::SinceVersionFour {
    Parts& parts;

    template <typename Archive>
    void state(Archive& archive) {
        parts.registers.state_of_hang(archive);
    }
};

template <typename Archive>
void Gpu::Parts::state(Archive& archive) {
    archive("registers", registers);
    archive("engine", engine);
    if (archive.since(2)) {
        SinceVersionTwo later{*this};
        archive("context", later);
    } else {
        translation.reset();
        system.reset();
    }
    if (archive.since(4)) {
        SinceVersionFour later{*this};
        archive("hang", later);
    }
    if constexpr (Archive::reading) engine.renew_order();
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
