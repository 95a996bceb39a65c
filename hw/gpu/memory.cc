// SPDX-License-Identifier: MIT
#include "hw/gpu/memory.h"

#include "hw/gpu/range.h"

#include <atomic>
#include <cstring>

namespace remap::gpu {

using namespace spec;

namespace {

bool aligned_for_atomic(const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % alignof(std::uint64_t) == 0;
}

}  // namespace

Fault Memory::check(Place first, std::uint64_t bytes) const {
    if (first.space == Space::System)
        return in_range(first.address, bytes, highest_) ? Fault{} : Fault{FaultCause::OutOfReach, first.address};
    const bool fits = !vram_.empty() && in_range(first.address, bytes, vram_.size() - 1);
    return fits ? Fault{} : Fault{FaultCause::VramOutOfRange, first.address};
}

Fault Memory::fault_of(AddressUnit::Outcome outcome, FaultCause refused, std::uint64_t address) {
    switch (outcome) {
        case AddressUnit::Outcome::Done: break;
        case AddressUnit::Outcome::Refused: return {.cause = refused, .address = address};
        case AddressUnit::Outcome::Waits: return {.address = address, .waits = true};
    }
    return {};
}

Fault Memory::copy(Place to, Place from, std::size_t bytes) {
    if (to.space == Space::Vram) {
        const Fault fault = read(from, vram_at(to), bytes);
        log_.written(to.address, bytes);  // a read that is refused may have brought some of it
        return fault;
    }
    if (from.space == Space::Vram) return write(to, vram_at(from), bytes);
    if (!system_.uses_bus_alone()) {
        std::byte piece[page_size];
        if (const Fault fault = read(from, piece, bytes)) return fault;
        return write(to, piece, bytes);
    }
    switch (system_.copy(on_bus(to), on_bus(from), bytes)) {
        case Refusal::Read: return {.cause = FaultCause::BusReadRefused, .address = from.address};
        case Refusal::Write: return {.cause = FaultCause::BusWriteRefused, .address = to.address};
        case Refusal::None: break;
    }
    return {};
}

Fault Memory::read(Place from, void* to, std::size_t bytes) {
    if (from.space == Space::Vram) {
        std::memmove(to, vram_at(from), bytes);
        return {};
    }
    return fault_of(system_.read(on_bus(from), to, bytes), FaultCause::BusReadRefused, from.address);
}

Fault Memory::write(Place to, const void* from, std::size_t bytes) {
    if (to.space == Space::Vram) {
        std::memmove(vram_at(to), from, bytes);
        log_.written(to.address, bytes);
        return {};
    }
    return fault_of(system_.write(on_bus(to), from, bytes), FaultCause::BusWriteRefused, to.address);
}

Fault Memory::write_fence(Place to, std::uint64_t value) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (to.space == Space::System || !aligned_for_atomic(vram_at(to))) return write(to, &value, sizeof value);
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(vram_at(to)), value, __ATOMIC_RELEASE);
    log_.written(to.address, sizeof value);
    return {};
}

}  // namespace remap::gpu
