// SPDX-License-Identifier: MIT
// An image in memory, by the numbers of tests/builder.h.
#include "callbacks/pe/loader.h"

#include "callbacks/pe/imports.h"
#include "callbacks/pe/load_config.h"
#include "callbacks/pe/tests/builder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace remap::pe {
namespace {

// Pages of the heap; remembers what it was told.
class FakeMemory final : public MemoryPort {
public:
    ~FakeMemory() { EXPECT_EQ(live, 0u); }

    std::byte* allocate(std::uint64_t pages) override {
        if (refuse) return nullptr;
        live += pages;
        auto* base = static_cast<std::byte*>(std::aligned_alloc(4096, pages * 4096));
        std::memset(base, 0, pages * 4096);
        begin = base;
        return base;
    }
    bool protect(std::byte* first, std::uint64_t pages, const Rights& rights) override {
        if (protections_left == 0) return false;
        --protections_left;
        std::string text{rights.read ? 'r' : '-', rights.write ? 'w' : '-', rights.execute ? 'x' : '-'};
        for (std::uint64_t i = 0; i < pages; ++i) pages_of_image[(first - begin) / 4096 + i] = text;
        return true;
    }
    void free(std::byte* base, std::uint64_t pages) override {
        live -= pages;
        std::free(base);
    }
    std::uint64_t random() override { return 0xfedcba9876543210; }

    bool refuse = false;
    unsigned protections_left = 100;
    std::uint64_t live = 0;
    std::byte* begin = nullptr;
    std::map<std::uint64_t, std::string> pages_of_image;
};

class Missing final : public MissingImports {
public:
    void missing(std::string_view module, std::string_view name) override {
        all.push_back(std::string(module) + "!" + std::string(name));
    }
    std::vector<std::string> all;
};

const Export kernel_exports[] = {{"GetNumber", reinterpret_cast<const void*>(0x1111)},
                                 {"GetOther", reinterpret_cast<const void*>(0x2222)}};
const Export hal_exports[] = {{"HalThing", reinterpret_cast<const void*>(0x3333)}};
const ExportTable kernel{"ntoskrnl.exe", kernel_exports};
const ExportTable hal{"HAL.DLL", hal_exports};

struct Bench {
    Problem load(std::span<const std::byte> file) {
        const ExportTable modules[] = {kernel, hal};
        return image.load(file, ExportTables(modules), missing);
    }
    std::uint64_t word(std::size_t rva) const {
        std::uint64_t value;
        std::memcpy(&value, image.base() + rva, sizeof value);
        return value;
    }
    std::uint64_t base() const { return reinterpret_cast<std::uint64_t>(image.base()); }

