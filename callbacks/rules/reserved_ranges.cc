// SPDX-License-Identifier: MIT
// Memory that the firmware keeps for a device (DXGKQAITYPE_HARDWARERESERVEDRANGES).
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

#include <array>

namespace remap::rules {

using callbacks::ReservedRange;

namespace {

AdapterWish with(Bench& bench, std::span<const ReservedRange> ranges) {
    AdapterWish wish = bench.wish();
    wish.reserved = ranges;
    return wish;
}

// The driver's ring lies in memory, so that a fault is only about what is asked for: whether the IOMMU lets the GPU
// reach an address, wherever that leads.
bool passes(Bench& bench, Adapter& adapter, LogicalAddress address) {
    (void)adapter.gpu().write(address, 0x5f);
    const auto stop = bench.look_at_faults(adapter);
    return !stop && !bench.warning();
}

}  // namespace

RULE_IN_EACH_MODE(reserved_ranges_are_reachable_from_the_start,
                  "Reserved ranges are mapped before the device is attached to its domain.",
                  "IOMMU-based GPU isolation, Hardware reserved memory") {
    const PhysicalAddress device = bench.machine().device_memory();
    const ReservedRange range{device, 2 * page_size};
    Adapter& adapter = bench.start(with(bench, {&range, 1}));
    EXPECT(passes(bench, adapter, {device.value}));
    EXPECT(passes(bench, adapter, {device.value + page_size}));
    EXPECT_EQ(passes(bench, adapter, {device.value + 2 * page_size}), !bench.guarded());
}

RULE(reserved_ranges_are_mapped_one_to_one,
     "Logical addresses of a reserved range are its physical ones: no ADL gets "
     "them.",
     "IOMMU-based GPU isolation, Hardware reserved memory") {
    // All logical pages but one lie in the range, or are page 0.
    const PhysicalAddress device = bench.machine().device_memory();
    const ReservedRange range{device, 4 * page_size};
    const PhysicalAddress last{device.value + 5 * page_size - 1};
    AdapterWish wish = with(bench, {&range, 1});
    wish.highest_visible = {&last, 1};
    Adapter& adapter = bench.start(wish);
    CreateArgs object = mdl(adapter, 8 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, 8 * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    // Pages are handed out from the top: the one above the range, and then those below it.
    for (std::uint64_t i = 0; i < 8; ++i)
        EXPECT(listed[i].value < device.value || listed[i].value >= device.value + 4 * page_size);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(reserved_ranges_are_no_memory_of_the_system,
                  "Reserved ranges do not overlap memory that the system manages.",
                  "IOMMU-based GPU isolation, Hardware reserved memory") {
    const PhysicalPage managed = bench.machine().ports().frames.highest_installed();
    AdapterWish wish = bench.wish();
    const PhysicalAddress far{~std::uint64_t{0}};
    wish.highest_visible = {&far, 1};
    const ReservedRange inside{managed.address(), page_size};
    const ReservedRange across{managed.address(), 2 * page_size};
    const ReservedRange behind{(managed + 1).address(), page_size};
    for (const ReservedRange* range : {&inside, &across}) {
        wish.reserved = {range, 1};
        EXPECT_EQ(bench.try_start(wish), STATUS_INVALID_PARAMETER);
    }
    if (bench.remaps()) return;  // the IOMMU need not translate what lies behind all memory
    wish.reserved = {&behind, 1};
    EXPECT_EQ(bench.try_start(wish), STATUS_SUCCESS);
}

RULE(reserved_ranges_are_whole_pages, "A reserved range is made of whole pages, and of one at least.",
     "ours: the page leaves it open") {
    const PhysicalAddress device = bench.machine().device_memory();
    const std::array<ReservedRange, 4> wrong{{{device, 0},
                                              {device + 1, page_size},
                                              {device, page_size + 1},
                                              {{~std::uint64_t{0} & ~(page_size - 1)}, 2 * page_size}}};
    for (const ReservedRange& range : wrong)
        EXPECT_EQ(bench.try_start(with(bench, {&range, 1})), STATUS_INVALID_PARAMETER);
}

RULE(reserved_ranges_lie_in_sight, "A reserved range lies below HighestVisibleAddress.",
     "ours: the device could not address it") {
    const PhysicalAddress device = bench.machine().device_memory();
    const ReservedRange range{device, 2 * page_size};
    const PhysicalAddress last{device.value + 2 * page_size - 1};
    const PhysicalAddress less{device.value + page_size - 1};
    AdapterWish wish = with(bench, {&range, 1});
    wish.highest_visible = {&last, 1};
    EXPECT_EQ(bench.try_start(wish), STATUS_SUCCESS);
    wish.highest_visible = {&less, 1};
    EXPECT_EQ(bench.try_start(wish), STATUS_INVALID_PARAMETER);
}

RULE(reserved_ranges_do_not_overlap, "No page is in two reserved ranges of an adapter.",
     "ours: the page leaves it open") {
    const PhysicalAddress device = bench.machine().device_memory();
    const std::array<ReservedRange, 2> apart{{{device, page_size}, {device + page_size, page_size}}};
    const std::array<ReservedRange, 2> overlapping{{{device, 2 * page_size}, {device + page_size, page_size}}};
    EXPECT_EQ(bench.try_start(with(bench, apart)), STATUS_SUCCESS);
    EXPECT_EQ(bench.try_start(with(bench, overlapping)), STATUS_INVALID_PARAMETER);
}

RULE(reserved_ranges_are_isolated_at_run_time, "Reserved ranges are mapped too when isolation is turned on later.",
     "IOMMU-based GPU isolation, Hardware reserved memory") {
    const PhysicalAddress device = bench.machine().device_memory();
    const ReservedRange range{device, page_size};
    AdapterWish wish = bench.wish(callbacks::DmaMode::Physical);
    wish.caps.IommuIsolationSupported = 1;
    wish.reserved = {&range, 1};
    Adapter& adapter = bench.start(wish);
    REQUIRE_EQ(bench.dxgkrnl().switch_domain(adapter.handle()), STATUS_SUCCESS);
    EXPECT(passes(bench, adapter, {device.value}));
    EXPECT(!passes(bench, adapter, {device.value + page_size}));
}

}  // namespace remap::rules
