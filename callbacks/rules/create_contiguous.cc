// SPDX-License-Identifier: MIT
// Create of contiguous memory.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

RULE_IN_EACH_MODE(contiguous_memory_is_contiguous, "Frames of a CONTIGUOUS_MEMORY object lie side by side.",
                  "MmAllocateContiguousMemorySpecifyCache") {
    Adapter& adapter = bench.start();
    CreateArgs object = contiguous(adapter, 20 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const PhysicalPage first = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 0);
    for (std::uint64_t i = 1; i < 20; ++i) EXPECT_EQ(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i), first + i);
    destroy(adapter, object);
}

RULE(contiguous_memory_keeps_to_its_limits,
     "Contiguous memory lies in [LowestAcceptableAddress, HighestAcceptableAddress].",
     "MmAllocateContiguousMemorySpecifyCache") {
    Adapter& adapter = bench.start();
    CreateArgs object = contiguous(adapter, 16 * page_size);
    object.ContiguousMemory.LowestAcceptableAddress = at(0xc80'0000);
    object.ContiguousMemory.HighestAcceptableAddress = at(0xc80'0000 + 16 * page_size - 1);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT_EQ(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 0).address(), PhysicalAddress{0xc80'0000});
    EXPECT_EQ(try_create(adapter, object), STATUS_NO_MEMORY);  // it is taken
    destroy(adapter, object);
    object = contiguous(adapter, 17 * page_size);
    object.ContiguousMemory.LowestAcceptableAddress = at(0xc90'0000);
    object.ContiguousMemory.HighestAcceptableAddress = at(0xc90'0000 + 16 * page_size - 1);
    EXPECT_EQ(try_create(adapter, object), STATUS_NO_MEMORY);
}

RULE(contiguous_memory_crosses_no_boundary,
     "Contiguous memory crosses no multiple of BoundaryAddressMultiple; 0 is no limit.",
     "MmAllocateContiguousMemorySpecifyCache") {
    Adapter& adapter = bench.start();
    constexpr std::uint64_t boundary = 8 * page_size;
    CreateArgs objects[6];
    for (CreateArgs& object : objects) {
        object = contiguous(adapter, 5 * page_size);
        object.ContiguousMemory.BoundaryAddressMultiple = at(boundary);
        REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
        const std::uint64_t first = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 0).address().value;
        EXPECT_EQ(first / boundary, (first + 5 * page_size - 1) / boundary);
    }
    for (const CreateArgs& object : objects) destroy(adapter, object);
    CreateArgs longer = contiguous(adapter, 9 * page_size);
    EXPECT_EQ(try_create(adapter, longer), STATUS_SUCCESS);
    longer.ContiguousMemory.BoundaryAddressMultiple = at(boundary);
    EXPECT_EQ(try_create(adapter, longer), STATUS_NO_MEMORY);
}

RULE(boundary_is_a_power_of_two, "BoundaryAddressMultiple is 0 or a power of two of at least a page.",
     "MmAllocateContiguousMemorySpecifyCache") {
    Adapter& adapter = bench.start();
    for (const std::uint64_t boundary : {std::uint64_t{3} * page_size, page_size / 2, page_size + 1}) {
        CreateArgs object = contiguous(adapter, page_size);
        object.ContiguousMemory.BoundaryAddressMultiple = at(boundary);
        EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PARAMETER);
    }
}

RULE(contiguous_memory_that_cannot_be_found_is_no_memory,
     "Create returns STATUS_NO_MEMORY (0xC0000017) when contiguous memory cannot be found, and changes nothing.",
     "ours: seen on fragmented systems") {
    Adapter& adapter = bench.start();
    const std::uint64_t before = bench.free_frames();
    CreateArgs object = contiguous(adapter, std::uint64_t{64} << 20);
    object.ContiguousMemory.LowestAcceptableAddress = at(0xc00'0000);
    object.ContiguousMemory.HighestAcceptableAddress = at(0xeff'ffff);
    EXPECT_EQ(create(adapter, object), static_cast<NTSTATUS>(0xc0000017));
    EXPECT_EQ(object.hPhysicalMemoryObject, nullptr);
    EXPECT_EQ(bench.free_frames(), before);
}

RULE(fragmented_memory_has_no_long_run, "Memory whose free pages are enough but lie apart gives no contiguous memory.",
     "ours: seen on systems that had run for a while") {
    Adapter& adapter = bench.start();
    // Every other page of a window of 64 pages is taken.
    CreateArgs taken[32];
    for (std::uint64_t i = 0; i < 32; ++i) {
        taken[i] = contiguous(adapter, page_size);
        taken[i].ContiguousMemory.LowestAcceptableAddress = at(0xc80'0000 + 2 * i * page_size);
        taken[i].ContiguousMemory.HighestAcceptableAddress = at(0xc80'0000 + (2 * i + 1) * page_size - 1);
        REQUIRE_EQ(create(adapter, taken[i]), STATUS_SUCCESS);
    }
    CreateArgs two = contiguous(adapter, 2 * page_size);
    two.ContiguousMemory.LowestAcceptableAddress = at(0xc80'0000);
    two.ContiguousMemory.HighestAcceptableAddress = at(0xc80'0000 + 63 * page_size - 1);
    EXPECT_EQ(try_create(adapter, two), STATUS_NO_MEMORY);
    destroy(adapter, taken[7]);
    EXPECT_EQ(try_create(adapter, two), STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < 32; ++i)
        if (i != 7) destroy(adapter, taken[i]);
}

}  // namespace remap::rules
