// SPDX-License-Identifier: MIT
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace remap::callbacks::tests {

FakeFrames::FakeFrames(Fuse& fuse, std::vector<ExtentPool::Range> memory) : fuse_(fuse), memory_(std::move(memory)) {
    for (const auto& range : memory_) pool.give(range);
}

bool FakeFrames::allocate(const FrameRequest& request, FrameList& frames) {
    requests.push_back(request);
    EXPECT_NE(request.pages, 0u);
    if (fuse_.blows()) return false;
    const std::uint64_t before = frames.size();
    ExtentPool::Request wanted{.count = request.contiguous ? request.pages : 1,
                               .lowest = request.lowest.number,
                               .highest = request.highest.number,
                               .boundary = request.boundary,
                               .from = ExtentPool::From::Top};
    while (frames.size() - before < request.pages) {
        wanted.alignment = request.contiguous || !scatters ? 1 : 2;
        auto first = pool.take(wanted);
        if (!first && !request.contiguous) {
            wanted.alignment = 1;
            first = pool.take(wanted);
        }
        if (first && !frames.add({{*first}, wanted.count})) {
            pool.give({*first, wanted.count});
            first.reset();
        }
        if (first) continue;
        frames.for_each_run(before, frames.size() - before, [&](FrameRun run) {
            return pool.give({run.first.number, run.pages});
        });
        frames.shorten(before);
        return false;
    }
    for (std::uint64_t i = before; i < frames.size(); ++i) {
        owned.insert(frames[i].number);
        content[frames[i].number] = 0;
    }
    return true;
}

void FakeFrames::free(const FrameList& frames) {
    EXPECT_FALSE(frames.empty());
    for (std::uint64_t i = 0; i < frames.size(); ++i) {
        EXPECT_EQ(owned.erase(frames[i].number), 1u) << "frame " << frames[i].number << " is freed but not owned";
        pool.give({frames[i].number, 1});
    }
}

bool FakeFrames::copy(const FrameList& from, const FrameList& to) {
    EXPECT_EQ(from.size(), to.size());
    if (fuse_.blows()) return false;
    for (std::uint64_t i = 0; i < from.size(); ++i) content[to[i].number] = content[from[i].number];
    return true;
}

PhysicalPage FakeFrames::highest_installed() const { return {memory_.back().first + memory_.back().count - 1}; }

bool FakeFrames::overlaps_memory(PhysicalPage first, std::uint64_t pages) const {
    return std::any_of(memory_.begin(), memory_.end(), [&](const ExtentPool::Range& range) {
        return first.number <= range.first ? range.first - first.number < pages
                                           : first.number - range.first < range.count;
    });
}

void* FakeViews::map(const ViewRequest& request) {
    EXPECT_NE(request.pages, 0u);
    EXPECT_LE(request.first + request.pages, request.frames.size());
    if (fuse_.blows()) return nullptr;
    void* base = reinterpret_cast<void*>(next_);
    next_ += (request.pages + 1) * 4096;
    View view{{}, request.cache, request.mode, request.writable, execution_.number, {}};
    for (std::uint64_t i = 0; i < request.pages; ++i) view.frames.push_back(request.frames[request.first + i]);
    live[base] = std::move(view);
    return base;
}

void FakeViews::unmap(void* base, std::uint64_t pages, std::uint64_t process) {
    const auto found = live.find(base);
    ASSERT_NE(found, live.end()) << "no view at this base";
    EXPECT_EQ(found->second.frames.size(), pages);
    EXPECT_EQ(found->second.process, process);
    live.erase(found);
}

FakeViews::View& FakeViews::view_with(void* part, std::size_t& index, std::uint64_t process) {
    auto found = live.upper_bound(part);
    EXPECT_NE(found, live.begin());
    --found;
    index = static_cast<std::size_t>(static_cast<std::byte*>(part) - static_cast<std::byte*>(found->first)) / 4096;
    EXPECT_LT(index, found->second.frames.size());
    EXPECT_EQ(found->second.process, process);
    return found->second;
}

void FakeViews::hold(void* part, std::uint64_t pages, std::uint64_t process) {
    std::size_t index = 0;
    View& view = view_with(part, index, process);
    for (std::uint64_t i = 0; i < pages; ++i) EXPECT_TRUE(view.held.insert(index + i).second);
}

void FakeViews::show(void* part, const ViewRequest& request, std::uint64_t process) {
    std::size_t index = 0;
    View& view = view_with(part, index, process);
    EXPECT_EQ(view.cache, request.cache);
    EXPECT_EQ(view.writable, request.writable);
    for (std::uint64_t i = 0; i < request.pages; ++i) {
        EXPECT_EQ(view.held.erase(index + i), 1u) << "shown but not held";
        view.frames.at(index + i) = request.frames[request.first + i];
    }
}

bool FakeDma::map(LogicalPage first, PhysicalPage to, std::uint64_t pages) {
    EXPECT_NE(pages, 0u);
    EXPECT_LE(first.number + pages - 1, (~std::uint64_t{0} >> (64 - width_)) >> 12);
    if (fuse_.blows()) return false;
    for (std::uint64_t i = 0; i < pages; ++i)
        EXPECT_TRUE(table.emplace(first.number + i, to.number + i).second) << "page is mapped already";
    return true;
}

void FakeDma::unmap(LogicalPage first, std::uint64_t pages) {
    for (std::uint64_t i = 0; i < pages; ++i) EXPECT_EQ(table.erase(first.number + i), 1u) << "page is not mapped";
}

bool FakeDma::attach(Attachment to) {
    if (to != Attachment::Nothing && fuse_.blows()) return false;
    attached = to;
    history.push_back(to);
    on_attach(to);
    return true;
}

std::optional<DmaFault> FakeDma::take_fault() {
    if (faults.empty()) return std::nullopt;
    const DmaFault fault = faults.front();
    faults.pop_front();
    return fault;
}

std::optional<std::uint64_t> FakeDma::reach(std::uint64_t page) const {
    if (attached == Attachment::Untranslated) return page;
    const auto found = table.find(page);
    return attached == Attachment::Nothing || found == table.end() ? std::nullopt : std::optional(found->second);
}

void FakeReports::report(const Report& report) {
    kept.push_back({report.severity, report.check, report.code, report.parameters[0], report.callback, report.caller,
                    report.object, report.context, report.message, report.advice});
}

World::World(std::vector<ExtentPool::Range> memory, unsigned width, const VerifierOptions& verifier)
    : frames(fuse, std::move(memory)),
      dma(fuse, width),
      dxgkrnl(std::make_unique<Dxgkrnl>(Ports{frames, views, execution, reports}, verifier)) {}

World::~World() {
    dxgkrnl.reset();
    EXPECT_TRUE(nothing_taken());
    for (const auto& left : reports.kept) ADD_FAILURE() << "report nobody looked at: " << left.message;
}

AdapterDescription World::describe(DmaMode preferred) const {
    AdapterDescription description{.highest_visible = {&sees_all_, 1}};
    description.iommu.DmaRemappingSupported = 1;
    description.iommu.IommuIsolationSupported = 1;
    description.map_aperture2 = true;
    description.preferred = preferred;
    description.dma = const_cast<FakeDma*>(&dma);
    description.driver = const_cast<FakeDriver*>(&driver);
    return description;
}

HANDLE World::start(const AdapterDescription& description) {
    EXPECT_EQ(dxgkrnl->start_adapter(description, handles), STATUS_SUCCESS);
    return handles[0];
}

HANDLE World::start(std::uint64_t highest_visible, bool remapping, unsigned physical_adapters) {
    const std::vector<PhysicalAddress> visible(physical_adapters, PhysicalAddress{highest_visible});
    AdapterDescription description = describe();
    description.highest_visible = visible;
    if (!remapping) description.iommu = {}, description.dma = nullptr;
    return start(description);
}

NTSTATUS World::allocate_adl(HANDLE adapter_object, std::uint64_t offset, std::uint64_t size, UINT32 flags,
                             DXGK_ADL** adl) {
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = adapter_object;
    args.Offset = offset;
    args.Size = size;
    args.Flags.Value = flags;
    args.pAdl = reinterpret_cast<DXGK_ADL*>(0x1234);
    const NTSTATUS status = dxgkrnl->allocate_adl(&args);
    EXPECT_EQ(args.pAdl != nullptr, NT_SUCCESS(status));
    *adl = args.pAdl;
    return status;
}

NTSTATUS World::map(HANDLE object, std::uint64_t offset, std::uint64_t size, DXGKARGCB_MAP_PHYSICAL_MEMORY* mapped,
                    DXGK_ACCESS_MODE mode) {
    *mapped = {object, mode, offset, size, reinterpret_cast<void*>(0x1234)};
    const NTSTATUS status = dxgkrnl->map(mapped);
    EXPECT_EQ(mapped->pMappedAddress != nullptr, NT_SUCCESS(status));
    return status;
}

void World::unmap(HANDLE object, void* base, std::uint64_t size) {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{object, base, size};
    dxgkrnl->unmap(&args);
}

void World::free_adl(HANDLE adapter_object, DXGK_ADL* adl) {
    const DXGKARGCB_FREE_ADL args{adapter_object, adl};
    dxgkrnl->free_adl(&args);
}

void World::destroy(HANDLE object, HANDLE adapter_object) {
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{object, adapter_object};
    dxgkrnl->destroy(&args);
}

NTSTATUS World::open(HANDLE object, HANDLE adapter, HANDLE* adapter_object) {
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{object, adapter, reinterpret_cast<HANDLE>(0x1234)};
    const NTSTATUS status = dxgkrnl->open(&args);
    EXPECT_EQ(args.hAdapterMemoryObject != nullptr, NT_SUCCESS(status));
    *adapter_object = args.hAdapterMemoryObject;
    return status;
}

void World::close(HANDLE adapter_object) {
    const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{adapter_object};
    dxgkrnl->close(&args);
}

bool World::reported(Check check) {
    const bool one = reports.kept.size() == 1 && reports.kept[0].check == check;
    for (const auto& kept : reports.kept)
        if (!one) ADD_FAILURE() << "reported " << text_of(kept.check).name << ": " << kept.message;
    reports.kept.clear();
    return one;
}

namespace {

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT any_of(DXGK_PHYSICAL_MEMORY_TYPE type, std::uint64_t bytes, HANDLE adapter) {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
    args.hAdapter = adapter;
    args.Size = bytes;
    args.Context = 0xc0ffee;
    args.Type = type;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    return args;
}

}  // namespace

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT mdl_of(std::uint64_t bytes, HANDLE adapter) {
    auto args = any_of(DXGK_PHYSICAL_MEMORY_TYPE_MDL, bytes, adapter);
    args.Mdl.HighAddress.QuadPart = -1;
    return args;
}

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT contiguous_of(std::uint64_t bytes, HANDLE adapter) {
    auto args = any_of(DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY, bytes, adapter);
    args.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
    return args;
}

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT section_of(std::uint64_t bytes, HANDLE adapter) {
    auto args = any_of(DXGK_PHYSICAL_MEMORY_TYPE_SECTION, bytes, adapter);
    args.Section.DesiredAccess = SECTION_ALL_ACCESS;
    args.Section.PageProtection = PAGE_READWRITE;
    args.Section.AllocationAttributes = SEC_COMMIT;
    return args;
}

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT io_space_of(std::uint64_t base, std::uint64_t bytes, HANDLE adapter) {
    auto args = any_of(DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE, bytes, adapter);
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_NON_CACHED;
    args.IOSpace.BaseAddress.QuadPart = static_cast<LONGLONG>(base);
    return args;
}

std::vector<std::uint64_t> pages_in(const DXGK_ADL& adl) {
    std::vector<std::uint64_t> pages;
    for (UINT32 i = 0; i < adl.PageCount; ++i)
        pages.push_back(adl.Flags.Contiguous ? adl.BasePageNumber + i : adl.Pages[i]);
    return pages;
}

}  // namespace remap::callbacks::tests