    FakeMemory memory;
    Missing missing;
    LoadedImage image{memory};
};

TEST(PeLoader, SectionsAreWhereTheirHeadersSayAndZerosFollowTheirData) {
    Bench bench;
    ASSERT_FALSE(bench.load(Builder().put64(0x8f8, 0x1122334455667788)));
    EXPECT_EQ(bench.image.bytes(), 0x6000u);
    EXPECT_EQ(bench.image.entry(), bench.image.base() + 0x1010);
    EXPECT_EQ(bench.word(0x1010), 0x10'66'15'ff'28'ec'83'48u);
    EXPECT_EQ(bench.word(0x30f8), 0x1122334455667788u);
    for (std::size_t rva = 0x3200; rva < 0x5000; rva += 8) ASSERT_EQ(bench.word(rva), 0u);
    EXPECT_EQ(bench.word(0) & 0xffff, 0x5a4du);
}

TEST(PeLoader, AddressesMoveWithTheImage) {
    Bench bench;
    ASSERT_FALSE(bench.load(Builder()));
    EXPECT_EQ(bench.word(0x3000), bench.base() + 0x3010);
    EXPECT_EQ(bench.word(0x2158), bench.base() + 0x3008);
    EXPECT_EQ(bench.word(0x3010), 0u);
}

TEST(PeLoader, ABlockOfRelocationsThatIsChangedByAnotherIsReadAsItWasInTheFile) {
    Bench bench;
    // The place is the second block's header in memory.
    ASSERT_FALSE(bench.load(Builder().put32(0xa00, 0x5000).put16(0xa08, 0xa00c)));
    EXPECT_EQ(bench.word(0x2158), bench.base() + 0x3008);
}

TEST(PeLoader, EachPageHasTheRightsOfItsSectionAndGapsHaveNone) {
    Bench bench;
    ASSERT_FALSE(bench.load(Builder().put32(0x1e0, 0x800)));  // .data one page long: a gap follows
    const std::map<std::uint64_t, std::string> expected{{0, "r--"}, {1, "r-x"}, {2, "r--"},
                                                        {3, "rw-"}, {4, "---"}, {5, "r--"}};
    EXPECT_EQ(bench.memory.pages_of_image, expected);
    bench.image.discard_initialisation();
    EXPECT_EQ(bench.memory.pages_of_image[5], "---");
    EXPECT_EQ(bench.memory.pages_of_image[1], "r-x");
}

TEST(PeLoader, ImportsAreBoundByNameAndModulesAreTheSameInAnyCase) {
    Bench bench;
    ASSERT_FALSE(bench.load(Builder()));
    EXPECT_EQ(bench.word(0x2080), 0x1111u);
    EXPECT_EQ(bench.word(0x2088), 0x2222u);
    EXPECT_EQ(bench.word(0x2090), 0u);
    EXPECT_EQ(bench.word(0x2098), 0x3333u);
    EXPECT_TRUE(bench.missing.all.empty());
}

TEST(PeLoader, WithoutALookupTableTheAddressTableIsRead) {
    Bench bench;
    ASSERT_FALSE(bench.load(Builder().put32(0x600, 0).put64(0x640, 0).put64(0x648, 0)));
    EXPECT_EQ(bench.word(0x2080), 0x1111u);
    EXPECT_EQ(bench.word(0x2088), 0x2222u);
}

TEST(PeLoader, AllMissingImportsAreNamedWithTheirModules) {
    Bench bench;
    // In another case it is another routine; and hal.dll does not have what ntoskrnl.exe has.
    const Problem problem = bench.load(Builder().put_text(0x6e2, "getOther").put_text(0x6f2, "GetNumber"));
    EXPECT_EQ(problem.error, Error::MissingImports);
    EXPECT_EQ(problem.where, 0x2088u);
    EXPECT_STREQ(problem.sentence().c_str(),
                 "nobody provides some of the routines that the image imports; the first: getOther (RVA 0x2088)");
    EXPECT_EQ(bench.missing.all, (std::vector<std::string>{"NTOSKRNL.exe!getOther", "hal.dll!GetNumber"}));
    EXPECT_FALSE(bench.image.loaded());
    EXPECT_EQ(bench.memory.live, 0u);
}

TEST(PeLoader, AModuleMayHaveSeveralTables) {
    Bench bench;
    const ExportTable modules[] = {
        {"ntoskrnl.exe", {kernel_exports, 1}}, hal, {"ntoskrnl.exe", {kernel_exports + 1, 1}}};
    ASSERT_FALSE(bench.image.load(Builder(), ExportTables(modules), bench.missing));
    EXPECT_EQ(bench.word(0x2088), 0x2222u);
}

TEST(PeLoader, TheLinkersSecurityCookieIsReplaced) {
    Bench bench;
    ASSERT_FALSE(bench.load(Builder()));
    EXPECT_EQ(bench.word(0x3008), 0x0000ba9876543210u);
    ASSERT_FALSE(bench.load(Builder().put64(0x808, 0)));
    EXPECT_EQ(bench.word(0x3008), 0x0000ba9876543210u);
    ASSERT_FALSE(bench.load(Builder().put64(0x808, 77)));
    EXPECT_EQ(bench.word(0x3008), 77u);
    ASSERT_FALSE(bench.load(Builder().put32(0x700, 0x5f)));  // a structure of before the cookie
    EXPECT_EQ(bench.word(0x3008), 0x00002b992ddfa232u);
}

TEST(PeLoader, ACookieIsNeverZeroNorTheLinkers) {
    EXPECT_EQ(fresh_security_cookie(0, 0), 0x00002b992ddfa233u);
    EXPECT_EQ(fresh_security_cookie(0, 0xffff000000000000), 0x00002b992ddfa233u);
    EXPECT_EQ(fresh_security_cookie(0, 0xffff2b992ddfa232), 0x00002b992ddfa233u);
    EXPECT_EQ(fresh_security_cookie(0, 0x12345), 0x12345u);
}

TEST(PeLoader, WithoutMemoryOrProtectionNothingIsLoaded) {
    Bench bench;
    bench.memory.refuse = true;
    EXPECT_EQ(bench.load(Builder()).error, Error::NoMemory);
    bench.memory.refuse = false;
    for (unsigned n = 0; n < 6; ++n) {
        bench.memory.protections_left = n;
        EXPECT_EQ(bench.load(Builder().put32(0x1e0, 0x800)).error, Error::NotProtected) << n;
        EXPECT_FALSE(bench.image.loaded());
    }
    bench.memory.protections_left = 6;
    EXPECT_FALSE(bench.load(Builder().put32(0x1e0, 0x800)));
}

TEST(PeLoader, ADamagedFileUnloadsWhatWasThere) {
    Bench bench;
    ASSERT_FALSE(bench.load(Builder()));
    EXPECT_TRUE(bench.image.contains(bench.image.base() + 0x5fff));
    EXPECT_FALSE(bench.image.contains(bench.image.base() + 0x6000));
    EXPECT_EQ(bench.load(Builder().put8(0, 'X')).error, Error::NoDosHeader);
    EXPECT_FALSE(bench.image.loaded());
    EXPECT_EQ(bench.image.entry(), nullptr);
    EXPECT_EQ(bench.memory.live, 0u);
}

// 16,000 descriptors that share one table of imports would be a quarter of a billion imports.
TEST(PeLoader, ManyDescriptorsOfManyImportsAreTooMany) {
    Builder builder;
    builder.resize(0xc00 + 0x80000).put32(0xd0, 0x90000);
    builder.put16(0x86, 5);
    builder.put_text(0x228, ".many").put32(0x230, 0x80000).put32(0x234, 0x6000).put32(0x238, 0x80000);
    builder.put32(0x23c, 0xc00).put32(0x24c, 0xc0000040);
    for (std::size_t i = 0; i < 10000; ++i) {
        const std::size_t at = 0xc00 + 20 * i;
        builder.put32(at, 0x6000 + 0x40000).put32(at + 12, 0x20b0).put32(at + 16, 0x6000 + 0x60000);
    }
    for (std::size_t i = 0; i < 10000; ++i) builder.put64(0xc00 + 0x40000 + 8 * i, 0x20d0);
    builder.put32(0x110, 0x6000);
    Bench bench;
    EXPECT_EQ(bench.load(builder).error, Error::TooManyImports);
}

}  // namespace
}  // namespace remap::pe
