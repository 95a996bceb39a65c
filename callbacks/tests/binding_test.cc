// SPDX-License-Identifier: MIT
// The callbacks as a driver calls them: through DXGKRNL_INTERFACE, with the Microsoft calling convention, from C and
// from C++, with several machines in one process.
#include "callbacks/dxgkcb.h"
#include "callbacks/tests/c_driver.h"
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <cstring>

namespace remap::callbacks::tests {
namespace {

// A member by its offset, with a function type that is written out here and not taken from the header.
template <typename Return, typename Args>
auto member_at(const DXGKRNL_INTERFACE& table, unsigned offset) {
    Return(__attribute__((ms_abi)) * function)(Args*) = nullptr;
    std::memcpy(&function, reinterpret_cast<const char*>(&table) + offset, sizeof function);
    return function;
}

template <typename Return, typename Args>
Return call(const DXGKRNL_INTERFACE& table, unsigned offset, Args* args) {
    return member_at<Return, Args>(table, offset)(args);
}

bool is_null(const DXGKRNL_INTERFACE& table, unsigned offset) {
    return member_at<void, void>(table, offset) == nullptr;
}

struct Bound : World {
    explicit Bound(ULONG version = 0xF003) {
        device = start_remapping();
        EXPECT_EQ(bind(*dxgkrnl, device, version, &table), STATUS_SUCCESS);
    }
    ~Bound() { release(*dxgkrnl); }

