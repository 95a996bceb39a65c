// SPDX-License-Identifier: MIT
// What a driver saves of its frame buffer: pinned for the GPU, mapped for the CPU, in each mode.
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

namespace remap::callbacks::tests {
namespace {

constexpr std::uint64_t save_bytes[] = {64 * KiB, 16 * KiB};
constexpr PhysicalAddress no_limits[] = {{~0ull}, {~0ull}};

class FrameBuffer : public testing::Test {
protected:
    HANDLE start(DmaMode mode) {
        AdapterDescription description = world.describe(mode);
        description.highest_visible = no_limits;
        description.frame_buffer_save = save_bytes;
        return world.start(description);
    }

    NTSTATUS pin(HANDLE adapter, unsigned index, std::uint64_t bytes) {
        pinned = {index, bytes, nullptr};
        return world.dxgkrnl->pin_frame_buffer(adapter, &pinned);
    }
    NTSTATUS pin2(HANDLE adapter, unsigned index, std::uint64_t bytes, UINT flags = 1) {
        pinned2 = {index, bytes, {.Value = flags}, nullptr};
        return world.dxgkrnl->pin_frame_buffer(adapter, &pinned2);
    }
    NTSTATUS unpin(HANDLE adapter, unsigned index) {
        return world.dxgkrnl->end_frame_buffer(Callback::UnpinFrameBufferForSave, adapter, index, nullptr);
    }
    NTSTATUS map(HANDLE adapter, unsigned index, std::uint64_t offset, std::uint64_t bytes) {
        mapped = {index, bytes, offset, nullptr};
        return world.dxgkrnl->map_frame_buffer(adapter, &mapped);
    }
    NTSTATUS unmap(HANDLE adapter, unsigned index, void* base) {
        return world.dxgkrnl->end_frame_buffer(Callback::UnmapFrameBufferPointer, adapter, index, base);
    }

