// SPDX-License-Identifier: MIT
// The model test's machine without hardware: one word stands for the content of a page.
#pragma once

#include "callbacks/core/frame_pool.h"
#include "callbacks/tests/model/platform.h"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace remap::callbacks::tests {

// Whether the calling thread's next request to a port fails.
bool port_call_fails();

// A word for each page of memory, and of device memory behind it.
class Words {
public:
    static constexpr std::uint64_t memory_pages = 1 << 17;
    static constexpr std::uint64_t io_first = 0xe0000;
    static constexpr std::uint64_t io_pages = 1 << 12;

    std::atomic<std::uint64_t>& operator[](std::uint64_t frame);

private:
    std::vector<std::atomic<std::uint64_t>> memory_ = std::vector<std::atomic<std::uint64_t>>(memory_pages);
    std::vector<std::atomic<std::uint64_t>> io_ = std::vector<std::atomic<std::uint64_t>>(io_pages);
};

class ModelFrames final : public FramePort {
public:
    explicit ModelFrames(Words& words);
    bool allocate(const FrameRequest& request, FrameList& frames) override;
    void free(const FrameList& frames) override;
    bool copy(const FrameList& from, const FrameList& to) override;
    PhysicalPage highest_installed() const override { return pool_.highest_installed(); }
    bool overlaps_memory(PhysicalPage first, std::uint64_t pages) const override {
        return pool_.overlaps_memory(first, pages);
    }
    std::uint64_t owned() const { return Words::memory_pages - pool_.free_pages(); }

private:
    Words& words_;
    FramePool pool_;
};

class ModelViews final : public CpuViewPort {
public:
    explicit ModelViews(Words& words) : words_(words) {}
    void* map(const ViewRequest& request) override;
    void unmap(void* base, std::uint64_t pages, std::uint64_t process) override;
    void hold(void* part, std::uint64_t pages, std::uint64_t process) override;
    void show(void* part, const ViewRequest& request, std::uint64_t process) override;

    // Waits while the page is held.
    std::uint64_t exchange(const void* page, std::optional<std::uint64_t> value);
    std::uint64_t count();

private:
    struct View {
        std::vector<std::uint64_t> frames;
        std::vector<bool> held;
        std::uint64_t process = 0;
    };
    View* find(const void* page, std::size_t& index);

    Words& words_;
    std::mutex lock_;
    std::map<std::uintptr_t, View> views_;
    std::uintptr_t next_ = 0x7000'0000'0000;
};

class ModelDma final : public DmaPort {
public:
    bool map(LogicalPage first, PhysicalPage to, std::uint64_t pages) override;
    void unmap(LogicalPage first, std::uint64_t pages) override;
    unsigned address_width() const override { return 48; }
    bool attach(Attachment to) override;
    std::optional<DmaFault> take_fault() override;

    // The frame behind a page; nothing, and a fault, when it is refused.
    std::optional<std::uint64_t> reach(std::uint64_t page, bool write);
    std::uint64_t mapped();

private:
    std::mutex lock_;
    std::unordered_map<std::uint64_t, std::uint64_t> table_;
    Attachment attached_ = Attachment::Nothing;
    std::deque<DmaFault> faults_;
};

class ModelExecution final : public ExecutionPort {
public:
    KIRQL irql() const override;
    std::uint64_t process() const override;
    void relax() override;
};

class ModelReports final : public ReportPort {
public:
    void report(const Report& report) override;
    static std::vector<Seen> take();
};

class ModelMachine final : public Platform {
public:
    explicit ModelMachine(unsigned slots, const VerifierOptions& verifier = {});

    Dxgkrnl& dxgkrnl() override { return *dxgkrnl_; }
    unsigned slots() const override { return static_cast<unsigned>(dma_.size()); }
    DmaPort* dma(unsigned slot) override { return &dma_[slot]; }
    std::uint64_t cpu_read(const void* page) override { return views_.exchange(page, std::nullopt); }
    void cpu_write(void* page, std::uint64_t value) override { (void)views_.exchange(page, value); }
    std::optional<std::uint64_t> dma_read(unsigned slot, std::uint64_t page) override;
    bool dma_write(unsigned slot, std::uint64_t page, std::uint64_t value) override;
    void forget_faults(unsigned slot) override {
        while (dma_[slot].take_fault()) {
        }
    }
    void set_irql(KIRQL irql) override;
    void set_process(std::uint64_t number) override;
    std::vector<Seen> take_reports() override { return ModelReports::take(); }
    void fail_port_call(unsigned nth) override;
    bool stop_failing() override;
    PhysicalPage zone() const override { return {0x100}; }
    PhysicalPage highest_installed() const override { return frames_.highest_installed(); }
    PhysicalPage io() const override { return {Words::io_first}; }
    Leftovers end() override;

private:
    Words words_;
    ModelFrames frames_{words_};
    ModelViews views_{words_};
    ModelExecution execution_;
    ModelReports reports_;
    std::deque<ModelDma> dma_;
    std::unique_ptr<Dxgkrnl> dxgkrnl_;
};

}  // namespace remap::callbacks::tests
