// SPDX-License-Identifier: MIT
// A driver in binary form, the boot module, on the bare machine.
#include "guest-tests/runtime/driver_image.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

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
