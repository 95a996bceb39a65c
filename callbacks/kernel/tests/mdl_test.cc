// SPDX-License-Identifier: MIT
#include "callbacks/kernel/tests/fixture.h"

#include <cstring>

namespace remap::kernel {

namespace {

class MdlTest : public KernelTest {
protected:
    // Pool, and an MDL over a part of it that begins in the middle of a page.
    static constexpr ULONG offset = 0x345;
    static constexpr ULONG length = 2 * PAGE_SIZE;

    MdlTest()
        : pool(static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, 4 * PAGE_SIZE, test_tag))),
          mdl(IoAllocateMdl(pool + offset, length, FALSE, FALSE, nullptr)) {}
    ~MdlTest() override {
        if (mdl != nullptr) IoFreeMdl(mdl);
        ExFreePool(pool);
    }

    void lock() { MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess); }
    PVOID map(KPROCESSOR_MODE mode = KernelMode) {
        return MmMapLockedPagesSpecifyCache(mdl, mode, MmCached, nullptr, FALSE, NormalPagePriority);
    }
    unsigned flags() const { return static_cast<USHORT>(mdl->MdlFlags); }

    UCHAR* pool;
    PMDL mdl;
};

class PagesForMdlTest : public KernelTest {
protected:
    // Another list of the same pages, made by the driver itself.
    static PMDL copy_of(PMDL list) {
        PMDL const copy = IoAllocateMdl(nullptr, MmGetMdlByteCount(list), FALSE, FALSE, nullptr);
        std::memcpy(MmGetMdlPfnArray(copy), MmGetMdlPfnArray(list),
                    (MmGetMdlByteCount(list) >> PAGE_SHIFT) * sizeof(PFN_NUMBER));
        copy->MdlFlags = static_cast<CSHORT>(copy->MdlFlags | MDL_PAGES_LOCKED);
        return copy;
    }
};

}  // namespace

TEST_F(MdlTest, it_describes_its_range) {
    EXPECT_EQ(MmGetMdlVirtualAddress(mdl), pool + offset);
    EXPECT_EQ(MmGetMdlByteCount(mdl), length);
    EXPECT_EQ(MmGetMdlByteOffset(mdl), offset);
    EXPECT_EQ(mdl->Size, static_cast<CSHORT>(sizeof(MDL) + 3 * sizeof(PFN_NUMBER)));
    EXPECT_EQ(flags(), 0u);
}

TEST_F(MdlTest, what_cannot_be_described_gets_none) {
    EXPECT_EQ(IoAllocateMdl(pool, 0, FALSE, FALSE, nullptr), nullptr);
    EXPECT_EQ(IoAllocateMdl(pool, 0xFFFFFFFF, FALSE, FALSE, nullptr), nullptr);
    EXPECT_EQ(IoAllocateMdl(pool, PAGE_SIZE, TRUE, FALSE, nullptr), nullptr);
}

TEST_F(MdlTest, nonpaged_pool_has_its_pages_at_once) {
    MmBuildMdlForNonPagedPool(mdl);
    EXPECT_EQ(flags(), unsigned{MDL_SOURCE_IS_NONPAGED_POOL});
    for (unsigned page = 0; page < 3; ++page)
        EXPECT_EQ(MmGetMdlPfnArray(mdl)[page],
                  static_cast<std::uint64_t>(MmGetPhysicalAddress(pool + page * PAGE_SIZE).QuadPart) >> PAGE_SHIFT);
    EXPECT_EQ(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), pool + offset);
    EXPECT_STOP(MmUnlockPages(mdl), 0xC4, 0x7D);
    EXPECT_STOP(MmProbeAndLockPages(mdl, KernelMode, IoReadAccess), 0xC4, 0xB0);
}

TEST_F(MdlTest, locked_pages_are_mapped_a_second_time) {
    lock();
    EXPECT_EQ(flags(), unsigned{MDL_PAGES_LOCKED | MDL_WRITE_OPERATION});
    auto* const view = static_cast<UCHAR*>(map());
    ASSERT_NE(view, nullptr);
    EXPECT_NE(view, pool + offset);
    EXPECT_EQ(BYTE_OFFSET(view), offset);
    EXPECT_EQ(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), view);
    view[length - 1] = 0x77;
    EXPECT_EQ(pool[offset + length - 1], 0x77);
    EXPECT_EQ(MmGetPhysicalAddress(view).QuadPart, MmGetPhysicalAddress(pool + offset).QuadPart);
    MmUnmapLockedPages(view, mdl);
    EXPECT_EQ(flags() & MDL_MAPPED_TO_SYSTEM_VA, 0u);
    MmUnlockPages(mdl);
    EXPECT_EQ(flags(), 0u);
}

TEST_F(MdlTest, an_unlock_ends_the_mapping) {
    lock();
    ASSERT_NE(map(), nullptr);
    const std::size_t views = views_.count();
    MmUnlockPages(mdl);
    EXPECT_EQ(views_.count(), views - 1);
    EXPECT_EQ(flags(), 0u);
}

