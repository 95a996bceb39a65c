// SPDX-License-Identifier: MIT
// A machine for tests: frames, views and a domain that only keep book, refuse on demand, and complain about misuse.
#pragma once

#include "base/extents.h"
#include "callbacks/core/dxgkrnl.h"
#include "callbacks/core/findings.h"
#include "callbacks/core/ports.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace remap::callbacks::tests {

// Makes the n-th request of a machine fail, counted from 0 over all its ports.
struct Fuse {
    bool blows() { return calls++ == at; }
    std::int64_t calls = 0;
    std::int64_t at = -1;
};

// Memory in ranges. Single frames come from the top, every second one first, so that neighbours are the exception.
class FakeFrames : public FramePort {
public:
    FakeFrames(Fuse& fuse, std::vector<ExtentPool::Range> memory);
    bool allocate(const FrameRequest& request, FrameList& frames) override;
    void free(const FrameList& frames) override;
    bool copy(const FrameList& from, const FrameList& to) override;
    PhysicalPage highest_installed() const override;
    bool overlaps_memory(PhysicalPage first, std::uint64_t pages) const override;

    bool scatters = true;  // false: frames come one after the other, which is fast for millions
    std::set<std::uint64_t> owned;
    std::map<std::uint64_t, std::uint64_t> content;  // of a frame: a number that stands for it; 0 when it is new
    std::vector<FrameRequest> requests;
    ExtentPool pool;

private:
    Fuse& fuse_;
    std::vector<ExtentPool::Range> memory_;
};

class FakeExecution : public ExecutionPort {
public:
    KIRQL irql() const override { return level; }
    std::uint64_t process() const override { return number; }
    void relax() override { ++relaxed; }

    KIRQL level = PASSIVE_LEVEL;
    std::uint64_t number = 1;
    std::uint64_t relaxed = 0;
};

class FakeViews : public CpuViewPort {
public:
    struct View {
        std::vector<PhysicalPage> frames;
        CacheType cache;
        AccessMode mode;
        bool writable;
        std::uint64_t process;
        std::set<std::size_t> held;  // indices of its pages
    };

    FakeViews(Fuse& fuse, const FakeExecution& execution) : fuse_(fuse), execution_(execution) {}
    void* map(const ViewRequest& request) override;
    void unmap(void* base, std::uint64_t pages, std::uint64_t process) override;
    void hold(void* part, std::uint64_t pages, std::uint64_t process) override;
    void show(void* part, const ViewRequest& request, std::uint64_t process) override;

    std::map<void*, View> live;

private:
    View& view_with(void* part, std::size_t& index, std::uint64_t process);

    Fuse& fuse_;
    const FakeExecution& execution_;
    std::uint64_t next_ = 0x7000'0000'0000;
};

class FakeDma : public DmaPort {
public:
    FakeDma(Fuse& fuse, unsigned width) : fuse_(fuse), width_(width) {}
    bool map(LogicalPage first, PhysicalPage to, std::uint64_t pages) override;
    void unmap(LogicalPage first, std::uint64_t pages) override;
    unsigned address_width() const override { return width_; }
    bool attach(Attachment to) override;
    std::optional<DmaFault> take_fault() override;
    std::span<const std::uint16_t> sources() const override { return devices; }

    // Whether the adapter's devices reach a page, and where.
    std::optional<std::uint64_t> reach(std::uint64_t page) const;

    std::map<std::uint64_t, std::uint64_t> table;  // logical page number to frame number
    Attachment attached = Attachment::Nothing;
    std::vector<Attachment> history;
    std::vector<std::uint16_t> devices = {0x10};
    std::deque<DmaFault> faults;                              // that take_fault hands out
    std::function<void(Attachment)> on_attach = [](auto) {};  // a device may speak up here

private:
    Fuse& fuse_;
    unsigned width_;
};

