// SPDX-License-Identifier: MIT
// The whole path on the hosted machine: a driver's callbacks, the DMA domain, the IOMMU engine, the GPU's engine.
#include "callbacks/hosted/system.h"

#include "callbacks/driver/allocation.h"
#include "callbacks/driver/channel.h"
#include "hw/hosted/tests/second_process.h"
#include "iommu/spec/fault.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <set>
#include <thread>

namespace remap::hosted {
namespace {

using callbacks::CacheType;
using gpu_driver::Error;
using namespace gpu::spec;

constexpr std::uint64_t polls = 100'000;

class GpuAccess final : public gpu_driver::GpuRegisters {
public:
    explicit GpuAccess(HostedGpu& gpu) : gpu_(gpu) {}
    std::uint32_t read32(std::uint64_t offset) override {
        return static_cast<std::uint32_t>(gpu_.registers().read(offset, 4));
    }
    std::uint64_t read64(std::uint64_t offset) override { return gpu_.registers().read(offset, 8); }
    void write32(std::uint64_t offset, std::uint32_t value) override { gpu_.registers().write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) override { gpu_.registers().write(offset, value, 8); }
    void pause() override { std::this_thread::sleep_for(std::chrono::microseconds(50)); }

private:
    HostedGpu& gpu_;
};

// An allocation that is expected to succeed, at the adapter's copy of the interface.
struct Buffer : driver::Allocation {
    Buffer(const Adapter& adapter, SIZE_T bytes, DXGK_PHYSICAL_MEMORY_TYPE type = DXGK_PHYSICAL_MEMORY_TYPE_MDL,
           DXGK_MEMORY_CACHING_TYPE cache = DXGK_MEMORY_CACHING_TYPE_CACHED) {
        EXPECT_EQ(make(adapter.interface, {.bytes = bytes, .type = type, .cache = cache}), STATUS_SUCCESS);
    }
};

struct Bench {
    explicit Bench(const MachineOptions& machine = {}, const AdapterOptions& options = {}) {
        auto created = System::create(machine);
        EXPECT_TRUE(created) << created.error();
        system = std::move(*created);
        auto started = system->start_adapter(options);
        EXPECT_TRUE(started) << std::hex << started.error();
        adapter = *started;
        access = std::make_unique<GpuAccess>(*adapter.gpu);
        device = std::make_unique<gpu_driver::Device>(*access);
        channel = std::make_unique<driver::Channel>(*device, polls);
        EXPECT_TRUE(channel->start(adapter.interface).ok());
    }

    ~Bench() {
        channel->stop();
        system->stop_adapter(adapter);
        EXPECT_TRUE(system->reports().all().empty()) << system->reports().all()[0].message;
    }

    Error run(const Packet& packet) { return channel->run(packet); }

    std::unique_ptr<System> system;
    Adapter adapter;
    std::unique_ptr<GpuAccess> access;
    std::unique_ptr<gpu_driver::Device> device;
    std::unique_ptr<driver::Channel> channel;
};

TEST(HostedSystem, TheGpuReachesMemoryAboveItsAddressBitsThroughLogicalPagesBelow) {
    Bench bench;  // 40 bits; half of the memory starts at 1 TiB
    Buffer buffer(bench.adapter, 64 * page_size);
    const PhysicalPage frame = bench.system->dxgkrnl().frame(buffer.object(), 0);
    EXPECT_GE(frame.address().value, std::uint64_t{1} << 40);
    EXPECT_LT(buffer.address().value + 64 * page_size, std::uint64_t{1} << 40);
    EXPECT_NE(buffer.address().value, 0u);

    for (std::size_t i = 0; i < 64 * page_size; ++i) buffer.data()[i] = static_cast<std::byte>(i * 31 >> 3);
    ASSERT_EQ(bench.run(copy(vram(4096), system_memory(buffer.address().value), 64 * page_size)), Error::None);
    EXPECT_EQ(std::memcmp(bench.adapter.gpu->vram().data() + 4096, buffer.data(), 64 * page_size), 0);

    ASSERT_EQ(bench.run(fill(system_memory(buffer.address().value + 5), 3 * page_size, 0x44332211)), Error::None);
    EXPECT_EQ(buffer.data()[5], std::byte{0x11});
    EXPECT_EQ(buffer.data()[8], std::byte{0x44});
    EXPECT_EQ(buffer.data()[4 + 3 * page_size], std::byte{0x44});
    EXPECT_EQ(buffer.data()[5 + 3 * page_size], static_cast<std::byte>((5 + 3 * page_size) * 31 >> 3));
}

TEST(HostedSystem, AfterFreeAdlTheGpuIsRefusedAndTheIommuSaysWhy) {
    Bench bench;
    Buffer buffer(bench.adapter, page_size);
    const std::uint64_t logical = buffer.address().value;
    ASSERT_EQ(bench.run(fill(system_memory(logical), page_size, 0)), Error::None);
    buffer.free_adl();
    EXPECT_EQ(bench.run(fill(system_memory(logical), page_size, 0xffffffff)), Error::Halted);
    EXPECT_EQ(buffer.data()[0], std::byte{0});

    const auto fault = bench.device->read_fault();
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->cause, FaultCause::BusWriteRefused);
    EXPECT_EQ(fault->address, logical);
    const auto record = bench.system->take_fault();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->source, 0x10);
    EXPECT_EQ(record->page.value, logical);
    EXPECT_TRUE(record->write);
    EXPECT_EQ(record->reason, 5);  // write access without the right, VT-d's table of fault reasons
}

