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

namespace remap::hosted {

// Frames of the machine's shared memory. Page 0 is never given out. Any thread may call.
class Frames final : public callbacks::FramePort {
public:
    explicit Frames(Memory& memory);

    bool allocate(const callbacks::FrameRequest& request, callbacks::FrameList& frames) override;
    void free(const callbacks::FrameList& frames) override;
    bool copy(const callbacks::FrameList& from, const callbacks::FrameList& to) override;
    PhysicalPage highest_installed() const override { return pool_.highest_installed(); }
    bool overlaps_memory(PhysicalPage first, std::uint64_t pages) const override {
        return pool_.overlaps_memory(first, pages);
    }

    std::uint64_t free_pages() const;

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

// CPU views in this process. Linux gives user memory no choice of cache type, so the type is recorded. Any thread may
// call.
class Views final : public callbacks::CpuViewPort {
public:
    explicit Views(Memory& memory) : memory_(memory) {}

    void* map(const callbacks::ViewRequest& request) override;
    void unmap(void* base, std::uint64_t pages, std::uint64_t process) override;
    void hold(void* part, std::uint64_t pages, std::uint64_t process) override;
    void show(void* part, const callbacks::ViewRequest& request, std::uint64_t process) override;

    // Of the view that an address lies in.
    std::optional<ViewAttributes> attributes(const void* address) const;
    std::size_t count() const;

private:
    struct Entry {
        std::unique_ptr<View> view;
        ViewAttributes attributes;
    };

    const Entry* find(const std::byte* address, const std::byte*& base) const;

    Memory& memory_;
    mutable std::mutex lock_;
    std::map<const std::byte*, Entry> views_;  // by base
};

// Where calls come from: each thread of the host has an IRQL and a process of its own.
class Execution final : public callbacks::ExecutionPort {
public:
    KIRQL irql() const override;
    void set_irql(KIRQL irql);  // of the calling thread; see also AtIrql
    std::uint64_t process() const override;
    void relax() override;
};

// What a thread that is taken out of the middle of something gets back.
struct ThreadState {
    KIRQL irql = PASSIVE_LEVEL;
    std::uint64_t process = 0;
};
ThreadState thread_state();
void set_thread_state(const ThreadState& state);

// The calling thread is at this IRQL until the end of the scope.
class AtIrql {
public:
    explicit AtIrql(KIRQL irql);
    ~AtIrql();
    AtIrql(const AtIrql&) = delete;
    AtIrql& operator=(const AtIrql&) = delete;

private:
    const KIRQL before_;
};

// The calling thread acts for a process of this number, until the end of the scope. Without one it acts for this
// process, whose number is that of the host.
class InProcess {
public:
    explicit InProcess(std::uint64_t number);
    ~InProcess();
    InProcess(const InProcess&) = delete;
    InProcess& operator=(const InProcess&) = delete;

private:
    const std::uint64_t before_;
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

}  // namespace remap::hosted