class FakeDriver : public DriverPort {
public:
    NTSTATUS begin_exclusive_access() override { return calls.push_back("begin"), begins; }
    NTSTATUS end_exclusive_access() override { return calls.push_back("end"), ends; }

    std::vector<std::string> calls;
    NTSTATUS begins = STATUS_SUCCESS;
    NTSTATUS ends = STATUS_SUCCESS;
};

class FakeReports : public ReportPort {
public:
    struct Kept {
        Severity severity;
        Check check;
        std::uint32_t code;
        std::uint64_t parameter;  // the first
        Callback callback;
        const void* caller;
        std::uint64_t object;
        std::uint64_t context;
        std::string message;
        std::string advice;
    };

    void report(const Report& report) override;

    std::vector<Kept> kept;
};

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;
inline constexpr std::uint64_t GiB = 1024 * MiB;
inline constexpr std::uint64_t TiB = 1024 * GiB;

// A machine with ports and a Dxgkrnl, and the callbacks in a form that is short to write.
struct World {
    explicit World(std::vector<ExtentPool::Range> memory = {{0, 64 * MiB / 4096}}, unsigned width = 48,
                   const VerifierOptions& verifier = {});
    ~World();  // complains about anything that is left

    // A description of one adapter that sees all of memory, behind `dma`, and whose driver supports every mode.
    AdapterDescription describe(DmaMode preferred = DmaMode::Remapping) const;
    HANDLE start(const AdapterDescription& description);  // of an adapter that starts
    HANDLE start(std::uint64_t highest_visible, bool remapping, unsigned physical_adapters = 1);
    HANDLE start_remapping() { return start((std::uint64_t{1} << 40) - 1, true); }
    HANDLE start_physical() { return start(~std::uint64_t{0}, false); }
    HANDLE start_isolated() { return start(describe(DmaMode::Isolation)); }

    NTSTATUS allocate_adl(HANDLE adapter_object, std::uint64_t offset, std::uint64_t size, UINT32 flags,
                          DXGK_ADL** adl);
    NTSTATUS map(HANDLE object, std::uint64_t offset, std::uint64_t size, DXGKARGCB_MAP_PHYSICAL_MEMORY* mapped,
                 DXGK_ACCESS_MODE mode = DXGK_ACCESS_MODE_KERNEL_MODE);
    void unmap(HANDLE object, void* base, std::uint64_t size);
    void free_adl(HANDLE adapter_object, DXGK_ADL* adl);
    void destroy(HANDLE object, HANDLE adapter_object);
    NTSTATUS open(HANDLE object, HANDLE adapter, HANDLE* adapter_object);
    void close(HANDLE adapter_object);

    // Whether exactly one report was made since the last look, and it was this one.
    bool reported(Check check);

    bool nothing_taken() const { return frames.owned.empty() && views.live.empty() && dma.table.empty(); }

    Fuse fuse;
    FakeFrames frames;
    FakeExecution execution;
    FakeViews views{fuse, execution};
    FakeDma dma;
    FakeDriver driver;
    FakeReports reports;
    std::unique_ptr<Dxgkrnl> dxgkrnl;
    HANDLE handles[8] = {};

private:
    static constexpr PhysicalAddress sees_all_{~std::uint64_t{0}};
};

// Arguments of Create that succeed.
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT mdl_of(std::uint64_t bytes, HANDLE adapter = nullptr);
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT contiguous_of(std::uint64_t bytes, HANDLE adapter = nullptr);
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT section_of(std::uint64_t bytes, HANDLE adapter = nullptr);
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT io_space_of(std::uint64_t base, std::uint64_t bytes, HANDLE adapter = nullptr);

// The page numbers of a list, whichever form it has.
std::vector<std::uint64_t> pages_in(const DXGK_ADL& adl);

// ADL flags by their bits, as the WDK numbers them.
inline constexpr UINT32 require_contiguous = 1;
inline constexpr UINT32 prefer_contiguous = 2;

}  // namespace remap::callbacks::tests
