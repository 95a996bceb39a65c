// SPDX-License-Identifier: MIT
// The hosted machine as the callbacks see it.
#pragma once

#include "callbacks/core/frame_pool.h"
#include "callbacks/core/ports.h"
#include "hw/hosted/machine.h"
#include "hw/hosted/view.h"
#include "iommu/driver/unit.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace remap::hosted {

// Frames of the machine's shared memory. Page 0 is never given out. Several may call: the graphics kernel and the
// kernel services have locks of their own.
class Frames final : public callbacks::FramePort {
public:
    explicit Frames(Memory& memory);

    bool allocate(const callbacks::FrameRequest& request, std::span<PhysicalPage> frames) override;
    void free(std::span<const PhysicalPage> frames) override;
    PhysicalPage highest_installed() const override { return pool_.highest_installed(); }
    bool overlaps_memory(PhysicalPage first, std::uint64_t pages) const override {
        return pool_.overlaps_memory(first, pages);
    }

    std::uint64_t free_pages() const {
        const std::scoped_lock locked(lock_);
        return pool_.free_pages();
    }

private:
    Memory& memory_;
    mutable std::mutex lock_;
    callbacks::FramePool pool_;
};

// What a mapping of pages was asked for: on real hardware its page table entries would say so.
struct ViewAttributes {
    std::uint64_t pages = 0;
    callbacks::CacheType cache = callbacks::CacheType::WriteBack;
    callbacks::AccessMode mode = callbacks::AccessMode::Kernel;
    bool writable = true;
};

// CPU views in this process. Linux gives user memory no choice of cache type, so the type is recorded. Several may
// call.
class Views final : public callbacks::CpuViewPort {
public:
    explicit Views(Memory& memory) : memory_(memory) {}

    void* map(const callbacks::ViewRequest& request) override;
    void unmap(void* base, std::uint64_t pages) override;
    std::uint64_t current_process() const override;

    // Of the view that an address lies in.
    std::optional<ViewAttributes> attributes(const void* address) const;
    std::size_t count() const {
        const std::scoped_lock locked(lock_);
        return views_.size();
    }

private:
    struct Entry {
        std::unique_ptr<View> view;
        ViewAttributes attributes;
    };

    Memory& memory_;
    mutable std::mutex lock_;
    std::map<const std::byte*, Entry> views_;  // by base
};

// The IOMMU's registers and table memory as its driver sees them.
class UnitAccess final : public vtd_driver::RegisterPort, public paging::TablePort {
public:
    UnitAccess(iommu::Iommu& iommu, Memory& memory, Frames& frames) : iommu_(iommu), memory_(memory), frames_(frames) {}

    std::uint32_t read32(std::uint64_t offset) override;
    std::uint64_t read64(std::uint64_t offset) override;
    void write32(std::uint64_t offset, std::uint32_t value) override;
    void write64(std::uint64_t offset, std::uint64_t value) override;

    std::optional<PhysicalPage> allocate_table() override;
    void free_table(PhysicalPage page) override;
    volatile std::uint64_t* words(PhysicalPage page) override;
    void publish(PhysicalPage page, unsigned first_word, unsigned count) override;

private:
    iommu::Iommu& iommu_;
    Memory& memory_;
    Frames& frames_;
};

class Domain final : public callbacks::DmaDomainPort {
public:
    // `domain` is made by the unit and destroyed by its maker.
    Domain(vtd_driver::Unit& unit, vtd_driver::Domain& domain) : unit_(unit), domain_(domain) {}

    bool map(LogicalPage first, PhysicalPage to, std::uint64_t pages) override;
    void unmap(LogicalPage first, std::uint64_t pages) override;
    unsigned address_width() const override { return unit_.address_width(); }

private:
    vtd_driver::Unit& unit_;
    vtd_driver::Domain& domain_;
};

// Keeps what was reported, for tests to expect.
class Reports final : public callbacks::ReportPort {
public:
    struct Kept {
        callbacks::Severity severity;
        std::uint32_t code;
        std::uint64_t parameter;
        std::string message;
    };

    void report(const callbacks::Report& report) override;
    const std::vector<Kept>& all() const { return kept_; }
    void clear() { kept_.clear(); }

private:
    std::vector<Kept> kept_;
};

}  // namespace remap::hosted
