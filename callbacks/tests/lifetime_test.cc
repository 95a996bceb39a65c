// SPDX-License-Identifier: MIT
// Adapters start and stop; objects are opened, closed and destroyed; what is left behind is reported and taken back.
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

namespace remap::callbacks::tests {
namespace {

TEST(Open, AnyPhysicalAdapterOfTheChainNamesTheLogicalAdapter) {
    World world;
    world.start((1ull << 40) - 1, true, 8);
    auto args = mdl_of(4096, world.handles[7]);
    ASSERT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
    DXGK_ADL* adl = nullptr;
    HANDLE again = nullptr;
    EXPECT_EQ(world.open(args.hPhysicalMemoryObject, world.handles[3], &again), STATUS_INVALID_DEVICE_STATE);
    ASSERT_EQ(world.allocate_adl(args.hAdapterMemoryObject, 0, 4096, prefer_contiguous, &adl), STATUS_SUCCESS);
    for (unsigned i = 0; i < 8; ++i) {
        for (unsigned k = 0; k < i; ++k) EXPECT_NE(world.handles[i], world.handles[k]);
        EXPECT_TRUE(world.dxgkrnl->frame_behind(world.handles[i], adl->BasePageNumber).ok());
    }
    world.free_adl(args.hAdapterMemoryObject, adl);
    world.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
}

TEST(Open, AnObjectMadeWithoutAnAdapterIsOpenedClosedAndOpenedAgain) {
    World world;
    const HANDLE adapter = world.start_remapping();
    auto args = mdl_of(4096);
    ASSERT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
    const HANDLE object = args.hPhysicalMemoryObject;
    HANDLE first = nullptr;
    HANDLE second = nullptr;
    ASSERT_EQ(world.open(object, adapter, &first), STATUS_SUCCESS);
    EXPECT_EQ(world.open(object, adapter, &second), STATUS_INVALID_DEVICE_STATE) << "open already";
    world.close(first);
    ASSERT_EQ(world.open(object, adapter, &second), STATUS_SUCCESS);
    EXPECT_NE(first, second);
    DXGK_ADL* adl = nullptr;
    EXPECT_EQ(world.allocate_adl(first, 0, 4096, 0, &adl), STATUS_INVALID_HANDLE) << "closed";
    EXPECT_TRUE(world.reported(Check::UseAfterClose));
    world.close(first);
    EXPECT_TRUE(world.reported(Check::UseAfterClose)) << "closed twice";
    ASSERT_EQ(world.allocate_adl(second, 0, 4096, 0, &adl), STATUS_SUCCESS);
    world.free_adl(second, adl);
    world.destroy(object, second);
}

TEST(Open, ASecondLogicalAdapterIsRefused) {
    World world;
    FakeDma other_domain(world.fuse, 48);
    const HANDLE adapter = world.start_remapping();
    AdapterDescription other = world.describe();
    other.dma = &other_domain;
    world.start(other);
    auto args = mdl_of(4096, adapter);
    ASSERT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
    HANDLE opened = nullptr;
    EXPECT_EQ(world.open(args.hPhysicalMemoryObject, world.handles[0], &opened), STATUS_NOT_SUPPORTED);
    world.close(args.hAdapterMemoryObject);
    EXPECT_EQ(world.open(args.hPhysicalMemoryObject, world.handles[0], &opened), STATUS_SUCCESS) << "it is closed";
    world.destroy(args.hPhysicalMemoryObject, opened);
    world.dxgkrnl->stop_adapter(world.handles[0]);  // before its domain goes
}

TEST(Open, RefusesHandlesOfTheWrongKind) {
    World world;
    const HANDLE adapter = world.start_remapping();
    auto args = mdl_of(4096, adapter);
    ASSERT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
    HANDLE opened = nullptr;
    EXPECT_EQ(world.open(adapter, adapter, &opened), STATUS_INVALID_HANDLE);
    EXPECT_TRUE(world.reported(Check::InvalidObjectType));
    EXPECT_EQ(world.open(args.hPhysicalMemoryObject, args.hPhysicalMemoryObject, &opened), STATUS_INVALID_HANDLE);
    EXPECT_TRUE(world.reported(Check::InvalidObjectType));
    EXPECT_EQ(world.open(args.hPhysicalMemoryObject, nullptr, &opened), STATUS_INVALID_HANDLE);
    EXPECT_EQ(world.dxgkrnl->open(nullptr), STATUS_INVALID_PARAMETER);
    world.close(args.hPhysicalMemoryObject);
    EXPECT_TRUE(world.reported(Check::InvalidObjectType));
    world.dxgkrnl->close(nullptr);
    EXPECT_TRUE(world.reported(Check::NullArgument));
    world.destroy(args.hAdapterMemoryObject, nullptr);
    EXPECT_TRUE(world.reported(Check::InvalidObjectType));
    world.dxgkrnl->destroy(nullptr);
    EXPECT_TRUE(world.reported(Check::NullArgument));
    world.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
    world.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
    EXPECT_TRUE(world.reported(Check::UseAfterClose)) << "destroyed twice";
}

class Leak : public testing::Test {
protected:
    void SetUp() override {
        adapter = world.start_remapping();
        args = mdl_of(8192, adapter);
        ASSERT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
        object = args.hPhysicalMemoryObject;
        opened = args.hAdapterMemoryObject;
    }

