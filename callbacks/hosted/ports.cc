// SPDX-License-Identifier: MIT
#include "callbacks/hosted/ports.h"

#include <atomic>
#include <cstring>

#include <unistd.h>

namespace remap::hosted {

Frames::Frames(Memory& memory) : memory_(memory) {
    for (MemoryRange range : memory.ranges()) {
        if (range.first.number == 0) range = {range.first + 1, range.pages - 1};
        if (range.pages != 0) pool_.add(range.first, range.pages);
    }
}

bool Frames::allocate(const callbacks::FrameRequest& request, std::span<PhysicalPage> frames) {
    {
        const std::scoped_lock locked(lock_);
        if (!pool_.allocate(request, frames)) return false;
    }
    for (const PhysicalPage frame : frames) std::memset(memory_.bytes_of(frame), 0, page_size);
    return true;
}

void Frames::free(std::span<const PhysicalPage> frames) {
    const std::scoped_lock locked(lock_);
    pool_.free(frames);
}

void* Views::map(const callbacks::ViewRequest& request) {
    auto view = View::map(memory_, request.frames, request.writable);
    if (!view) return nullptr;
    std::byte* base = (*view)->base();
    const std::scoped_lock locked(lock_);
    views_[base] = {std::move(*view), {request.frames.size(), request.cache, request.mode, request.writable}};
    return base;
}

void Views::unmap(void* base, std::uint64_t) {
    const std::scoped_lock locked(lock_);
    views_.erase(static_cast<const std::byte*>(base));
}

std::uint64_t Views::current_process() const { return static_cast<std::uint64_t>(::getpid()); }

std::optional<ViewAttributes> Views::attributes(const void* address) const {
    const auto* byte = static_cast<const std::byte*>(address);
    const std::scoped_lock locked(lock_);
    auto found = views_.upper_bound(byte);
    if (found == views_.begin()) return std::nullopt;
    --found;
    if (byte >= found->first + found->second.view->size()) return std::nullopt;
    return found->second.attributes;
}

std::uint32_t UnitAccess::read32(std::uint64_t offset) { return static_cast<std::uint32_t>(iommu_.read(offset, 4)); }

std::uint64_t UnitAccess::read64(std::uint64_t offset) { return iommu_.read(offset, 8); }

void UnitAccess::write32(std::uint64_t offset, std::uint32_t value) { iommu_.write(offset, value, 4); }

void UnitAccess::write64(std::uint64_t offset, std::uint64_t value) { iommu_.write(offset, value, 8); }

std::optional<PhysicalPage> UnitAccess::allocate_table() {
    PhysicalPage page;
    const callbacks::FrameRequest request{
        .pages = 1, .lowest = {0}, .highest = {~std::uint64_t{0} >> page_shift}, .contiguous = true};
    if (!frames_.allocate(request, {&page, 1})) return std::nullopt;
    return page;
}

void UnitAccess::free_table(PhysicalPage page) { frames_.free({&page, 1}); }

volatile std::uint64_t* UnitAccess::words(PhysicalPage page) {
    return reinterpret_cast<volatile std::uint64_t*>(memory_.bytes_of(page));
}

// The engine is coherent; it may read the tables on another thread.
void UnitAccess::publish(PhysicalPage, unsigned, unsigned) { std::atomic_thread_fence(std::memory_order_seq_cst); }

bool Domain::map(LogicalPage first, PhysicalPage to, std::uint64_t pages) {
    return unit_.map(domain_, first, to, pages, {}) == vtd_driver::Error::None;
}

void Domain::unmap(LogicalPage first, std::uint64_t pages) { unit_.unmap(domain_, first, pages); }

void Reports::report(const callbacks::Report& report) {
    kept_.push_back({report.severity, report.code, report.parameter, report.message});
}

}  // namespace remap::hosted
