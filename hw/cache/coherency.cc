// SPDX-License-Identifier: MIT
#include "hw/cache/coherency.h"

#include "hw/cache/model.h"
#include "hw/cache/page_set.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

namespace remap::cache {
namespace {

// Calls `visit(piece, offset)` for the pieces of an access, up to the first that returns false.
template <typename Visit>
bool each_piece(PhysicalAddress address, std::size_t bytes, Visit&& visit) {
    for (std::size_t done = 0; done < bytes;) {
        const std::uint64_t at = address.value + done;
        Piece piece;
        piece.line = at & ~(line_bytes - 1);
        piece.at = static_cast<unsigned>(at % line_bytes);
        piece.bytes = static_cast<unsigned>(std::min<std::size_t>(bytes - done, line_bytes - piece.at));
        if (!visit(piece, done)) return false;
        done += piece.bytes;
    }
    return true;
}

PhysicalPage end_of(PhysicalPage first, std::uint64_t pages) {
    const std::uint64_t start = std::min(first.number, PageSet::limit);
    return {start + std::min(pages, PageSet::limit - start)};
}

}  // namespace

struct Coherency::State {
    State(MemoryPort& port, FindingPort& findings, const Options& options)
        : memory(port), model(port, findings, options) {}

    bool tracks(const Piece& piece) const { return tracked.has(piece.address().page()); }

    // Whether all of it is memory. One line alone is found out by the access itself.
    bool is_memory(PhysicalAddress address, std::size_t bytes) {
        if (bytes == 0 || bytes - 1 > ~address.value) return bytes == 0;
        if (address.value / line_bytes == (address.value + bytes - 1) / line_bytes) return true;
        return each_piece(address, bytes, [&](const Piece& piece, std::size_t) {
            Bytes unused;
            return memory.read(piece.address(), unused.data(), piece.bytes);
        });
    }

    bool dma_read(const DmaAccess& access, std::uint8_t* to) {
        if (!is_memory(access.address, access.origin.bytes)) return false;
        ++counters.dma_reads;
        DmaOrigin origin = access.origin;
        origin.write = false;
        const bool good = each_piece(access.address, origin.bytes, [&](const Piece& piece, std::size_t at) {
            if (!tracks(piece)) return memory.read(piece.address(), to + at, piece.bytes);
            return model.dma_read(origin, piece, to + at);
        });
        done();
        return good;
    }

    bool dma_write(const DmaAccess& access, const std::uint8_t* from) {
        if (!is_memory(access.address, access.origin.bytes)) return false;
        ++counters.dma_writes;
        DmaOrigin origin = access.origin;
        origin.write = true;
        const bool good = each_piece(access.address, origin.bytes, [&](const Piece& piece, std::size_t at) {
            if (!tracks(piece)) return memory.write(piece.address(), from + at, piece.bytes);
            return model.dma_write(origin, piece, from + at);
        });
        done();
        return good;
    }

    void done() { outstanding.store(model.outstanding(), std::memory_order_release); }

    MemoryPort& memory;
    mutable std::mutex mutex;
    PageSet tracked;
    Model model;
    Counters counters;
    std::atomic<std::size_t> outstanding{0};
};

Coherency::Coherency(MemoryPort& memory, FindingPort& findings, const Options& options)
    : state_(std::make_unique<State>(memory, findings, options)) {}

Coherency::~Coherency() = default;

void Coherency::track(PhysicalPage first, std::uint64_t pages) {
    const std::lock_guard lock(state_->mutex);
    state_->tracked.set(first, pages, true);
}

void Coherency::untrack(PhysicalPage first, std::uint64_t pages) {
    const std::lock_guard lock(state_->mutex);
    state_->tracked.set(first, pages, false);
    state_->model.forget(first, end_of(first, pages));
    state_->done();
}

bool Coherency::tracked(PhysicalPage page) const { return state_->tracked.has(page); }

void Coherency::type_changed(PhysicalPage page, MemoryType type) {
    const std::lock_guard lock(state_->mutex);
    if (state_->tracked.has(page)) state_->model.type_changed(page, type);
}

bool Coherency::load(const CpuAccess& access, void* to) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->is_memory(access.address, access.bytes)) return false;
    ++state_->counters.loads;
    if (uncached(access.origin.type)) state_->model.empty_buffers(access.origin.cpu);
    const bool good = each_piece(access.address, access.bytes, [&](const Piece& piece, std::size_t done) {
        auto* const part = static_cast<std::uint8_t*>(to) + done;
        if (!state_->tracks(piece)) return state_->memory.read(piece.address(), part, piece.bytes);
        Origin origin = access.origin;
        origin.address = origin.address + done;
        return state_->model.load(origin, piece, part);
    });
    state_->done();
    return good;
}