TEST_F(MdlTest, a_mapping_for_a_process_is_not_made) {
    lock();
    EXPECT_EQ(map(UserMode), nullptr);
    MmUnlockPages(mdl);
}

TEST_F(MdlTest, pages_have_to_be_locked_to_be_mapped) {
    EXPECT_STOP(map(), 0xC4, 0xB3);
    lock();
    map();
    EXPECT_STOP(map(), 0xC4, 0xB2);
    EXPECT_STOP(lock(), 0xC4, 0xB0);
    MmUnlockPages(mdl);
    EXPECT_STOP(MmUnlockPages(mdl), 0xC4, 0x7C);
}

TEST_F(MdlTest, an_unmap_is_of_the_mapping) {
    lock();
    EXPECT_STOP(MmUnmapLockedPages(pool, mdl), 0xDA, 0x06);
    PVOID const view = map();
    EXPECT_STOP(MmUnmapLockedPages(pool, mdl), 0xDA, 0x03);
    EXPECT_STOP_AT(HIGH_LEVEL, MmUnmapLockedPages(view, mdl), 0xC4, 0x79);
    MmUnlockPages(mdl);
}

TEST_F(MdlTest, it_is_not_freed_while_its_pages_are_locked_or_mapped) {
    lock();
    const auto stopped = port.run([&] { IoFreeMdl(mdl); });
    ASSERT_TRUE(stopped.has_value());
    EXPECT_EQ(stopped->code, 0xCBu) << stopped->message;
    map();
    EXPECT_STOP(IoFreeMdl(mdl), 0xC4, 0xB8);
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    EXPECT_STOP(IoFreeMdl(mdl), 0xC2, 0x07);
    EXPECT_STOP(IoFreeMdl(reinterpret_cast<PMDL>(pool)), 0xC2, 0x46);
    mdl = nullptr;
}

TEST_F(MdlTest, each_routine_has_its_irql) {
    EXPECT_STOP_AT(HIGH_LEVEL, lock(), 0xC4, 0x70);
    lock();
    EXPECT_STOP_AT(HIGH_LEVEL, map(), 0xC4, 0x76);
    EXPECT_STOP_AT(DISPATCH_LEVEL, map(UserMode), 0xC4, 0x77);
    EXPECT_STOP_AT(HIGH_LEVEL, MmUnlockPages(mdl), 0xC4, 0x78);
    EXPECT_STOP_AT(HIGH_LEVEL, IoFreeMdl(mdl), 0xC4, 0xE5);
    EXPECT_STOP_AT(HIGH_LEVEL, MmBuildMdlForNonPagedPool(mdl), 0xC4, 0xE5);
    MmUnlockPages(mdl);
}

TEST_F(MdlTest, paged_pool_is_locked_at_apc_level_and_below) {
    void* const paged = ExAllocatePool2(POOL_FLAG_PAGED, 100, test_tag);
    PMDL const other = IoAllocateMdl(paged, 100, FALSE, FALSE, nullptr);
    EXPECT_STOP(MmBuildMdlForNonPagedPool(other), 0xC4, 0x7F);
    EXPECT_STOP_AT(DISPATCH_LEVEL, MmProbeAndLockPages(other, KernelMode, IoReadAccess), 0xC4, 0x70);
    MmProbeAndLockPages(other, KernelMode, IoReadAccess);
    EXPECT_EQ(static_cast<USHORT>(other->MdlFlags), unsigned{MDL_PAGES_LOCKED});
    MmUnlockPages(other);
    IoFreeMdl(other);
    ExFreePool(paged);
}

TEST_F(MdlTest, memory_that_the_kernel_does_not_know_has_no_pages) {
    static char foreign[64];
    PMDL const other = IoAllocateMdl(foreign, sizeof foreign, FALSE, FALSE, nullptr);
    EXPECT_STOP(MmBuildMdlForNonPagedPool(other), 0xC4, 0x140);
    EXPECT_STOP(MmProbeAndLockPages(other, KernelMode, IoReadAccess), 0x1E, ULONG(STATUS_ACCESS_VIOLATION));
    IoFreeMdl(other);
    PMDL const past_end = IoAllocateMdl(pool + 3 * PAGE_SIZE, 3 * PAGE_SIZE, FALSE, FALSE, nullptr);
    EXPECT_STOP(MmBuildMdlForNonPagedPool(past_end), 0xC4, 0x140);
    IoFreeMdl(past_end);
}

