// SPDX-License-Identifier: MIT
// The kernel services on a real processor: IRQL as task priority, page tables and cache types behind pool and MDLs,
// interrupts, device memory.
#include "callbacks/ddk/ntddk.h"
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;

namespace {

constexpr ULONG test_tag = 'T' | 'e' << 8 | 's' << 16 | 't' << 24;

PHYSICAL_ADDRESS address(std::uint64_t value) {
    PHYSICAL_ADDRESS result = {};
    result.QuadPart = static_cast<LONGLONG>(value);
    return result;
}

Leaf leaf_of(const volatile void* pointer) {
    const auto leaf = find_leaf({reinterpret_cast<std::uint64_t>(pointer)});
    REQUIRE(leaf.has_value());
    return *leaf;
}

std::uint64_t physical(const volatile void* pointer) { return leaf_of(pointer).address.value; }

std::uint64_t physical_by_service(void* pointer) {
    return static_cast<std::uint64_t>(MmGetPhysicalAddress(pointer).QuadPart);
}

MemoryType type_of(const volatile void* pointer) { return pat_type(pat_index_of(leaf_of(pointer))); }

template <typename Body>
void expect_stop(std::uint32_t code, std::uint64_t parameter, Body body) {
    const auto stopped = catch_bugcheck(body);
    REQUIRE(stopped.has_value());
    EXPECT_EQ(stopped->code, code);
    EXPECT_EQ(stopped->parameter, parameter);
}

LARGE_INTEGER milliseconds(LONGLONG count) {
    LARGE_INTEGER time = {};
    time.QuadPart = -10000 * count;
    return time;
}

// An interrupt that this processor sends to itself, through the APIC's timer.
class Ticks {
public:
    explicit Ticks(InterruptHandler handler, void* context) {
        const auto vector = register_interrupt(handler, context);
        REQUIRE(vector.has_value());
        vector_ = *vector;
        start_timer(vector_, 100'000);
    }
    ~Ticks() {
        start_timer(vector_, 0);
        unregister_interrupt(vector_);
    }
    Ticks(const Ticks&) = delete;
    Ticks& operator=(const Ticks&) = delete;

    std::uint8_t vector() const { return vector_; }

private:
    std::uint8_t vector_ = 0;
};

}  // namespace

TEST(pool_is_mapped_memory_and_comes_back) {
    const std::uint64_t before = frames().free_pages();
    {
        KernelServices services;
        for (const SIZE_T bytes : {SIZE_T{1}, SIZE_T{100}, SIZE_T{4096}, SIZE_T{50000}}) {
            auto* const memory = static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, test_tag));
            REQUIRE(memory != nullptr);
            EXPECT(type_of(memory) == MemoryType::WriteBack);
            for (SIZE_T at = 0; at < bytes; at += 512) {
                EXPECT_EQ(memory[at], 0);
                EXPECT_EQ(physical_by_service(memory + at), physical(memory + at));
            }
            RtlFillMemory(memory, bytes, 0x5a);
            ExFreePoolWithTag(memory, test_tag);
        }
        EXPECT_EQ(kernel::unload("test"), 0u);
    }
    EXPECT_EQ(frames().free_pages(), before);
}

TEST(memory_behind_any_address_is_found) {
    KernelServices services;
    static int in_the_image;
    EXPECT_EQ(physical_by_service(&in_the_image), reinterpret_cast<std::uint64_t>(&in_the_image));
    EXPECT_EQ(MmGetPhysicalAddress(reinterpret_cast<PVOID>(0x1234567890)).QuadPart, 0);
    EXPECT(MmIsAddressValid(&in_the_image));
    EXPECT(!MmIsAddressValid(reinterpret_cast<PVOID>(0x1234567890)));
}

TEST(misuse_stops_the_machine) {
    KernelServices services;
    void* const memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, test_tag);
    REQUIRE(memory != nullptr);
    expect_stop(0xC2, 0x0A, [&] { ExFreePoolWithTag(memory, test_tag + 1); });
    static_cast<UCHAR*>(memory)[64] = 1;
    expect_stop(0x19, 0x21, [&] { ExFreePoolWithTag(memory, test_tag); });
    expect_stop(0xC2, 0x46, [&] { ExFreePool(&services); });
}

