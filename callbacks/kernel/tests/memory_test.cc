// SPDX-License-Identifier: MIT
#include "callbacks/kernel/tests/fixture.h"
#include "callbacks/rules/unmanaged_frames.h"

#include <cstring>

namespace remap::kernel {

namespace {

using ContiguousTest = KernelTest;
using IoSpaceTest = KernelTest;
using PhysicalAddressTest = KernelTest;

constexpr std::uint64_t mib = 1 << 20;

}  // namespace

TEST_F(ContiguousTest, memory_lies_where_it_was_asked_for) {
    void* const memory = MmAllocateContiguousMemorySpecifyCache(5 * PAGE_SIZE, address(16 * mib), address(32 * mib - 1),
                                                                address(mib), MmCached);
    ASSERT_NE(memory, nullptr);
    const auto first = static_cast<std::uint64_t>(MmGetPhysicalAddress(memory).QuadPart);
    EXPECT_GE(first, 16 * mib);
    EXPECT_LE(first + 5 * PAGE_SIZE, 32 * mib);
    EXPECT_EQ(first / mib, (first + 5 * PAGE_SIZE - 1) / mib);
    std::memset(memory, 0x11, 5 * PAGE_SIZE);
    unsigned char seen = 0;
    for (std::uint64_t page = 0; page < 5; ++page) {
        EXPECT_TRUE(memory_->read({first + page * PAGE_SIZE + 123}, &seen, 1));
        EXPECT_EQ(seen, 0x11);
    }
    MmFreeContiguousMemorySpecifyCache(memory, 5 * PAGE_SIZE, MmCached);
}

TEST_F(ContiguousTest, the_cache_type_is_that_of_the_mapping) {
    const std::pair<MEMORY_CACHING_TYPE, callbacks::CacheType> types[] = {
        {MmNonCached, callbacks::CacheType::Uncached},
        {MmCached, callbacks::CacheType::WriteBack},
        {MmWriteCombined, callbacks::CacheType::WriteCombined}};
    for (const auto& [type, expected] : types) {
        void* const memory = MmAllocateContiguousMemorySpecifyCache(1, address(0), address(~0ull), address(0), type);
        EXPECT_EQ(views_.attributes(memory)->cache, expected);
        MmFreeContiguousMemory(memory);
    }
}

TEST_F(ContiguousTest, what_cannot_be_gets_no_memory) {
    EXPECT_EQ(MmAllocateContiguousMemory(0, address(~0ull)), nullptr);
    EXPECT_EQ(MmAllocateContiguousMemory(PAGE_SIZE, address(PAGE_SIZE - 1)), nullptr);  // only page 0
    EXPECT_EQ(MmAllocateContiguousMemory(memory_pages * PAGE_SIZE, address(~0ull)), nullptr);
    EXPECT_EQ(MmAllocateContiguousMemorySpecifyCache(1, address(0), address(~0ull), address(3 * PAGE_SIZE), MmCached),
              nullptr);
    EXPECT_EQ(MmAllocateContiguousMemorySpecifyCache(1, address(0), address(~0ull), address(0), MmMaximumCacheType),
              nullptr);
}

TEST_F(ContiguousTest, only_what_was_allocated_can_be_freed) {
    void* const pool = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, test_tag);
    auto* const memory = static_cast<UCHAR*>(MmAllocateContiguousMemory(2 * PAGE_SIZE, address(~0ull)));
    EXPECT_STOP(MmFreeContiguousMemory(pool), 0xC2, 0x60);
    EXPECT_STOP(ExFreePool(memory), 0xC2, 0x46);
    EXPECT_STOP(MmFreeContiguousMemory(memory + PAGE_SIZE), 0xC2, 0x60);
    EXPECT_STOP(MmFreeContiguousMemorySpecifyCache(memory, PAGE_SIZE, MmCached), 0xC2, 0x60);
    EXPECT_STOP(MmFreeContiguousMemorySpecifyCache(memory, 2 * PAGE_SIZE, MmNonCached), 0xC2, 0x60);
    EXPECT_STOP_AT(HIGH_LEVEL, MmFreeContiguousMemory(memory), 0xC4, 0xE5);
    EXPECT_STOP_AT(HIGH_LEVEL, MmAllocateContiguousMemory(1, address(~0ull)), 0xC4, 0xE5);
    MmFreeContiguousMemory(memory);
    EXPECT_STOP(MmFreeContiguousMemory(memory), 0xC2, 0x60);
    ExFreePool(pool);
}

TEST_F(PhysicalAddressTest, it_is_that_of_the_byte) {
    auto* const pool = static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, 3 * PAGE_SIZE, test_tag));
    for (const SIZE_T offset : {SIZE_T{0}, SIZE_T{4095}, SIZE_T{4096}, SIZE_T{12287}}) {
        pool[offset] = static_cast<UCHAR>(offset + 3);
        UCHAR seen = 0;
        EXPECT_TRUE(
            memory_->read({static_cast<std::uint64_t>(MmGetPhysicalAddress(pool + offset).QuadPart)}, &seen, 1));
        EXPECT_EQ(seen, static_cast<UCHAR>(offset + 3));
    }
    EXPECT_TRUE(MmIsAddressValid(pool));
    ExFreePool(pool);
    int local = 0;
    EXPECT_EQ(MmGetPhysicalAddress(&local).QuadPart, 0);
    EXPECT_FALSE(MmIsAddressValid(&local));
}