TEST_F(PagesForMdlTest, pages_are_zeroed_locked_and_come_from_the_window) {
    PMDL const mdl = MmAllocatePagesForMdlEx(address(0x1000000), address(0x1ffffff), address(0), 100 * PAGE_SIZE,
                                             MmCached, MM_ALLOCATE_FULLY_REQUIRED);
    ASSERT_NE(mdl, nullptr);
    EXPECT_EQ(MmGetMdlByteCount(mdl), 100u * PAGE_SIZE);
    EXPECT_EQ(static_cast<USHORT>(mdl->MdlFlags), unsigned{MDL_PAGES_LOCKED});
    for (unsigned page = 0; page < 100; ++page) {
        EXPECT_GE(MmGetMdlPfnArray(mdl)[page], 0x1000u);
        EXPECT_LE(MmGetMdlPfnArray(mdl)[page], 0x1fffu);
    }
    auto* const view = static_cast<UCHAR*>(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
    for (unsigned page = 0; page < 100; ++page) EXPECT_EQ(view[page * PAGE_SIZE], 0);
    EXPECT_STOP(MmFreePagesFromMdl(mdl), 0xC4, 0xB8);
    MmUnmapLockedPages(view, mdl);
    MmFreePagesFromMdl(mdl);
    EXPECT_STOP(MmFreePagesFromMdl(mdl), 0xC4, 0x7C);
    EXPECT_STOP(IoFreeMdl(mdl), 0xC2, 0x46);
    ExFreePool(mdl);
}

TEST_F(PagesForMdlTest, what_one_window_lacks_comes_from_the_next) {
    PMDL const mdl =
        MmAllocatePagesForMdlEx(address(0x1000000), address(0x100ffff), address(0x100000), 24 * PAGE_SIZE, MmCached, 0);
    ASSERT_NE(mdl, nullptr);
    EXPECT_EQ(MmGetMdlByteCount(mdl), 24u * PAGE_SIZE);
    for (unsigned page = 0; page < 24; ++page) {
        const PFN_NUMBER number = MmGetMdlPfnArray(mdl)[page];
        EXPECT_TRUE((number >= 0x1000 && number < 0x1010) || (number >= 0x1100 && number < 0x1110)) << number;
    }
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
}

TEST_F(PagesForMdlTest, there_may_be_fewer_unless_all_are_required) {
    const PHYSICAL_ADDRESS low = address(0x1000000), high = address(0x100ffff);
    EXPECT_EQ(MmAllocatePagesForMdlEx(low, high, address(0), 24 * PAGE_SIZE, MmCached, MM_ALLOCATE_FULLY_REQUIRED),
              nullptr);
    PMDL const mdl = MmAllocatePagesForMdl(low, high, address(0), 24 * PAGE_SIZE);
    ASSERT_NE(mdl, nullptr);
    EXPECT_EQ(MmGetMdlByteCount(mdl), 16u * PAGE_SIZE);
    EXPECT_EQ(MmAllocatePagesForMdl(low, high, address(0), PAGE_SIZE), nullptr);
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
    EXPECT_EQ(MmAllocatePagesForMdl(low, high, address(0), 0), nullptr);
    EXPECT_EQ(MmAllocatePagesForMdlEx(low, high, address(0), PAGE_SIZE, MmCached, 0x80000000), nullptr);
    EXPECT_STOP_AT(HIGH_LEVEL, MmAllocatePagesForMdl(low, high, address(0), PAGE_SIZE), 0xC4, 0x7E);
}

TEST_F(PagesForMdlTest, a_driver_may_ask_to_stop_when_nothing_can_be_mapped) {
    PMDL const mdl = MmAllocatePagesForMdl(address(0), address(~0ull), address(0), PAGE_SIZE);
    ASSERT_NE(mdl, nullptr);
    EXPECT_EQ(MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmMaximumCacheType, nullptr, FALSE, 0), nullptr);
    EXPECT_STOP(MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmMaximumCacheType, nullptr, TRUE, 0), 0x1E,
                ULONG(STATUS_INSUFFICIENT_RESOURCES));
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
}

TEST_F(PagesForMdlTest, views_with_two_cache_types_are_reported_when_the_second_is_made) {
    PMDL const list = MmAllocatePagesForMdl(address(0), address(-1), address(0), 4 * PAGE_SIZE);
    ASSERT_NE(list, nullptr);
    PMDL const copy = copy_of(list);
    const auto map = [](PMDL mdl, MEMORY_CACHING_TYPE type) {
        return MmMapLockedPagesSpecifyCache(mdl, KernelMode, type, nullptr, FALSE, NormalPagePriority);
    };
    PVOID const first = map(list, MmCached);
    MmUnmapLockedPages(map(copy, MmCached), copy);
    EXPECT_TRUE(port.warnings().empty());
    PVOID const second = map(copy, MmWriteCombined);
    ASSERT_EQ(port.warnings().size(), 1u);
    EXPECT_EQ(port.warnings()[0].check, callbacks::Check::ConflictingViews);
    EXPECT_NE(port.warnings()[0].message.find("MmMapLockedPagesSpecifyCache: page 0x"), std::string::npos);
    MmUnmapLockedPages(first, list);
    MmUnmapLockedPages(second, copy);
    copy->MdlFlags = static_cast<CSHORT>(copy->MdlFlags & ~MDL_PAGES_LOCKED);
    IoFreeMdl(copy);
    MmFreePagesFromMdl(list);
    ExFreePool(list);
}

}  // namespace remap::kernel