TEST(HostedSystem, EveryTypeOfMemoryWorksFromEndToEnd) {
    Bench bench;
    for (const auto type : {DXGK_PHYSICAL_MEMORY_TYPE_MDL, DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY,
                            DXGK_PHYSICAL_MEMORY_TYPE_SECTION}) {
        Buffer buffer(bench.adapter, 8 * page_size, type, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED);
        ASSERT_EQ(bench.run(fill(system_memory(buffer.address().value), 8 * page_size, 0x5a5a5a5a)), Error::None);
        EXPECT_EQ(buffer.data()[8 * page_size - 1], std::byte{0x5a}) << type;
    }
}

TEST(HostedSystem, AMappingCarriesTheObjectsCacheType) {
    Bench bench;
    const struct {
        DXGK_MEMORY_CACHING_TYPE asked;
        CacheType recorded;
    } cases[] = {{DXGK_MEMORY_CACHING_TYPE_NON_CACHED, CacheType::Uncached},
                 {DXGK_MEMORY_CACHING_TYPE_CACHED, CacheType::WriteBack},
                 {DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED, CacheType::WriteCombined}};
    for (const auto& [asked, recorded] : cases) {
        Buffer buffer(bench.adapter, 2 * page_size, DXGK_PHYSICAL_MEMORY_TYPE_MDL, asked);
        const auto attributes = bench.system->views().attributes(buffer.data() + page_size);
        ASSERT_TRUE(attributes);
        EXPECT_EQ(attributes->cache, recorded);
        const std::byte* stale = buffer.data();
        buffer.release();
        EXPECT_FALSE(bench.system->views().attributes(stale));
    }
}

TEST(HostedSystem, FramesOfAnObjectAreScattered) {
    Bench bench;
    Buffer buffer(bench.adapter, 256 * page_size);
    std::set<std::uint64_t> frames;
    unsigned jumps = 0;
    for (std::uint64_t i = 0; i < 256; ++i) {
        const auto frame = bench.system->dxgkrnl().frame(buffer.object(), i);
        jumps += frames.count(frame.number - 1) == 0;
        EXPECT_TRUE(frames.insert(frame.number).second);
    }
    EXPECT_GT(jumps, 10u);
}

TEST(HostedSystem, AnotherProcessMapsTheObjectTheGpuWrites) {
    Bench bench({.memory_name = shared_name()});
    Buffer buffer(bench.adapter, 32 * page_size, DXGK_PHYSICAL_MEMORY_TYPE_SECTION);
    ASSERT_TRUE(bench.system->publish(buffer.object(), 99, CacheType::WriteBack));
    ASSERT_EQ(bench.run(fill(system_memory(buffer.address().value + 31 * page_size), page_size, 0x01020304)),
              Error::None);
    EXPECT_TRUE(in_second_process([&] {
        auto memory = Memory::attach(bench.system->machine().memory().name());
        if (!memory) return false;
        const auto object = Directory(**memory).find(99);
        auto view = object ? View::map(**memory, object->pages, true) : Failure{std::string("not published")};
        if (!view || (*view)->base()[31 * page_size] != std::byte{0x04}) return false;
        (*view)->base()[0] = std::byte{0x77};
        return true;
    }));
    EXPECT_EQ(buffer.data()[0], std::byte{0x77});
    ASSERT_EQ(bench.run(copy(vram(64), system_memory(buffer.address().value), 1)), Error::None);
    EXPECT_EQ(bench.adapter.gpu->vram()[64], std::byte{0x77});
    Directory(bench.system->machine().memory()).withdraw(99);
}