TEST(a_driver_that_leaks_is_told_what) {
    const std::uint64_t before = frames().free_pages();
    {
        KernelServices services;
        REQUIRE(ExAllocatePool2(POOL_FLAG_PAGED, 64, test_tag) != nullptr);
        REQUIRE(MmAllocateContiguousMemory(PAGE_SIZE, address(~0ull)) != nullptr);
        expect_stop(0xC4, 0x62, [] { kernel::unload("bad.sys"); });
        EXPECT_EQ(kernel::unload("bad.sys"), 0u);
    }
    EXPECT_EQ(frames().free_pages(), before);
}

TEST(an_mdls_pages_are_those_of_its_mapping_with_its_cache_type) {
    KernelServices services;
    const struct {
        MEMORY_CACHING_TYPE asked;
        MemoryType expected;
    } types[] = {{MmCached, MemoryType::WriteBack},
                 {MmNonCached, MemoryType::Uncacheable},
                 {MmWriteCombined, MemoryType::WriteCombining}};
    for (const auto& type : types) {
        PMDL const mdl = MmAllocatePagesForMdlEx(address(0), address(~0ull), address(0), 20 * PAGE_SIZE, type.asked, 0);
        REQUIRE(mdl != nullptr);
        auto* const view = static_cast<UCHAR*>(
            MmMapLockedPagesSpecifyCache(mdl, KernelMode, type.asked, nullptr, FALSE, NormalPagePriority));
        REQUIRE(view != nullptr);
        for (unsigned page = 0; page < 20; ++page) {
            EXPECT_EQ(physical(view + page * PAGE_SIZE), MmGetMdlPfnArray(mdl)[page] << PAGE_SHIFT);
            EXPECT(type_of(view + page * PAGE_SIZE) == type.expected);
        }
        MmUnmapLockedPages(view, mdl);
        EXPECT(catch_trap([&] { (void)*const_cast<volatile UCHAR*>(view); }).has_value());
        MmFreePagesFromMdl(mdl);
        ExFreePool(mdl);
    }
}

TEST(an_mdl_of_pool_shows_the_same_bytes) {
    KernelServices services;
    auto* const memory = static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, 3 * PAGE_SIZE, test_tag));
    REQUIRE(memory != nullptr);
    PMDL const mdl = IoAllocateMdl(memory + 100, 2 * PAGE_SIZE, FALSE, FALSE, nullptr);
    REQUIRE(mdl != nullptr);
    MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
    auto* const view = static_cast<UCHAR*>(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
    REQUIRE(view != nullptr);
    EXPECT_EQ(BYTE_OFFSET(view), 100u);
    memory[100 + PAGE_SIZE] = 0x77;
    EXPECT_EQ(view[PAGE_SIZE], 0x77);
    MmUnlockPages(mdl);
    expect_stop(0xC4, 0x7C, [&] { MmUnlockPages(mdl); });
    IoFreeMdl(mdl);
    ExFreePoolWithTag(memory, test_tag);
}

TEST(contiguous_memory_is_contiguous_within_its_limits) {
    KernelServices services;
    constexpr std::uint64_t limit = 0x0fff'ffff;
    auto* const memory = static_cast<UCHAR*>(MmAllocateContiguousMemorySpecifyCache(
        8 * PAGE_SIZE, address(0), address(limit), address(0x10000), MmWriteCombined));
    REQUIRE(memory != nullptr);
    const std::uint64_t first = physical(memory);
    for (unsigned page = 0; page < 8; ++page) {
        EXPECT_EQ(physical(memory + page * PAGE_SIZE), first + page * PAGE_SIZE);
        EXPECT(type_of(memory + page * PAGE_SIZE) == MemoryType::WriteCombining);
    }
    EXPECT(first + 8 * PAGE_SIZE - 1 <= limit);
    EXPECT_EQ(first / 0x10000, (first + 8 * PAGE_SIZE - 1) / 0x10000);
    MmFreeContiguousMemory(memory);
}

TEST(registers_of_a_device_are_mapped_and_memory_is_not) {
    KernelServices services;
    const pci::Function* const edu = pci::find(0x1234, 0x11e8);
    REQUIRE(edu != nullptr);
    REQUIRE(edu->map_bar(0) != nullptr);  // turns decoding on
    const pci::Bar bar = edu->bar(0);
    auto* const registers =
        static_cast<PULONG>(MmMapIoSpaceEx(address(bar.address.value), bar.bytes, PAGE_READWRITE | PAGE_NOCACHE));
    REQUIRE(registers != nullptr);
    EXPECT(type_of(registers) == MemoryType::Uncacheable);
    EXPECT_EQ(READ_REGISTER_ULONG(registers) & 0xff, 0xedu);  // the identification
    WRITE_REGISTER_ULONG(registers + 1, 0x12345678);
    EXPECT_EQ(READ_REGISTER_ULONG(registers + 1), 0xedcba987u);  // it answers with the inverse
    EXPECT_EQ(physical_by_service(registers + 1), bar.address.value + 4);
    MmUnmapIoSpace(registers, bar.bytes);

    void* const memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, test_tag);
    REQUIRE(memory != nullptr);
    expect_stop(0xC4, 0x83, [&] { MmMapIoSpace(MmGetPhysicalAddress(memory), PAGE_SIZE, MmNonCached); });
    ExFreePoolWithTag(memory, test_tag);
}