bool Coherency::store(const CpuAccess& access, const void* from) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->is_memory(access.address, access.bytes)) return false;
    ++state_->counters.stores;
    if (uncached(access.origin.type)) state_->model.empty_buffers(access.origin.cpu);
    const bool good = each_piece(access.address, access.bytes, [&](const Piece& piece, std::size_t done) {
        const auto* const part = static_cast<const std::uint8_t*>(from) + done;
        if (!state_->tracks(piece)) return state_->memory.write(piece.address(), part, piece.bytes);
        Origin origin = access.origin;
        origin.address = origin.address + done;
        return access.non_temporal ? state_->model.store_non_temporal(origin, piece, part)
                                   : state_->model.store(origin, piece, part);
    });
    state_->done();
    return good;
}

void Coherency::flush(const CpuAccess& access, Flush how) {
    const std::lock_guard lock(state_->mutex);
    ++state_->counters.flushes;
    if (!state_->tracked.has(access.address.page())) return;
    state_->model.flush(access.origin, access.address.value & ~(line_bytes - 1), how);
    state_->done();
}

void Coherency::flush_all(unsigned cpu, bool write_back) {
    const std::lock_guard lock(state_->mutex);
    ++state_->counters.flushes;
    state_->model.flush_all(cpu, write_back);
    state_->done();
}

void Coherency::fence(unsigned cpu, Fence kind) {
    const std::lock_guard lock(state_->mutex);
    ++state_->counters.fences;
    state_->model.fence(cpu, kind);
    state_->done();
}

bool Coherency::pending(unsigned cpu) const { return state_->model.pending(cpu); }

bool Coherency::idle() const { return state_->outstanding.load(std::memory_order_acquire) == 0; }

bool Coherency::dma_read(const DmaAccess& access, void* to) {
    const std::lock_guard lock(state_->mutex);
    return state_->dma_read(access, static_cast<std::uint8_t*>(to));
}

bool Coherency::dma_write(const DmaAccess& access, const void* from) {
    const std::lock_guard lock(state_->mutex);
    return state_->dma_write(access, static_cast<const std::uint8_t*>(from));
}

bool Coherency::dma_exchange(const DmaAccess& access, std::uint64_t& expected, std::uint64_t desired) {
    const std::lock_guard lock(state_->mutex);
    std::uint64_t now = 0;
    if (!state_->dma_read(access, reinterpret_cast<std::uint8_t*>(&now))) return false;
    if (now != expected) {
        expected = now;
        return true;
    }
    return state_->dma_write(access, reinterpret_cast<const std::uint8_t*>(&desired));
}

void Coherency::settle() {
    const std::lock_guard lock(state_->mutex);
    state_->model.settle();
    state_->done();
}

Counters Coherency::counters() const {
    const std::lock_guard lock(state_->mutex);
    Counters counters = state_->counters;
    counters.tracked_pages = state_->tracked.count();
    counters.lines = state_->model.outstanding();
    counters.findings = state_->model.log().findings().size();
    counters.repeats = state_->model.log().repeats();
    counters.untold = state_->model.log().untold();
    counters.given_up = state_->model.given_up();
    return counters;
}

void Coherency::add(const Finding& finding) {
    const std::lock_guard lock(state_->mutex);
    state_->model.add(finding);
}

std::size_t Coherency::finding_count() const {
    const std::lock_guard lock(state_->mutex);
    return state_->model.log().findings().size();
}

std::optional<Finding> Coherency::finding(std::size_t number) const {
    const std::lock_guard lock(state_->mutex);
    const std::vector<Finding>& findings = state_->model.log().findings();
    if (number >= findings.size()) return std::nullopt;
    return findings[number];
}

}  // namespace remap::cache
