// SPDX-License-Identifier: MIT
// A driver in binary form, the boot module, on the bare machine.
#include "callbacks/driver/allocation.h"
#include "callbacks/driver/sample_protocol.h"
#include "guest-tests/runtime/display_driver.h"
#include "guest-tests/runtime/gpu.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"
#include "hw/spec/gpu_registers.h"

#include <cstring>

using namespace remap;
using namespace remap::guest;

namespace {

// Whatever is asked for, an address that is nobody's.
class AnyModule final : public pe::ModulePort {
public:
    const void* find(std::string_view, std::string_view) const override { return this; }
};

class NoModule final : public pe::ModulePort {
public:
    const void* find(std::string_view, std::string_view) const override { return nullptr; }
};

std::optional<Leaf> leaf_of(const std::byte* address) { return find_leaf({reinterpret_cast<std::uint64_t>(address)}); }

}  // namespace

TEST(the_boot_module_is_a_driver_image) {
    EXPECT(boot_module().bytes > 4096);
    const PhysicalPage first = boot_module().first.page();
    callbacks::FrameList frame;
    EXPECT(!frames().allocate({.pages = 1, .lowest = first, .highest = first}, frame));
    DriverImage driver;
    REQUIRE(!driver.load(AnyModule()));
    EXPECT(driver.image().contains(driver.image().entry()));
}

TEST(without_the_modules_that_it_imports_from_it_is_not_loaded) {
    const std::uint64_t free = frames().free_pages();
    DriverImage driver;
    const pe::Problem problem = driver.load(NoModule());
    EXPECT_EQ(problem.error, pe::Error::MissingImports);
    EXPECT(!driver.image().loaded());
    EXPECT_EQ(frames().free_pages(), free);
}

TEST(code_can_be_executed_and_not_written_and_data_the_other_way_round) {
    DriverImage driver;
    REQUIRE(!driver.load(AnyModule()));
    unsigned code = 0, data = 0;
    for (const pe::Section& section : driver.image().image().sections()) {
        // Bits of a leaf: writable 1, user 2, no-execute 63.
        const auto leaf = leaf_of(driver.image().base() + section.address);
        REQUIRE(leaf);
        EXPECT_EQ(leaf->attributes & 0x8000000000000006, section.rights.execute ? 0
                                                         : section.rights.write ? 0x8000000000000002
                                                                                : 0x8000000000000000);
        code += section.rights.execute;
        data += section.rights.write;
    }
    EXPECT(code == 1 && data != 0);
    const auto trap = catch_trap([&] { *static_cast<volatile char*>(const_cast<void*>(driver.image().entry())) = 0; });
    REQUIRE(trap);
    EXPECT_EQ(trap->frame.vector, vector::page_fault);
    EXPECT_EQ(trap->frame.error_code, 3);  // present, write, supervisor
}

TEST(discarded_sections_are_not_mapped_and_all_memory_comes_back) {
    const std::uint64_t free = frames().free_pages();
    DriverImage driver;
    REQUIRE(!driver.load(AnyModule()));
    driver.image().discard_initialisation();
    unsigned discarded = 0;
    for (const pe::Section& section : driver.image().image().sections()) {
        if (!section.discardable) continue;
        ++discarded;
        EXPECT(!leaf_of(driver.image().base() + section.address));
    }
    EXPECT(discarded != 0);
    driver.image().unload();
    EXPECT_EQ(frames().free_pages(), free);
}

namespace {

// The driver with the machine's GPU started.
struct DriverBench {
    DriverBench() {
        reports().clear();
        REQUIRE(driver.load().ok());
        const pci::Function* function = find_gpu();
        REQUIRE(function != nullptr);
        REQUIRE(driver.start({function, 1}).ok());
    }
    ~DriverBench() {
        EXPECT(driver.stop().ok());
        EXPECT_EQ(reports().warnings() + reports().bugchecks(), 0);
    }

    SAMPLE_REQUEST ask(unsigned command, std::uint64_t value = 0) {
        SAMPLE_REQUEST request{SAMPLE_MAGIC, command, 0, 0, value};
        EXPECT(driver.adapter().escape(0, &request, sizeof request).ok());
        if (request.Line != 0) note("the check at line %u of the driver failed", request.Line);
        return request;
    }
    const DXGKRNL_INTERFACE& callbacks() { return driver.adapter().interface(0); }

    DisplayDriver driver;
};

}  // namespace

TEST(a_binary_driver_says_what_it_can_do_and_is_remapped) {
    DriverBench bench;
    const miniport::Caps& caps = bench.driver.adapter().caps();
    EXPECT_EQ(caps.interface_version, 0xF003);
    EXPECT_EQ(caps.highest_visible[0], 0xffffffffff);
    EXPECT_EQ(caps.iommu.Value, 5);
    EXPECT(bench.driver.started().remaps());
}