TEST_F(IoSpaceTest, memory_that_the_system_manages_is_not_mapped) {
    EXPECT_STOP(MmMapIoSpace(address(8 * mib), PAGE_SIZE, MmNonCached), 0xC4, 0x83);
    EXPECT_EQ(port.stops().back().parameters[3], 8 * mib >> PAGE_SHIFT);
    EXPECT_STOP_AT(HIGH_LEVEL, MmMapIoSpace(address(1ull << 40), PAGE_SIZE, MmNonCached), 0xC4, 0x73);
}

TEST_F(IoSpaceTest, what_cannot_be_mapped_is_null) {
    EXPECT_EQ(MmMapIoSpace(address(1ull << 40), 0, MmNonCached), nullptr);
    EXPECT_EQ(MmMapIoSpace(address(~0ull), 2, MmNonCached), nullptr);
    EXPECT_EQ(MmMapIoSpace(address(1ull << 40), 8, MmMaximumCacheType), nullptr);
    EXPECT_EQ(MmMapIoSpaceEx(address(1ull << 40), 8, PAGE_EXECUTE), nullptr);
    EXPECT_EQ(MmMapIoSpaceEx(address(1ull << 40), 8, PAGE_READWRITE | PAGE_NOCACHE | PAGE_WRITECOMBINE), nullptr);
    EXPECT_STOP(MmUnmapIoSpace(&port, PAGE_SIZE), 0xDA, 0x03);
}

namespace {

// The hosted machine maps its memory only; a machine with one more page, that nobody manages, stands for a device.
class DeviceTest : public IoSpaceTest {
protected:
    DeviceTest() {
        EXPECT_TRUE(frames_.allocate({.pages = 1, .highest = frames_.highest_installed()}, device));
        stop();
        EXPECT_TRUE(start(machine));
    }
    ~DeviceTest() override {
        frames_.free(device);
        stop();
        EXPECT_TRUE(start(port));
    }

    callbacks::UnmanagedFrames managed{frames_};
    hosted::KernelPort machine{managed, views_};
    callbacks::FrameList device;
};

}  // namespace

TEST_F(DeviceTest, a_view_is_of_the_bytes_asked_for) {
    const std::uint64_t at = device[0].address().value + 0x120;
    auto* const view = static_cast<UCHAR*>(MmMapIoSpaceEx(address(at), 16, PAGE_READWRITE | PAGE_WRITECOMBINE));
    ASSERT_NE(view, nullptr);
    EXPECT_EQ(BYTE_OFFSET(view), 0x120u);
    EXPECT_EQ(views_.attributes(view)->cache, callbacks::CacheType::WriteCombined);
    EXPECT_EQ(static_cast<std::uint64_t>(MmGetPhysicalAddress(view + 3).QuadPart), at + 3);
    WRITE_REGISTER_ULONG(reinterpret_cast<PULONG>(view), 0x12345678);
    ULONG seen = 0;
    EXPECT_TRUE(memory_->read({at}, &seen, sizeof seen));
    EXPECT_EQ(seen, 0x12345678u);
    EXPECT_EQ(READ_REGISTER_ULONG(reinterpret_cast<PULONG>(view)), 0x12345678u);
    const auto stopped = machine.run([&] { MmUnmapIoSpace(view, PAGE_SIZE * 2); });
    ASSERT_TRUE(stopped.has_value());
    EXPECT_EQ(stopped->parameters[0], 0x10Cu);
    MmUnmapIoSpace(view, 16);
    EXPECT_TRUE(machine.run([&] { MmUnmapIoSpace(view, 16); }).has_value());
}

TEST_F(DeviceTest, views_with_two_cache_types_are_reported_when_the_second_is_made) {
    const std::uint64_t at = device[0].address().value;
    PVOID const uncached = MmMapIoSpace(address(at), 16, MmNonCached);
    PVOID const same = MmMapIoSpaceEx(address(at + 64), 16, PAGE_READWRITE | PAGE_NOCACHE);
    EXPECT_TRUE(machine.warnings().empty());
    PVOID const combined = MmMapIoSpace(address(at + 256), 16, MmWriteCombined);
    ASSERT_NE(combined, nullptr);
    ASSERT_EQ(machine.warnings().size(), 1u);
    const hosted::Finding warning = machine.warnings()[0];
    EXPECT_EQ(warning.check, callbacks::Check::ConflictingViews);
    EXPECT_EQ(warning.severity, callbacks::Severity::Warning);
    EXPECT_EQ(warning.callback, callbacks::Callback::KernelService);
    EXPECT_NE(warning.caller, nullptr);
    EXPECT_NE(warning.message.find("MmMapIoSpace: page 0x"), std::string::npos) << warning.message;
    EXPECT_NE(warning.message.find("write-combined at"), std::string::npos) << warning.message;
    EXPECT_NE(warning.message.find("and uncached at"), std::string::npos) << warning.message;
    EXPECT_TRUE(machine.stops().empty());
    for (PVOID const view : {uncached, same, combined}) MmUnmapIoSpace(view, 16);
    machine.clear();
    MmUnmapIoSpace(MmMapIoSpace(address(at), 16, MmCached), 16);  // the others are gone
    EXPECT_TRUE(machine.warnings().empty());
}

}  // namespace remap::kernel
