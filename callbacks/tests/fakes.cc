// SPDX-License-Identifier: MIT
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace remap::callbacks::tests {

FakeFrames::FakeFrames(Fuse& fuse, std::vector<ExtentPool::Range> memory) : fuse_(fuse), memory_(std::move(memory)) {
    for (const auto& range : memory_) pool.give(range);
}

bool FakeFrames::allocate(const FrameRequest& request, std::span<PhysicalPage> frames) {
    requests.push_back(request);
    EXPECT_EQ(request.pages, frames.size());
    EXPECT_NE(request.pages, 0u);
    if (fuse_.blows()) return false;
    ExtentPool::Request wanted{.count = request.contiguous ? request.pages : 1,
                               .lowest = request.lowest.number,
                               .highest = request.highest.number,
                               .boundary = request.boundary,
                               .from = ExtentPool::From::Top};
    for (std::uint64_t i = 0; i < frames.size(); i += wanted.count) {
        wanted.alignment = request.contiguous || !scatters ? 1 : 2;
        auto first = pool.take(wanted);
        if (!first && !request.contiguous) {
            wanted.alignment = 1;
            first = pool.take(wanted);
        }
        if (!first) {
            for (std::uint64_t done = 0; done < i; ++done) pool.give({frames[done].number, 1});
            return false;
        }
        for (std::uint64_t k = 0; k < wanted.count; ++k) frames[i + k].number = *first + k;
    }
    for (const PhysicalPage frame : frames) owned.insert(frame.number);
    return true;
}

void FakeFrames::free(std::span<const PhysicalPage> frames) {
    EXPECT_FALSE(frames.empty());
    for (const PhysicalPage frame : frames) {
        EXPECT_EQ(owned.erase(frame.number), 1u) << "frame " << frame.number << " is freed but not owned";
        pool.give({frame.number, 1});
    }
}

PhysicalPage FakeFrames::highest_installed() const { return {memory_.back().first + memory_.back().count - 1}; }

bool FakeFrames::overlaps_memory(PhysicalPage first, std::uint64_t pages) const {
    return std::any_of(memory_.begin(), memory_.end(), [&](const ExtentPool::Range& range) {
        return first.number <= range.first ? range.first - first.number < pages
                                           : first.number - range.first < range.count;
    });
}

void* FakeViews::map(const ViewRequest& request) {
    EXPECT_FALSE(request.frames.empty());
    if (fuse_.blows()) return nullptr;
    void* base = reinterpret_cast<void*>(next_);
    next_ += (request.frames.size() + 1) * 4096;
    live[base] = {{request.frames.begin(), request.frames.end()}, request.cache, request.mode, request.writable};
    return base;
}

void FakeViews::unmap(void* base, std::uint64_t pages) {
    const auto found = live.find(base);
    ASSERT_NE(found, live.end()) << "no view at this base";
    EXPECT_EQ(found->second.frames.size(), pages);
    live.erase(found);
}

bool FakeDomain::map(LogicalPage first, PhysicalPage to, std::uint64_t pages) {
    EXPECT_NE(pages, 0u);
    EXPECT_LE(first.number + pages - 1, (~std::uint64_t{0} >> (64 - width_)) >> 12);
    if (fuse_.blows()) return false;
    for (std::uint64_t i = 0; i < pages; ++i)
        EXPECT_TRUE(table.emplace(first.number + i, to.number + i).second) << "page is mapped already";
    return true;
}

void FakeDomain::unmap(LogicalPage first, std::uint64_t pages) {
    for (std::uint64_t i = 0; i < pages; ++i) EXPECT_EQ(table.erase(first.number + i), 1u) << "page is not mapped";
}

void FakeReports::report(const Report& report) {
    kept.push_back({report.severity, report.code, report.parameter, report.message});
}

World::World(std::vector<ExtentPool::Range> memory, unsigned width)
    : frames(fuse, std::move(memory)),
      domain(fuse, width),
      dxgkrnl(std::make_unique<Dxgkrnl>(Ports{frames, views, reports})) {}

World::~World() {
    dxgkrnl.reset();
    EXPECT_TRUE(nothing_taken());
    for (const auto& left : reports.kept) ADD_FAILURE() << "report nobody looked at: " << left.message;
}

HANDLE World::start(std::uint64_t highest_visible, bool remapping, unsigned physical_adapters) {
    const AdapterDescription description{.highest_visible = {highest_visible},
                                         .dma_remapping_supported = remapping,
                                         .domain = remapping ? &domain : nullptr,
                                         .physical_adapters = physical_adapters};
    EXPECT_EQ(dxgkrnl->start_adapter(description, handles), STATUS_SUCCESS);
    return handles[0];
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

bool World::reported(Severity severity, std::uint32_t code, std::uint64_t parameter) {
    const bool one = reports.kept.size() == 1 && reports.kept[0].severity == severity && reports.kept[0].code == code &&
                     reports.kept[0].parameter == parameter;
    if (!one)
        for (const auto& report : reports.kept)
            ADD_FAILURE() << "report " << report.code << " " << report.parameter << ": " << report.message;
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