TEST(a_binary_driver_uses_pool_locks_and_mdls) {
    DriverBench bench;
    EXPECT_EQ(bench.ask(SAMPLE_KERNEL_SERVICES).Status, STATUS_SUCCESS);
}

TEST(a_binary_driver_uses_the_eight_callbacks_with_a_fast_mutex_held) {
    DriverBench bench;
    EXPECT_EQ(bench.ask(SAMPLE_MEMORY_OBJECTS).Status, STATUS_SUCCESS);
}

TEST(a_binary_driver_maps_the_registers_that_it_is_told_of) {
    DriverBench bench;
    const SAMPLE_REQUEST request = bench.ask(SAMPLE_REGISTERS);
    EXPECT_EQ(request.Status, STATUS_SUCCESS);
    EXPECT_EQ(request.Value, gpu::spec::Magic::value);
}

TEST(a_binary_driver_has_the_gpu_copy_through_its_address_lists) {
    DriverBench bench;
    EXPECT_EQ(bench.ask(SAMPLE_GPU_COPY).Status, STATUS_SUCCESS);
}

TEST(a_binary_driver_maps_pages_of_a_list_into_its_aperture_from_an_offset_on) {
    DriverBench bench;
    driver::Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 8 * page_size}), STATUS_SUCCESS);
    const miniport::ApertureMapping mapping{
        .segment = SAMPLE_APERTURE_SEGMENT, .offset_pages = 10, .pages = 3, .adl = memory.adl(), .adl_offset = 4};
    EXPECT(miniport::map_aperture(bench.driver.adapter(), 0, mapping).ok());
    for (unsigned i = 0; i < 3; ++i)
        EXPECT_EQ(bench.ask(SAMPLE_APERTURE_PAGE, 10 + i).Value, memory.page(4 + i).number);
    const miniport::ApertureRange range{
        .segment = SAMPLE_APERTURE_SEGMENT, .offset_pages = 10, .pages = 3, .dummy = {0x7000}};
    EXPECT(miniport::unmap_aperture(bench.driver.adapter(), 0, range).ok());
    EXPECT_EQ(bench.ask(SAMPLE_APERTURE_PAGE, 11).Value, 7);
}

TEST(a_binary_drivers_gpu_is_silent_while_its_domain_is_switched_and_works_again_after) {
    DriverBench bench;
    EXPECT_EQ(bench.ask(SAMPLE_GPU_COPY).Status, STATUS_SUCCESS);
    EXPECT_EQ(dxgkrnl().switch_domain(bench.callbacks().DeviceHandle), STATUS_SUCCESS);
    const std::uint64_t counts = bench.ask(SAMPLE_COUNTS).Value;
    EXPECT_EQ(counts & 0xffffffff, counts >> 32);
    EXPECT(counts != 0);
    EXPECT_EQ(bench.ask(SAMPLE_GPU_COPY).Status, STATUS_SUCCESS);
}

TEST(a_binary_driver_that_returns_at_another_irql_is_found_out) {
    DriverBench bench;
    SAMPLE_REQUEST request{SAMPLE_MAGIC, SAMPLE_LEAVE_IRQL, 0, 0, 0};
    EXPECT_EQ(bench.driver.adapter().escape(0, &request, sizeof request).status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(bench.ask(SAMPLE_KERNEL_SERVICES).Status, STATUS_SUCCESS);
}

TEST(pool_that_a_binary_driver_keeps_is_a_bugcheck_when_it_is_unloaded) {
    DisplayDriver driver;
    REQUIRE(driver.load().ok());
    REQUIRE(driver.start({find_gpu(), 1}).ok());
    SAMPLE_REQUEST request{SAMPLE_MAGIC, SAMPLE_LEAK, 0, 0, 0};
    EXPECT(driver.adapter().escape(0, &request, sizeof request).ok());
    EXPECT(driver.stop().ok());
    const auto bugcheck = catch_bugcheck([&] { driver.unload(); });
    REQUIRE(bugcheck);
    EXPECT_EQ(bugcheck->code, 0xC4);
    EXPECT_EQ(bugcheck->parameter, 0x62);
    reports().clear();
}

TEST(a_binary_driver_starts_and_stops_again_and_all_memory_comes_back) {
    std::uint64_t free = 0;
    for (unsigned round = 0; round < 3; ++round) {
        {
            DriverBench bench;
            EXPECT_EQ(bench.ask(SAMPLE_MEMORY_OBJECTS).Status, STATUS_SUCCESS);
        }
        if (round == 1) free = frames().free_pages();
    }
    EXPECT_EQ(frames().free_pages(), free);
}