    HANDLE device = nullptr;
    DXGKRNL_INTERFACE table{};
};

TEST(Bind, SizeIsThatOfTheDeclaredVersion) {
    const std::pair<ULONG, ULONG> versions[] = {{0xE003, 0x238}, {0xF003, 0x238}, {0x10004, 0x240}, {0x11007, 0x240}};
    for (const auto& [version, size] : versions) {
        const Bound bound(version);
        EXPECT_EQ(bound.table.Size, size);
        EXPECT_EQ(bound.table.Version, version);
        EXPECT_EQ(bound.table.DeviceHandle, bound.device);
    }
}

TEST(Bind, FillsTheEightTheTenOlderOnesAndPin2AndNothingElse) {
    const Bound bound;
    for (unsigned offset = 0x10; offset < 0x240; offset += 8) {
        const bool older = offset >= 0x170 && offset <= 0x1b8;
        const bool newer = offset >= 0x1f0 && offset <= 0x230;
        EXPECT_NE(is_null(bound.table, offset), older || newer) << offset;
    }
}

TEST(Bind, RefusesVersionsWithoutPhysicalMemoryObjects) {
    World world;
    DXGKRNL_INTERFACE table{};
    for (const ULONG version : {0u, 0xD001u, 0xE002u, 0x20000u})
        EXPECT_EQ(bind(*world.dxgkrnl, nullptr, version, &table), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(bind(*world.dxgkrnl, nullptr, 0xF003, nullptr), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(table.Size, 0u);
}

TEST(Bind, SlotsRunOutAndComeBack) {
    std::vector<std::unique_ptr<World>> worlds;
    DXGKRNL_INTERFACE table{};
    for (unsigned i = 0; i < 16; ++i) {
        worlds.push_back(std::make_unique<World>());
        ASSERT_EQ(bind(*worlds.back()->dxgkrnl, nullptr, 0xF003, &table), STATUS_SUCCESS);
    }
    World late;
    EXPECT_EQ(bind(*late.dxgkrnl, nullptr, 0xF003, &table), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(bind(*worlds[3]->dxgkrnl, nullptr, 0xF003, &table), STATUS_SUCCESS) << "a bound machine keeps its slot";
    release(*worlds[7]->dxgkrnl);
    EXPECT_EQ(bind(*late.dxgkrnl, nullptr, 0xF003, &table), STATUS_SUCCESS);
    release(*late.dxgkrnl);
    for (auto& world : worlds) release(*world->dxgkrnl);
}

TEST(Bind, AReleasedMachinesFunctionsRefuse) {
    DXGKRNL_INTERFACE table;
    {
        Bound bound;
        table = bound.table;
    }
    auto create = mdl_of(4096);
    EXPECT_EQ(table.DxgkCbCreatePhysicalMemoryObject(&create), STATUS_INVALID_DEVICE_STATE);
    const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT close{};
    table.DxgkCbClosePhysicalMemoryObject(&close);
}

TEST(CDriver, RunsTheUsualSequence) {
    Bound bound;
    C_DRIVER_BUFFER buffer;
    ASSERT_EQ(CDriverAllocate(&buffer, &bound.table, 64 * KiB), STATUS_SUCCESS);
    EXPECT_EQ(buffer.Adl->PageCount, 16u);
    EXPECT_EQ(buffer.Adl->Flags.Contiguous, 1u);
    const auto& view = bound.views.live.at(buffer.MappedBase);
    for (unsigned i = 0; i < 16; ++i)
        EXPECT_EQ(bound.dma.table.at(buffer.Adl->BasePageNumber + i), view.frames[i].number);
    EXPECT_EQ(view.cache, CacheType::WriteCombined);
    CDriverFree(&buffer);
    EXPECT_TRUE(bound.nothing_taken());
}

TEST(CDriver, UnwindsWhateverFails) {
    Bound bound;
    bool succeeded = false;
    for (std::int64_t at = 0; !succeeded && at < 10; ++at) {
        bound.fuse = {.calls = 0, .at = at};
        C_DRIVER_BUFFER buffer;
        succeeded = NT_SUCCESS(CDriverAllocate(&buffer, &bound.table, 64 * KiB));
        if (succeeded) CDriverFree(&buffer);
        EXPECT_TRUE(bound.nothing_taken());
    }
    EXPECT_TRUE(succeeded);
}

TEST(CDriver, SeesTheFlagsAtTheirBits) {
    UINT32 values[3];
    CDriverAdlFlagValues(values);
    EXPECT_EQ(values[0], 1u);
    EXPECT_EQ(values[1], 2u);
    EXPECT_EQ(values[2], 0xfffffffcu);
}

// A call by number: the member at 0x1f0 gets its argument in rcx, as a driver's compiler passes it.
TEST(Binding, UsesTheMicrosoftCallingConvention) {
    Bound bound;
    auto create = mdl_of(4096, bound.device);
    ASSERT_EQ(call<int>(bound.table, 0x1f0, &create), STATUS_SUCCESS);
    DXGKARGCB_ALLOCATE_ADL adl{};
    adl.hAdapterMemoryObject = create.hAdapterMemoryObject;
    adl.Size = 4096;
    ASSERT_EQ(call<int>(bound.table, 0x210, &adl), STATUS_SUCCESS);
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{create.hPhysicalMemoryObject, DXGK_ACCESS_MODE_USER_MODE, 0, 4096, nullptr};
    ASSERT_EQ(call<int>(bound.table, 0x200, &map), STATUS_SUCCESS);
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{create.hPhysicalMemoryObject, map.pMappedAddress, map.Size};
    call<void>(bound.table, 0x208, &unmap);
    const DXGKARGCB_FREE_ADL free{create.hAdapterMemoryObject, adl.pAdl};
    call<void>(bound.table, 0x218, &free);
    const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT close{create.hAdapterMemoryObject};
    call<void>(bound.table, 0x228, &close);
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{create.hPhysicalMemoryObject, bound.device, nullptr};
    ASSERT_EQ(call<int>(bound.table, 0x220, &open), STATUS_SUCCESS);
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{create.hPhysicalMemoryObject, open.hAdapterMemoryObject};
    call<void>(bound.table, 0x1f8, &destroy);
    EXPECT_TRUE(bound.nothing_taken());
}

TEST(Machines, DoNotShareObjects) {
    Bound one;
    Bound two;
    C_DRIVER_BUFFER first;
    C_DRIVER_BUFFER second;
    ASSERT_EQ(CDriverAllocate(&first, &one.table, 16 * KiB), STATUS_SUCCESS);
    ASSERT_EQ(CDriverAllocate(&second, &two.table, 32 * KiB), STATUS_SUCCESS);
    EXPECT_EQ(one.frames.owned.size(), 4u);
    EXPECT_EQ(two.frames.owned.size(), 8u);
    EXPECT_EQ(two.dxgkrnl->page_count(first.PhysicalMemoryObject), 0u);
    two.destroy(first.PhysicalMemoryObject, first.AdapterMemoryObject);
    EXPECT_TRUE(two.reported(Check::UnknownHandle)) << "a handle of the other machine";
    CDriverFree(&first);
    EXPECT_EQ(two.frames.owned.size(), 8u);
    CDriverFree(&second);
}

}  // namespace
}  // namespace remap::callbacks::tests
