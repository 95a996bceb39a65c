// SPDX-License-Identifier: MIT
#include "callbacks/hosted/ports.h"

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <unistd.h>

namespace remap::hosted {

using callbacks::FrameList;
using callbacks::FrameRun;

// ---- frames --------------------------------------------------------------------------------------------------------

Frames::Frames(Memory& memory) : memory_(memory) {
    for (MemoryRange range : memory.ranges()) {
        if (range.first.number == 0) range = {range.first + 1, range.pages - 1};
        if (range.pages != 0) pool_.add(range.first, range.pages);
    }
}

bool Frames::allocate(const callbacks::FrameRequest& request, FrameList& frames) {
    const std::uint64_t before = frames.size();
    {
        const std::lock_guard guard(lock_);
        if (!pool_.allocate(request, frames)) return false;
    }
    return frames.for_each_run(before, request.pages, [this](FrameRun run) {
        memory_.clear({run.first, run.pages});
        return true;
    });
}

void Frames::free(const FrameList& frames) {
    const std::lock_guard guard(lock_);
    pool_.free(frames);
}

bool Frames::copy(const FrameList& from, const FrameList& to) {
    for (std::uint64_t i = 0; i < from.size(); ++i)
        std::memcpy(memory_.bytes_of(to[i]), memory_.bytes_of(from[i]), page_size);
    return true;
}

std::uint64_t Frames::free_pages() const {
    const std::lock_guard guard(lock_);
    return pool_.free_pages();
}

// ---- views ---------------------------------------------------------------------------------------------------------

namespace {

std::vector<MemoryRange> runs_of(const callbacks::ViewRequest& request) {
    std::vector<MemoryRange> runs;
    request.frames.for_each_run(request.first, request.pages, [&](FrameRun run) {
        runs.push_back({run.first, run.pages});
        return true;
    });
    return runs;
}

}  // namespace

void* Views::map(const callbacks::ViewRequest& request) {
    auto view = View::map(memory_, runs_of(request), request.writable);
    if (!view) return nullptr;
    std::byte* base = (*view)->base();
    const std::lock_guard guard(lock_);
    views_[base] = {std::move(*view), {request.pages, request.cache, request.mode, request.writable}};
    return base;
}

void Views::unmap(void* base, std::uint64_t, std::uint64_t) {
    const std::lock_guard guard(lock_);
    views_.erase(static_cast<const std::byte*>(base));
}

const Views::Entry* Views::find(const std::byte* address, const std::byte*& base) const {
    auto found = views_.upper_bound(address);
    if (found == views_.begin()) return nullptr;
    --found;
    base = found->first;
    return address < base + found->second.view->size() ? &found->second : nullptr;
}

void Views::hold(void* part, std::uint64_t pages, std::uint64_t) {
    const std::lock_guard guard(lock_);
    const std::byte* base = nullptr;
    const auto* at = static_cast<const std::byte*>(part);
    if (const Entry* entry = find(at, base)) entry->view->hold(static_cast<std::size_t>(at - base) / page_size, pages);
}

void Views::show(void* part, const callbacks::ViewRequest& request, std::uint64_t) {
    const std::lock_guard guard(lock_);
    const std::byte* base = nullptr;
    const auto* at = static_cast<const std::byte*>(part);
    if (const Entry* entry = find(at, base))
        (void)entry->view->show(memory_, static_cast<std::size_t>(at - base) / page_size, runs_of(request));
}

std::optional<ViewAttributes> Views::attributes(const void* address) const {
    const std::lock_guard guard(lock_);
    const std::byte* base = nullptr;
    const Entry* entry = find(static_cast<const std::byte*>(address), base);
    return entry == nullptr ? std::nullopt : std::optional(entry->attributes);
}

std::size_t Views::count() const {
    const std::lock_guard guard(lock_);
    return views_.size();
}

// ---- where calls come from -----------------------------------------------------------------------------------------

namespace {

thread_local std::uint64_t process_number = 0;
thread_local KIRQL thread_irql = PASSIVE_LEVEL;

}  // namespace

KIRQL Execution::irql() const { return thread_irql; }
void Execution::set_irql(KIRQL irql) { thread_irql = irql; }

ThreadState thread_state() { return {thread_irql, process_number}; }

void set_thread_state(const ThreadState& state) {
    thread_irql = state.irql;
    process_number = state.process;
}

AtIrql::AtIrql(KIRQL irql) : before_(thread_irql) { thread_irql = irql; }
AtIrql::~AtIrql() { thread_irql = before_; }

std::uint64_t Execution::process() const {
    return process_number != 0 ? process_number : static_cast<std::uint64_t>(::getpid());
}

void Execution::relax() { std::this_thread::yield(); }

InProcess::InProcess(std::uint64_t number) : before_(process_number) { process_number = number; }
InProcess::~InProcess() { process_number = before_; }

// ---- the IOMMU -----------------------------------------------------------------------------------------------------

std::uint32_t UnitAccess::read32(std::uint64_t offset) { return static_cast<std::uint32_t>(iommu_.read(offset, 4)); }

std::uint64_t UnitAccess::read64(std::uint64_t offset) { return iommu_.read(offset, 8); }

void UnitAccess::write32(std::uint64_t offset, std::uint32_t value) { iommu_.write(offset, value, 4); }

void UnitAccess::write64(std::uint64_t offset, std::uint64_t value) { iommu_.write(offset, value, 8); }

std::optional<PhysicalPage> UnitAccess::allocate_table() {
    callbacks::FrameList frames;
    const callbacks::FrameRequest request{
        .pages = 1, .lowest = {0}, .highest = {~std::uint64_t{0} >> page_shift}, .contiguous = true};
    if (!frames_.allocate(request, frames)) return std::nullopt;
    return frames[0];
}

void UnitAccess::free_table(PhysicalPage page) {
    callbacks::FrameList frames;
    if (frames.add({page, 1})) frames_.free(frames);
}

volatile std::uint64_t* UnitAccess::words(PhysicalPage page) {
    return reinterpret_cast<volatile std::uint64_t*>(memory_.bytes_of(page));
}

// The engine is coherent; it may read the tables on another thread.
void UnitAccess::publish(PhysicalPage, unsigned, unsigned) { std::atomic_thread_fence(std::memory_order_seq_cst); }

}  // namespace remap::hosted