// An object of the graphics kernel's and a view of the kernel services', of the same registers.
TEST(views_with_two_cache_types_are_reported_when_the_second_is_made) {
    KernelServices services;
    const pci::Function* const edu = pci::find(0x1234, 0x11e8);
    REQUIRE(edu != nullptr);
    const PhysicalAddress bar = edu->bar(0).address;
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT object{};
    object.Size = PAGE_SIZE;
    object.Type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
    object.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    object.IOSpace.BaseAddress = address(bar.value);
    REQUIRE_EQ(dxgkrnl().create(&object), STATUS_SUCCESS);
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{object.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, PAGE_SIZE,
                                      nullptr};
    REQUIRE_EQ(dxgkrnl().map(&map), STATUS_SUCCESS);
    EXPECT(type_of(map.pMappedAddress) == MemoryType::WriteCombining);
    reports().clear();
    PVOID const uncached = MmMapIoSpace(address(bar.value + 8), 4, MmNonCached);
    REQUIRE(uncached != nullptr);
    EXPECT(reports().last_warning() == callbacks::Check::ConflictingViews);
    EXPECT(type_of(uncached) == MemoryType::Uncacheable);
    unsigned shown = 0;
    views().audit.for_each_view_of(bar.page(), [&](const callbacks::ShownPage&) { ++shown; });
    EXPECT_EQ(shown, 2);
    MmUnmapIoSpace(uncached, 4);
    reports().clear();
    PVOID const combined = MmMapIoSpace(address(bar.value + 8), 4, MmWriteCombined);
    EXPECT(!reports().last_warning());
    MmUnmapIoSpace(combined, 4);
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{object.hPhysicalMemoryObject, map.pMappedAddress, map.Size};
    dxgkrnl().unmap(&unmap);
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{object.hPhysicalMemoryObject, nullptr};
    dxgkrnl().destroy(&destroy);
}

TEST(a_read_only_view_of_a_device_is_not_written) {
    KernelServices services;
    const pci::Function* const edu = pci::find(0x1234, 0x11e8);
    REQUIRE(edu != nullptr);
    auto* const registers =
        static_cast<PULONG>(MmMapIoSpaceEx(address(edu->bar(0).address.value), 8, PAGE_READONLY | PAGE_NOCACHE));
    REQUIRE(registers != nullptr);
    EXPECT(catch_trap([&] { WRITE_REGISTER_ULONG(registers + 1, 1); }).has_value());
    MmUnmapIoSpace(registers, 8);
}