    World world;
    DXGKARGCB_PINFRAMEBUFFERFORSAVE pinned{};
    DXGKARGCB_PINFRAMEBUFFERFORSAVE2 pinned2{};
    DXGKARGCB_MAPFRAMEBUFFERPOINTER mapped{};
};

TEST_F(FrameBuffer, IsChargedWhenTheAdapterStartsAndGivenBackWhenItStops) {
    const HANDLE adapter = start(DmaMode::Isolation);
    EXPECT_EQ(world.frames.owned.size(), (64 + 16) / 4u);
    world.dxgkrnl->stop_adapter(adapter);
    EXPECT_TRUE(world.frames.owned.empty());
}

TEST_F(FrameBuffer, PinGivesAnMdlOfPagesThatTheAdapterReachesOneToOne) {
    const HANDLE adapter = start(DmaMode::Isolation);
    ASSERT_EQ(pin(adapter, 1, 8 * KiB), STATUS_SUCCESS);
    EXPECT_EQ(pinned.pMdl->ByteCount, 8 * KiB);
    EXPECT_EQ(pinned.pMdl->MdlFlags & MDL_PAGES_LOCKED, MDL_PAGES_LOCKED);
    const auto* numbers = reinterpret_cast<const PFN_NUMBER*>(pinned.pMdl + 1);
    EXPECT_EQ(world.dma.table.size(), 2u);
    for (unsigned i = 0; i < 2; ++i) EXPECT_EQ(world.dma.table.at(numbers[i]), numbers[i]);
    EXPECT_EQ(pin(adapter, 1, 4 * KiB), STATUS_INVALID_DEVICE_STATE) << "it is pinned";
    EXPECT_EQ(pin(adapter, 0, 64 * KiB), STATUS_SUCCESS) << "each physical adapter has an area of its own";
    EXPECT_EQ(unpin(adapter, 0), STATUS_SUCCESS);
    EXPECT_EQ(unpin(adapter, 1), STATUS_SUCCESS);
    EXPECT_TRUE(world.dma.table.empty());
    EXPECT_EQ(unpin(adapter, 1), STATUS_INVALID_DEVICE_STATE);
    EXPECT_TRUE(world.reported(Check::UnknownView));
}

TEST_F(FrameBuffer, RefusesSizesThatAreNotWholePagesOfTheArea) {
    const HANDLE adapter = start(DmaMode::Isolation);
    for (const std::uint64_t bytes : {0ull, 1ull, 4097ull, 20ull * KiB, ~0ull})
        EXPECT_EQ(pin(adapter, 1, bytes), STATUS_INVALID_PARAMETER) << bytes;
    EXPECT_EQ(pin(adapter, 2, 4 * KiB), STATUS_INVALID_PARAMETER) << "there are two physical adapters";
    EXPECT_EQ(map(adapter, 1, 0, 100), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(map(adapter, 1, 100, 4096), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(map(adapter, 1, 16 * KiB, 4096), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(map(adapter, 1, 12 * KiB, 8 * KiB), STATUS_INVALID_PARAMETER);
}

TEST_F(FrameBuffer, IsNamedByTheLeadAdapter) {
    start(DmaMode::Isolation);
    EXPECT_EQ(pin(world.handles[1], 1, 4096), STATUS_INVALID_PARAMETER);
    EXPECT_TRUE(world.reported(Check::NotLeadAdapter));
    EXPECT_EQ(pin2(world.handles[1], 1, 4096), STATUS_INVALID_PARAMETER);
    EXPECT_TRUE(world.reported(Check::NotLeadAdapter));
}

TEST_F(FrameBuffer, APartIsMappedForTheCpuAndSeesWhatIsPinned) {
    const HANDLE adapter = start(DmaMode::Physical);
    ASSERT_EQ(map(adapter, 0, 8 * KiB, 4 * KiB), STATUS_SUCCESS);
    void* const base = mapped.pBaseAddress;
    EXPECT_EQ(mapped.Offset, 0u);
    ASSERT_EQ(pin(adapter, 0, 64 * KiB), STATUS_SUCCESS);
    EXPECT_EQ(world.views.live.at(base).frames.at(0).number, reinterpret_cast<const PFN_NUMBER*>(pinned.pMdl + 1)[2]);
    EXPECT_EQ(unmap(adapter, 0, nullptr), STATUS_INVALID_ADDRESS);
    EXPECT_TRUE(world.reported(Check::UnknownView)) << "a null pointer names no view, and not the pin";
    EXPECT_EQ(unmap(adapter, 1, base), STATUS_INVALID_ADDRESS);
    EXPECT_TRUE(world.reported(Check::UnknownView));
    EXPECT_EQ(unmap(adapter, 0, base), STATUS_SUCCESS);
    EXPECT_EQ(unpin(adapter, 0), STATUS_SUCCESS);
    EXPECT_TRUE(world.views.live.empty());
}

TEST_F(FrameBuffer, Pin2GivesAListInEveryMode) {
    for (const DmaMode mode : {DmaMode::Physical, DmaMode::Isolation, DmaMode::Remapping}) {
        const HANDLE adapter = start(mode);
        ASSERT_EQ(pin2(adapter, 0, 32 * KiB, mode == DmaMode::Remapping), STATUS_SUCCESS);
        EXPECT_EQ(pinned2.pAdl->PageCount, 8u);
        EXPECT_EQ(pinned2.pAdl->Flags.Contiguous, mode == DmaMode::Remapping);
        for (const std::uint64_t page : pages_in(*pinned2.pAdl)) EXPECT_TRUE(world.dma.reach(page));
        EXPECT_EQ(world.dma.table.size(), mode == DmaMode::Physical ? 0u : 8u);
        EXPECT_EQ(pin2(adapter, 0, 4096), STATUS_INVALID_DEVICE_STATE);
        EXPECT_EQ(unpin(adapter, 0), STATUS_SUCCESS);
        EXPECT_TRUE(world.dma.table.empty());
        EXPECT_EQ(pin2(adapter, 0, 4096, 2), STATUS_INVALID_PARAMETER);
        EXPECT_TRUE(world.reported(Check::ReservedBits));
        world.dxgkrnl->stop_adapter(adapter);
    }
}

TEST_F(FrameBuffer, TheOthersAreRefusedUnderRemapping) {
    const HANDLE adapter = start(DmaMode::Remapping);
    EXPECT_EQ(pin(adapter, 0, 4096), STATUS_NOT_SUPPORTED);
    EXPECT_TRUE(world.reported(Check::DeprecatedCallback));
    EXPECT_EQ(map(adapter, 0, 0, 4096), STATUS_NOT_SUPPORTED);
    EXPECT_TRUE(world.reported(Check::DeprecatedCallback));
    EXPECT_EQ(unpin(adapter, 0), STATUS_NOT_SUPPORTED);
    EXPECT_TRUE(world.reported(Check::DeprecatedCallback));
}

TEST_F(FrameBuffer, APinThatIsLeftIsReportedWhenTheAdapterStops) {
    const HANDLE adapter = start(DmaMode::Remapping);
    ASSERT_EQ(pin2(adapter, 0, 32 * KiB), STATUS_SUCCESS);
    world.dxgkrnl->stop_adapter(adapter);
    EXPECT_TRUE(world.reported(Check::TrackingLeaked));
    EXPECT_TRUE(world.nothing_taken());
}

}  // namespace
}  // namespace remap::callbacks::tests