TEST(HostedSystem, InPhysicalModeTheAdlHoldsPhysicalPages) {
    const MachineOptions small{.memory = {{{0}, 8192}}};
    Bench bench(small, {.remapping = false});
    Buffer buffer(bench.adapter, page_size, DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY);
    EXPECT_EQ(buffer.page(0).number, bench.system->dxgkrnl().frame(buffer.object(), 0).number);
    ASSERT_EQ(bench.run(fill(system_memory(buffer.address().value), 16, 0x11111111)), Error::None);
    EXPECT_EQ(buffer.data()[0], std::byte{0x11});
}

TEST(HostedSystem, WithoutRemappingAnAdapterThatCannotReachAllMemoryDoesNotStart) {
    auto system = System::create({});
    ASSERT_TRUE(system);
    EXPECT_FALSE((*system)->start_adapter({.remapping = false}));
    auto without = System::create({.iommu = false});
    ASSERT_TRUE(without);
    EXPECT_FALSE((*without)->start_adapter({}));
}

TEST(HostedSystem, AGpuOutsideEveryDomainReachesNothing) {
    Bench bench;
    std::uint32_t word = 0;
    EXPECT_FALSE(bench.system->machine().dma_read(0x0018, {0x1000}, &word, sizeof word));
    const auto record = bench.system->take_fault();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->source, 0x18);
    EXPECT_EQ(record->reason, 2);  // the present field of the context entry is clear
}

TEST(HostedSystem, TwoAdaptersLiveInDomainsOfTheirOwn) {
    Bench bench;
    AdapterOptions options;
    options.gpu.source_id = 0x0020;
    auto second = bench.system->start_adapter(options);
    ASSERT_TRUE(second);
    Buffer buffer(*second, page_size);
    std::uint32_t word = 1;
    EXPECT_TRUE(bench.system->machine().dma_read(0x20, {buffer.address().value}, &word, sizeof word));
    // The same logical page of the first adapter is its ring's, or nobody's; never this buffer.
    buffer.data()[0] = std::byte{0xee};
    if (bench.system->machine().dma_read(0x10, {buffer.address().value}, &word, 1)) {
        EXPECT_NE(static_cast<std::uint8_t>(word), 0xee);
    }
    buffer.release();
    bench.system->stop_adapter(*second);
}

TEST(HostedSystem, AllMemoryComesBack) {
    auto system = System::create({});
    const std::uint64_t before = (*system)->frames().free_pages();
    for (int round = 0; round < 3; ++round) {
        auto adapter = (*system)->start_adapter({});
        ASSERT_TRUE(adapter);
        Buffer(*adapter, 100 * page_size);
        (*system)->stop_adapter(*adapter);
    }
    // The context table of the device's bus stays with the unit.
    EXPECT_GE((*system)->frames().free_pages() + 1, before);
}

TEST(HostedSystem, TwoSystemsShareNothing) {
    Bench one;
    Bench two;
    Buffer in_one(one.adapter, page_size);
    Buffer in_two(two.adapter, page_size);
    ASSERT_EQ(one.run(fill(system_memory(in_one.address().value), page_size, 0x11111111)), Error::None);
    EXPECT_EQ(in_two.data()[0], std::byte{0});
}

TEST(HostedSystem, TellsWhichViewsShowAPage) {
    Bench bench;
    System& system = *bench.system;
    Buffer memory(bench.adapter, 4 * page_size, DXGK_PHYSICAL_MEMORY_TYPE_MDL, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED);
    const PhysicalPage page = system.dxgkrnl().frame(memory.object(), 2);
    const auto shown = system.views_of(page);
    ASSERT_EQ(shown.size(), 1u);
    EXPECT_EQ(shown[0].view.base, memory.data());
    EXPECT_EQ(shown[0].view.pages, 4u);
    EXPECT_EQ(shown[0].view.cache, CacheType::WriteCombined);
    EXPECT_EQ(shown[0].view.origin.object.handle, reinterpret_cast<std::uintptr_t>(memory.object()));
    EXPECT_NE(shown[0].view.origin.caller, nullptr);
    EXPECT_STREQ(shown[0].view.origin.routine, "DxgkCbMapPhysicalMemory");
    EXPECT_EQ(shown[0].index, 2u);
    memory.unmap();
    EXPECT_TRUE(system.views_of(page).empty());
}

}  // namespace
}  // namespace remap::hosted