    World world;
    HANDLE adapter = nullptr;
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
    HANDLE object = nullptr;
    HANDLE opened = nullptr;
    DXGK_ADL* adl = nullptr;
    DXGKARGCB_MAP_PHYSICAL_MEMORY mapped{};
};

TEST_F(Leak, DestroyUnderAnAdlIsABugcheckAndTakesTheAdapterAwayFirst) {
    ASSERT_EQ(world.allocate_adl(opened, 0, 8192, 0, &adl), STATUS_SUCCESS);
    world.destroy(object, opened);
    EXPECT_TRUE(world.reported(Check::UnlockedUnderAdls));
    EXPECT_TRUE(world.nothing_taken());
}

TEST_F(Leak, DestroyWithoutTheAdapterMemoryObjectOfAnOpenObjectIsABugcheck) {
    world.destroy(object, nullptr);
    EXPECT_TRUE(world.reported(Check::AdapterObjectsLeaked));
    EXPECT_TRUE(world.nothing_taken());
    world.close(opened);
    EXPECT_TRUE(world.reported(Check::UseAfterClose));
}

TEST_F(Leak, DestroyWithTheAdapterMemoryObjectOfAnotherDoesNothing) {
    auto other = mdl_of(4096, adapter);
    ASSERT_EQ(world.dxgkrnl->create(&other), STATUS_SUCCESS);
    world.destroy(object, other.hAdapterMemoryObject);
    EXPECT_TRUE(world.reported(Check::ForeignAdapterObject));
    EXPECT_EQ(world.dxgkrnl->page_count(object), 2u);
    world.close(opened);
    world.destroy(object, opened);
    EXPECT_TRUE(world.reported(Check::ForeignAdapterObject)) << "closed already";
    world.destroy(object, nullptr);
    world.destroy(other.hPhysicalMemoryObject, other.hAdapterMemoryObject);
}

TEST_F(Leak, DestroyTakesViewsDownThatAreLeft) {
    ASSERT_EQ(world.map(object, 0, 8192, &mapped), STATUS_SUCCESS);
    world.destroy(object, opened);
    EXPECT_TRUE(world.reported(Check::ViewsLeft));
    EXPECT_TRUE(world.nothing_taken());
}

TEST_F(Leak, CloseUnderAnAdlIsABugcheckAndFreesTheList) {
    ASSERT_EQ(world.allocate_adl(opened, 0, 8192, 0, &adl), STATUS_SUCCESS);
    world.close(opened);
    EXPECT_TRUE(world.reported(Check::AdlsLeaked));
    EXPECT_TRUE(world.dma.table.empty());
    EXPECT_EQ(world.dxgkrnl->page_count(object), 2u);
    world.destroy(object, nullptr);
}

TEST_F(Leak, StopReportsEachKindOnceAndTakesEverythingBack) {
    auto other = mdl_of(4096, adapter);
    ASSERT_EQ(world.dxgkrnl->create(&other), STATUS_SUCCESS);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(world.allocate_adl(opened, 0, 8192, 0, &adl), STATUS_SUCCESS);
    ASSERT_EQ(world.map(object, 0, 8192, &mapped), STATUS_SUCCESS);
    world.dxgkrnl->stop_adapter(adapter);
    ASSERT_EQ(world.reports.kept.size(), 3u);
    EXPECT_EQ(world.reports.kept[0].code, 0x1E4u);
    EXPECT_EQ(world.reports.kept[0].parameter, 7u);
    EXPECT_EQ(world.reports.kept[0].message, "3 ADLs were left when the adapter stopped");
    EXPECT_EQ(world.reports.kept[1].code, 0x1E4u);
    EXPECT_EQ(world.reports.kept[1].parameter, 6u);
    EXPECT_EQ(world.reports.kept[1].message, "2 adapter memory objects were left when the adapter stopped");
    EXPECT_EQ(world.reports.kept[2].check, Check::ViewsLeft);
    EXPECT_EQ(world.reports.kept[2].code, 0xc4u);
    world.reports.kept.clear();
    EXPECT_TRUE(world.nothing_taken());
    EXPECT_EQ(world.dxgkrnl->page_count(object), 0u);
    world.dxgkrnl->stop_adapter(adapter);
    EXPECT_TRUE(world.reported(Check::UseAfterClose));
}

TEST_F(Leak, StopLeavesObjectsThatAreNotOpen) {
    world.close(opened);
    world.dxgkrnl->stop_adapter(adapter);
    EXPECT_TRUE(world.reports.kept.empty());
    EXPECT_EQ(world.dxgkrnl->page_count(object), 2u);
    EXPECT_EQ(world.open(object, adapter, &opened), STATUS_INVALID_HANDLE);
    EXPECT_TRUE(world.reported(Check::UseAfterClose));
    world.destroy(object, nullptr);
}

TEST_F(Leak, TheEndOfTheMachineTakesEverythingBack) {
    auto other = section_of(4096);
    ASSERT_EQ(world.dxgkrnl->create(&other), STATUS_SUCCESS);
    ASSERT_EQ(world.map(other.hPhysicalMemoryObject, 0, 1, &mapped), STATUS_SUCCESS);
    ASSERT_EQ(world.allocate_adl(opened, 0, 8192, 0, &adl), STATUS_SUCCESS);
    world.dxgkrnl.reset();
    ASSERT_EQ(world.reports.kept.size(), 3u);
    EXPECT_EQ(world.reports.kept[0].parameter, 7u);
    EXPECT_EQ(world.reports.kept[1].parameter, 6u);
    EXPECT_EQ(world.reports.kept[2].parameter, static_cast<std::uint64_t>(Check::ObjectsLeaked));
    world.reports.kept.clear();
    EXPECT_TRUE(world.nothing_taken());
}

TEST_F(Leak, ReportsNameTheDriversContext) {
    ASSERT_EQ(world.map(object, 0, 8192, &mapped), STATUS_SUCCESS);
    world.destroy(object, opened);
    ASSERT_EQ(world.reports.kept.size(), 1u);
    EXPECT_EQ(world.reports.kept[0].context, 0xc0ffeeu);
    EXPECT_EQ(world.reports.kept[0].object, reinterpret_cast<std::uintptr_t>(object));
    world.reports.kept.clear();
}

}  // namespace
}  // namespace remap::callbacks::tests