TEST(the_irql_is_the_processors_task_priority) {
    KernelServices services;
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    const KIRQL before = KfRaiseIrql(DISPATCH_LEVEL);
    EXPECT_EQ(before, PASSIVE_LEVEL);
    EXPECT_EQ(cpu::read_cr8(), DISPATCH_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    expect_stop(0xC4, 0x30, [] { KfRaiseIrql(PASSIVE_LEVEL); });
    expect_stop(0xC4, 0x31, [] { KeLowerIrql(HIGH_LEVEL); });
    EXPECT_EQ(cpu::read_cr8(), DISPATCH_LEVEL);
    KeLowerIrql(before);
    EXPECT_EQ(cpu::read_cr8(), PASSIVE_LEVEL);
}

TEST(a_high_irql_keeps_interrupts_out_until_it_is_lowered) {
    KernelServices services;
    volatile unsigned ticks = 0;
    Ticks timer(
        [](void* count) { *static_cast<volatile unsigned*>(count) = *static_cast<volatile unsigned*>(count) + 1; },
        const_cast<unsigned*>(&ticks));
    EXPECT(wait_until(1000, [&] { return ticks >= 2; }));
    const KIRQL before = KfRaiseIrql(HIGH_LEVEL);
    const unsigned count = ticks;
    KeStallExecutionProcessor(20'000);
    EXPECT_EQ(ticks, count);
    KeLowerIrql(DISPATCH_LEVEL);  // devices are above
    EXPECT(wait_until(1000, [&] { return ticks >= count + 2; }));
    KeLowerIrql(before);
}

TEST(a_handler_runs_at_its_vectors_irql) {
    KernelServices services;
    volatile KIRQL seen = 0;
    Ticks timer([](void* irql) { *static_cast<volatile KIRQL*>(irql) = KeGetCurrentIrql(); },
                const_cast<KIRQL*>(&seen));
    EXPECT(wait_until(1000, [&] { return seen != 0; }));
    EXPECT_EQ(seen, timer.vector() >> 4);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

TEST(a_wait_ends_when_an_interrupt_sets_the_event) {
    KernelServices services;
    KEVENT event;
    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    LARGE_INTEGER timeout = milliseconds(5);
    EXPECT_EQ(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout), STATUS_TIMEOUT);
    // What a driver's deferred procedure does, at its IRQL.
    Ticks timer(
        [](void* context) {
            const KIRQL device = KeGetCurrentIrql();
            KeLowerIrql(DISPATCH_LEVEL);
            KeSetEvent(static_cast<PKEVENT>(context), IO_NO_INCREMENT, FALSE);
            KfRaiseIrql(device);
        },
        &event);
    timeout = milliseconds(10'000);
    EXPECT_EQ(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout), STATUS_SUCCESS);
    EXPECT_EQ(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, nullptr), STATUS_SUCCESS);
}

TEST(time_passes_as_the_clock_says) {
    KernelServices services;
    LARGE_INTEGER frequency = {};
    const LONGLONG before = KeQueryPerformanceCounter(&frequency).QuadPart;
    LARGE_INTEGER delay = milliseconds(20);
    EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &delay), STATUS_SUCCESS);
    const LONGLONG passed = KeQueryPerformanceCounter(nullptr).QuadPart - before;
    EXPECT(passed * 1000 / frequency.QuadPart >= 20);
    EXPECT(passed * 1000 / frequency.QuadPart < 2000);
}

TEST(a_spin_lock_raises_and_is_not_recursive) {
    KernelServices services;
    KSPIN_LOCK lock;
    KeInitializeSpinLock(&lock);
    KIRQL before = HIGH_LEVEL;
    KeAcquireSpinLock(&lock, &before);
    EXPECT_EQ(before, PASSIVE_LEVEL);
    EXPECT_EQ(cpu::read_cr8(), DISPATCH_LEVEL);
    EXPECT(catch_bugcheck([&] { KeAcquireSpinLockAtDpcLevel(&lock); }).has_value());
    KeReleaseSpinLock(&lock, before);
    EXPECT_EQ(cpu::read_cr8(), PASSIVE_LEVEL);
    EXPECT(catch_bugcheck([&] { KeReleaseSpinLock(&lock, PASSIVE_LEVEL); }).has_value());
}

TEST(a_fast_mutex_raises_to_apc_level_and_is_not_recursive) {
    KernelServices services;
    FAST_MUTEX mutex;
    ExInitializeFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    EXPECT_EQ(cpu::read_cr8(), APC_LEVEL);
    EXPECT(catch_bugcheck([&] { ExAcquireFastMutex(&mutex); }).has_value());
    ExReleaseFastMutex(&mutex);
    EXPECT_EQ(cpu::read_cr8(), PASSIVE_LEVEL);
    EXPECT(ExTryToAcquireFastMutex(&mutex));
    ExReleaseFastMutex(&mutex);
}

TEST(a_drivers_text_is_shown) {
    KernelServices services;
    const std::uint64_t before = kernel_port().written();
    DbgPrint("%s: %u of %08x at %p\n", "driver", 5, 0xbeef, nullptr);
    EXPECT_EQ(kernel_port().written() - before, std::uint64_t{8 + 5 + 8 + 4 + 16 + 1});
}

TEST(imports_are_called_with_the_microsoft_convention) {
    KernelServices services;
    using Compare = SIZE_T(NTAPI*)(const VOID*, const VOID*, SIZE_T);
    const auto compare = reinterpret_cast<Compare>(
        reinterpret_cast<std::uint64_t>(kernel::find_export("ntoskrnl.exe", "RtlCompareMemory")));
    REQUIRE(compare != nullptr);
    EXPECT_EQ(compare("abcdef", "abcxef", 6), 3u);
    for (const auto& entry : kernel::exports("ntoskrnl.exe")) EXPECT(entry.address != nullptr);
}
