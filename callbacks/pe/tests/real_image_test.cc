// SPDX-License-Identifier: MIT
// Images that a Windows compiler and its linker made (callbacks/tests/driver): what they write is what the loader
// reads. Built only where there is such a compiler; SAMPLE_IMAGE and NEEDS_MORE_IMAGE are files.
#include "callbacks/pe/imports.h"
#include "callbacks/pe/relocations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace remap::pe {
namespace {

std::vector<std::byte> read(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<std::byte> bytes;
    std::transform(std::istreambuf_iterator<char>(file), {}, std::back_inserter(bytes),
                   [](char c) { return static_cast<std::byte>(c); });
    return bytes;
}

TEST(RealPeImage, IsReadWithItsSectionsRelocationsAndImports) {
    const auto file = read(SAMPLE_IMAGE);
    const auto image = Image::parse(file);
    ASSERT_TRUE(image) << image.error().sentence().c_str();
    std::set<std::string> names;
    for (const Section& section : image->sections()) names.insert(section.name);
    for (const char* name : {".text", ".rdata", ".idata", ".reloc"}) EXPECT_EQ(names.count(name), 1u) << name;

    unsigned places = 0;
    for (Relocations relocations(*image); relocations.next();) ++places;
    EXPECT_GE(places, 2u);  // the table of virtual functions of gpu.cc, at least

    std::set<std::string> imported;
    for (Imports imports(*image); imports.next();) {
        EXPECT_EQ(imports.module(), "ntoskrnl.exe");
        imported.emplace(imports.name());
    }
    EXPECT_EQ(imported.count("ExAllocatePool2"), 1u);
    EXPECT_EQ(imported.count("IofCallDriver"), 1u);
    EXPECT_EQ(imported.count("DxgkInitialize"), 0u);  // linked in, as the WDK does
}

// The linker's own computation of the checksum is the judge of ours.
TEST(RealPeImage, AByteThatChangedAnywhereIsFoundByTheChecksum) {
    for (const char* path : {SAMPLE_IMAGE, NEEDS_MORE_IMAGE}) {
        auto file = read(path);
        ASSERT_TRUE(Image::parse(file)) << path;
        for (std::size_t at = 0x400; at < file.size(); at += 37) {
            file[at] ^= std::byte{0x10};
            const auto image = Image::parse(file);
            ASSERT_FALSE(image) << path << " at " << at;
            EXPECT_EQ(image.error().error, Error::WrongChecksum);
            file[at] ^= std::byte{0x10};
        }
    }
}

TEST(RealPeImage, APartOfTheFileIsNotTaken) {
    const auto file = read(SAMPLE_IMAGE);
    for (std::size_t bytes = 0; bytes < file.size(); bytes += 11)
        EXPECT_FALSE(Image::parse(std::span(file).first(bytes))) << bytes;
}

}  // namespace
}  // namespace remap::pe
