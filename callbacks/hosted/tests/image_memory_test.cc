// SPDX-License-Identifier: MIT
// The image of callbacks/pe/tests/builder.h, run: its code calls what was bound to it, and its pages are protected by
// the host.
#include "callbacks/hosted/image_memory.h"

#include "callbacks/ddk/ntddk.h"
#include "callbacks/pe/tests/builder.h"

#include <gtest/gtest.h>

namespace remap::hosted {
namespace {

class NothingMissing final : public pe::MissingImports {
public:
    void missing(std::string_view module, std::string_view name) override {
        ADD_FAILURE() << module << " lacks " << name;
    }
};

ULONG NTAPI get_number() { return 41; }

struct Bench {
    Bench() {
        const void* number = reinterpret_cast<const void*>(&get_number);
        const pe::Export kernel[] = {{"GetNumber", number}, {"GetOther", number}};
        const pe::Export hal[] = {{"HalThing", number}};
        const pe::ExportTable modules[] = {{"ntoskrnl.exe", kernel}, {"hal.dll", hal}};
        NothingMissing missing;
        const pe::Problem problem = image.load(pe::Builder(), pe::ExportTables(modules), missing);
        EXPECT_FALSE(problem) << problem.sentence().c_str();
    }
    ULONG call_entry() {
        using Entry = ULONG(NTAPI*)();
        return reinterpret_cast<Entry>(reinterpret_cast<std::uintptr_t>(image.entry()))();
    }

    ImageMemory memory;
    pe::LoadedImage image{memory};
};

void write_to(std::byte* at) { *reinterpret_cast<volatile char*>(at) = 0; }
char read_from(std::byte* at) { return *reinterpret_cast<volatile char*>(at); }

TEST(HostedImageMemory, CodeOfAnImageRunsAndReachesItsImports) {
    Bench bench;
    EXPECT_EQ(bench.call_entry(), 42u);
    EXPECT_EQ(bench.memory.pages(), 6u);
    bench.image.unload();
    EXPECT_EQ(bench.memory.pages(), 0u);
}

TEST(HostedImageMemoryDeathTest, AnImageIsProtectedAsItsSectionsSay) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    Bench bench;
    write_to(bench.image.base() + 0x3100);
    EXPECT_DEATH(write_to(bench.image.base() + 0x1000), "");
    EXPECT_DEATH(write_to(bench.image.base() + 0x2000), "");
    EXPECT_DEATH(write_to(bench.image.base()), "");
    EXPECT_EQ(read_from(bench.image.base() + 0x5000), 0);
    bench.image.discard_initialisation();
    EXPECT_DEATH(read_from(bench.image.base() + 0x5000), "");
    using Entry = void (*)();
    EXPECT_DEATH(reinterpret_cast<Entry>(bench.image.base() + 0x3100)(), "");
}

}  // namespace
}  // namespace remap::hosted
