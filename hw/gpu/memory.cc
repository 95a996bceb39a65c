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

Fault Memory::copy(Place to, Place from, std::size_t bytes) {
    if (to.space == Space::Vram) {
        const Fault fault = read(from, vram_at(to), bytes);
        log_.written(to.address, bytes);  // a read that is refused may have brought some of it
        return fault;
    }
    if (from.space == Space::Vram) return write(to, vram_at(from), bytes);
    switch (bus_.copy({to.address}, {from.address}, bytes)) {
        case Refusal::Read: return {FaultCause::BusReadRefused, from.address};
        case Refusal::Write: return {FaultCause::BusWriteRefused, to.address};
        case Refusal::None: break;
    }
    return {};
}

Fault Memory::read(Place from, void* to, std::size_t bytes) {
    if (from.space == Space::Vram) {
        std::memmove(to, vram_at(from), bytes);
        return {};
    }
    if (bus_.read({from.address}, to, bytes)) return {};
    return {FaultCause::BusReadRefused, from.address};
}

Fault Memory::write(Place to, const void* from, std::size_t bytes) {
    if (to.space == Space::Vram) {
        std::memmove(vram_at(to), from, bytes);
        log_.written(to.address, bytes);
        return {};
    }
    if (bus_.write({to.address}, from, bytes)) return {};
    return {FaultCause::BusWriteRefused, to.address};
}

Fault Memory::write_fence(Place to, std::uint64_t value) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (to.space == Space::System || !aligned_for_atomic(vram_at(to))) return write(to, &value, sizeof value);
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(vram_at(to)), value, __ATOMIC_RELEASE);
    log_.written(to.address, sizeof value);
    return {};
}

}  // namespace remap::gpu
