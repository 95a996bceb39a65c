// SPDX-License-Identifier: MIT
// One damage at a time: each is refused, with the error that names it and the place where it is.
#include "callbacks/pe/image.h"

#include "callbacks/pe/tests/builder.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

namespace remap::pe {
namespace {

Problem problem_of(std::span<const std::byte> file) {
    const auto image = Image::parse(file);
    return image ? Problem{} : image.error();
}

struct Damage {
    const char* what;
    std::function<void(Builder&)> inflict;
    Error error;
    std::uint64_t where;
};

class DamagedImage : public testing::TestWithParam<Damage> {};

TEST_P(DamagedImage, IsRefusedWithItsErrorAndPlace) {
    Builder builder;
    GetParam().inflict(builder);
    const Problem problem = problem_of(builder);
    EXPECT_EQ(problem.error, GetParam().error) << problem.sentence().c_str();
    EXPECT_EQ(problem.where, GetParam().where) << std::hex << problem.where;
    EXPECT_STRNE(sentence_of(problem.error), "unknown problem");
}

const Damage headers[] = {
    {"no file", [](Builder& b) { b.resize(0); }, Error::TooShort, 0},
    {"half a DOS header", [](Builder& b) { b.resize(63); }, Error::TooShort, 63},
    {"no MZ", [](Builder& b) { b.put8(1, 'M'); }, Error::NoDosHeader, 0},
    {"PE header beyond the file", [](Builder& b) { b.put32(0x3c, 0xbfd); }, Error::NoPeHeader, 0x3c},
    {"PE header at the end of 32 bits", [](Builder& b) { b.put32(0x3c, 0xffffffff); }, Error::NoPeHeader, 0x3c},
    {"PE header inside the DOS header", [](Builder& b) { b.put32(0x3c, 0x3f); }, Error::NoPeHeader, 0x3c},
    {"no PE signature", [](Builder& b) { b.put8(0x82, 1); }, Error::NoPeHeader, 0x80},
    {"half a COFF header", [](Builder& b) { b.resize(0x97); }, Error::TooShort, 0x97},
    {"machine i386", [](Builder& b) { b.put16(0x84, 0x14c); }, Error::WrongMachine, 0x84},
    {"machine arm64", [](Builder& b) { b.put16(0x84, 0xaa64); }, Error::WrongMachine, 0x84},
    {"not executable", [](Builder& b) { b.put16(0x96, 0x20); }, Error::NotExecutable, 0x96},
    {"relocations stripped", [](Builder& b) { b.put16(0x96, 0x23); }, Error::NotRelocatable, 0x96},
    {"no section", [](Builder& b) { b.put16(0x86, 0); }, Error::BadSectionCount, 0x86},
    {"97 sections", [](Builder& b) { b.put16(0x86, 97); }, Error::BadSectionCount, 0x86},
    {"section table beyond the file", [](Builder& b) { b.resize(0x227); }, Error::TooShort, 0x227},
    {"optional header too short", [](Builder& b) { b.put16(0x94, 0x6f); }, Error::BadOptionalHeader, 0x98},
    {"optional header of PE32", [](Builder& b) { b.put16(0x98, 0x10b); }, Error::WrongMagic, 0x98},
    {"17 directories", [](Builder& b) { b.put32(0x104, 17); }, Error::BadOptionalHeader, 0x104},
    {"directories beyond the header", [](Builder& b) { b.put16(0x94, 0xe8); }, Error::BadOptionalHeader, 0x104},
    {"image base of 4 KiB", [](Builder& b) { b.put64(0xb0, 0x140001000); }, Error::BadImageBase, 0xb0},
    {"section alignment 0", [](Builder& b) { b.put32(0xb8, 0); }, Error::BadSectionAlignment, 0xb8},
    {"section alignment 2 KiB", [](Builder& b) { b.put32(0xb8, 0x800); }, Error::BadSectionAlignment, 0xb8},
    {"section alignment 12 KiB", [](Builder& b) { b.put32(0xb8, 0x3000); }, Error::BadSectionAlignment, 0xb8},
    {"file alignment 256", [](Builder& b) { b.put32(0xbc, 0x100); }, Error::BadFileAlignment, 0xbc},
    {"file alignment 128 KiB", [](Builder& b) { b.put32(0xbc, 0x20000); }, Error::BadFileAlignment, 0xbc},
    {"file alignment 768", [](Builder& b) { b.put32(0xbc, 0x300); }, Error::BadFileAlignment, 0xbc},
    {"image of no bytes", [](Builder& b) { b.put32(0xd0, 0); }, Error::BadImageSize, 0xd0},
    {"image of half a page more", [](Builder& b) { b.put32(0xd0, 0x6800); }, Error::BadImageSize, 0xd0},
    {"image of 2 GiB", [](Builder& b) { b.put32(0xd0, 0x80000000); }, Error::BadImageSize, 0xd0},
    {"headers that end in the table", [](Builder& b) { b.put32(0xd4, 0x227); }, Error::BadHeaderSize, 0xd4},
    {"headers larger than the file", [](Builder& b) { b.put32(0xd4, 0xc01); }, Error::BadHeaderSize, 0xd4},
    {"a console program", [](Builder& b) { b.put16(0xdc, 3); }, Error::NotADriver, 0xdc},
    {"a wrong checksum", [](Builder& b) { b.put32(0xd8, 1); }, Error::WrongChecksum, 0xd8},
    {"no entry point", [](Builder& b) { b.put32(0xa8, 0); }, Error::BadEntryPoint, 0},
    {"entry point in data", [](Builder& b) { b.put32(0xa8, 0x3000); }, Error::BadEntryPoint, 0x3000},
    {"entry point outside", [](Builder& b) { b.put32(0xa8, 0xfffffff0); }, Error::BadEntryPoint, 0xfffffff0},
    {"managed code", [](Builder& b) { b.put32(0x178, 0x2000); }, Error::ManagedCode, 0x2000},
    {"delayed imports", [](Builder& b) { b.put32(0x170, 0x2000); }, Error::DelayedImports, 0x2000},
};
INSTANTIATE_TEST_SUITE_P(Headers, DamagedImage, testing::ValuesIn(headers));

// The second section's entry begins at 0x1b0.
const Damage sections[] = {
    {"misaligned", [](Builder& b) { b.put32(0x1bc, 0x2800); }, Error::MisalignedSection, 0x2800},
    {"at the one before", [](Builder& b) { b.put32(0x1bc, 0x1000); }, Error::OverlappingSection, 0x1000},
    {"in the headers", [](Builder& b) { b.put32(0x194, 0); }, Error::OverlappingSection, 0},
    {"into the next", [](Builder& b) { b.put32(0x1b8, 0x1001); }, Error::OverlappingSection, 0x3000},
    {"around 4 GiB", [](Builder& b) { b.put32(0x1b8, 0xffffffff); }, Error::SectionOutsideImage, 0x2000},
    {"beyond the image", [](Builder& b) { b.put32(0x208, 0x1001); }, Error::SectionOutsideImage, 0x5000},
    {"without bytes", [](Builder& b) { b.put32(0x1b8, 0).put32(0x1c0, 0); }, Error::EmptySection, 0x2000},
    {"misaligned data", [](Builder& b) { b.put32(0x1c4, 0x610); }, Error::MisalignedData, 0x2000},
    {"data beyond the file", [](Builder& b) { b.put32(0x1c4, 0xc00); }, Error::DataOutsideFile, 0x2000},
    {"data around 4 GiB", [](Builder& b) { b.put32(0x1c0, 0xffffffff); }, Error::DataOutsideFile, 0x2000},
    {"data in the headers", [](Builder& b) { b.put32(0x1c4, 0x200); }, Error::OverlappingData, 0x1c4},
    {"data of another section", [](Builder& b) { b.put32(0x1c4, 0x400); }, Error::OverlappingData, 0x2000},
    {"writable code", [](Builder& b) { b.put32(0x1d4, 0xe0000060); }, Error::WritableCode, 0x2000},
};
INSTANTIATE_TEST_SUITE_P(Sections, DamagedImage, testing::ValuesIn(sections));

const Damage relocations[] = {
    {"outside the sections", [](Builder& b) { b.put32(0x130, 0x7000); }, Error::RelocationsOutside, 0x7000},
    {"in zeros", [](Builder& b) { b.put32(0x130, 0x4000); }, Error::RelocationsOutside, 0x4000},
    {"longer than their section", [](Builder& b) { b.put32(0x134, 0x19); }, Error::RelocationsOutside, 0x5000},
    {"half a header at the end", [](Builder& b) { b.put32(0x134, 0x10); }, Error::BadRelocationBlock, 0x500c},
    {"a block of 0 bytes", [](Builder& b) { b.put32(0xa04, 0); }, Error::BadRelocationBlock, 0x5000},
    {"a block of 10 bytes", [](Builder& b) { b.put32(0xa04, 10); }, Error::BadRelocationBlock, 0x5000},
    {"a block beyond the table", [](Builder& b) { b.put32(0xa10, 16); }, Error::BadRelocationBlock, 0x500c},
    {"a block of half a page", [](Builder& b) { b.put32(0xa00, 0x3800); }, Error::BadRelocationBlock, 0x5000},
    {"HIGHLOW", [](Builder& b) { b.put16(0xa08, 0x3000); }, Error::UnknownRelocation, 0x3000},
    {"type 15", [](Builder& b) { b.put16(0xa0a, 0xf010); }, Error::UnknownRelocation, 0x3010},
    {"a page outside", [](Builder& b) { b.put32(0xa00, 0x6000); }, Error::RelocationOutside, 0x6000},
    {"the last page there is", [](Builder& b) { b.put32(0xa00, 0xfffff000).put16(0xa08, 0xafff); },
     Error::RelocationOutside, 0xffffffff},
    {"the headers", [](Builder& b) { b.put32(0xa00, 0).put16(0xa08, 0xa010); }, Error::RelocationOutside, 0x10},
    {"across a section's end", [](Builder& b) { b.put32(0xa00, 0x4000).put16(0xa08, 0xa7f9); },
     Error::RelocationOutside, 0x47f9},
};
INSTANTIATE_TEST_SUITE_P(Relocations, DamagedImage, testing::ValuesIn(relocations));

const Damage imports[] = {
    {"outside the sections", [](Builder& b) { b.put32(0x110, 0x8000); }, Error::ImportsOutside, 0x8000},
    {"in zeros", [](Builder& b) { b.put32(0x110, 0x4000); }, Error::ImportsOutside, 0x4000},
    {"descriptors cut off", [](Builder& b) { b.put32(0x110, 0x21f0); }, Error::ImportsOutside, 0x21f0},
    {"a descriptor without a name", [](Builder& b) { b.put32(0x620, 0); }, Error::BadImportDescriptor, 0x2014},
    {"a descriptor without addresses", [](Builder& b) { b.put32(0x624, 0); }, Error::BadImportDescriptor, 0x2014},
    {"a module name outside", [](Builder& b) { b.put32(0x60c, 0x9000); }, Error::BadImportName, 0x9000},
    {"an empty module name", [](Builder& b) { b.put8(0x6b0, 0); }, Error::BadImportName, 0x20b0},
    {"a module name with a line feed", [](Builder& b) { b.put8(0x6b3, '\n'); }, Error::BadImportName, 0x20b0},
    {"a lookup table outside", [](Builder& b) { b.put32(0x600, 0x7000); }, Error::BadImportTable, 0x2080},
    {"a lookup table that does not end", [](Builder& b) { b.put32(0x600, 0x21f8).put64(0x7f8, 0x20d0); },
     Error::BadImportTable, 0x2088},
    {"an address table outside", [](Builder& b) { b.put32(0x610, 0x7000); }, Error::BadImportTable, 0x7000},
    {"an address table across an end", [](Builder& b) { b.put32(0x610, 0x21f4); }, Error::BadImportTable, 0x21fc},
    {"reserved bits", [](Builder& b) { b.put64(0x648, 0x800020e0); }, Error::BadImportTable, 0x2088},
    {"by ordinal", [](Builder& b) { b.put64(0x648, 0x8000000000000007); }, Error::ImportByOrdinal, 0x2088},
    {"a routine name outside", [](Builder& b) { b.put64(0x648, 0x7fffffff); }, Error::BadImportName, 0x80000001},
    {"a routine name without an end", [](Builder& b) { b.put64(0x648, 0x21fc).put_text(0x7fe, "ab"); },
     Error::BadImportName, 0x21fe},
};
INSTANTIATE_TEST_SUITE_P(Imports, DamagedImage, testing::ValuesIn(imports));

const Damage load_configurations[] = {
    {"outside", [](Builder& b) { b.put32(0x158, 0x6000); }, Error::LoadConfigOutside, 0x6000},
    {"longer than its section", [](Builder& b) { b.put32(0x700, 0x101); }, Error::LoadConfigOutside, 0x2100},
    {"a cookie outside", [](Builder& b) { b.put64(0x758, 0x140006000); }, Error::BadSecurityCookie, 0x2158},
    {"a cookie below the image", [](Builder& b) { b.put64(0x758, 0x8); }, Error::BadSecurityCookie, 0x2158},
    {"a cookie that cannot be written", [](Builder& b) { b.put64(0x758, 0x140002000); }, Error::BadSecurityCookie,
     0x2158},
    {"a cookie across the end", [](Builder& b) { b.put64(0x758, 0x1400047fc); }, Error::BadSecurityCookie, 0x2158},
};
INSTANTIATE_TEST_SUITE_P(LoadConfigurations, DamagedImage, testing::ValuesIn(load_configurations));

TEST(PeImage, AnUndamagedOneIsReadAsItWasWritten) {
    const auto image = Image::parse(Builder());
    ASSERT_TRUE(image) << image.error().sentence().c_str();
    EXPECT_EQ(image->preferred_base(), 0x140000000u);
    EXPECT_EQ(image->bytes(), 0x6000u);
    EXPECT_EQ(image->header_bytes(), 0x400u);
    EXPECT_EQ(image->entry_point(), 0x1010u);
    ASSERT_EQ(image->sections().size(), 4u);
    EXPECT_STREQ(image->sections()[2].name, ".data");
    EXPECT_EQ(image->sections()[2].bytes, 0x1800u);
    EXPECT_EQ(image->sections()[2].data_bytes, 0x200u);
    EXPECT_TRUE((image->sections()[0].rights == Rights{.read = true, .execute = true}));
    EXPECT_TRUE((image->sections()[2].rights == Rights{.read = true, .write = true}));
    EXPECT_TRUE(image->sections()[3].discardable);
    EXPECT_FALSE(image->sections()[0].discardable);
}

TEST(PeImage, FileDataBeyondTheSizeInMemoryDoesNotBelongToTheSection) {
    const Builder builder;
    const auto image = Image::parse(builder);
    ASSERT_TRUE(image);
    EXPECT_EQ(image->data_from(0x1000).size(), 0x100u);
    EXPECT_TRUE(image->data_from(0x1100).empty());
    EXPECT_EQ(image->data_from(0x3000).size(), 0x200u);
    EXPECT_TRUE(image->data_from(0x3200).empty());
    EXPECT_NE(image->section_at(0x47f8, 8), nullptr);
    EXPECT_EQ(image->section_at(0x47f9, 8), nullptr);
}

TEST(PeImage, WithoutTheirDirectoriesThereAreNoTables) {
    EXPECT_FALSE(problem_of(Builder().put32(0x104, 0)));
    EXPECT_FALSE(problem_of(Builder().put32(0x110, 0).put32(0x130, 0).put32(0x158, 0)));
}

// Of all places that the loader looks at: no value in any of them takes it out of the file. The sanitizers watch.
TEST(PeImage, AnyWordAnywhereIsRefusedOrTaken) {
    unsigned refused = 0;
    for (std::size_t offset = 0; offset + 4 <= 0xc00; offset += 2)
        for (const std::uint32_t word : {0u, 0xffffffffu, 0x80000000u, 0x2ffcu})
            refused += problem_of(Builder().put32(offset, word)).error != Error::None;
    EXPECT_GT(refused, 300u);
}

TEST(PeImage, AnyLengthIsRefusedOrTaken) {
    for (std::size_t bytes = 0; bytes < 0xc00; ++bytes)
        EXPECT_TRUE(problem_of(Builder().resize(bytes))) << bytes << " of 3072 bytes";
}

// The rule by hand: "MZ" is 0x5a4d; with length 2 the sum is 0x5a4f. Carries come back in at the bottom.
TEST(PeChecksum, IsTheSumOfAllWordsWithTheirCarriesAndTheLength) {
    const std::byte two[] = {std::byte{'M'}, std::byte{'Z'}};
    EXPECT_EQ(checksum_of(two, 100), 0x5a4fu);
    const std::byte carry[] = {std::byte{0xff}, std::byte{0xff}, std::byte{2}, std::byte{0}, std::byte{5}};
    EXPECT_EQ(checksum_of(carry, 100), 0x0007u + 5);
    const std::byte field[] = {std::byte{1}, std::byte{0}, std::byte{9}, std::byte{9}, std::byte{9}, std::byte{9}};
    EXPECT_EQ(checksum_of(field, 2), 1u + 6);
}

TEST(PeChecksum, ARightOneIsAccepted) {
    Builder builder;
    builder.put32(0xd8, checksum_of(builder, 0xd8));
    EXPECT_FALSE(problem_of(builder));
}

TEST(PeProblem, ASentenceNamesWhatWhereAndWhich) {
    EXPECT_STREQ(problem_of(Builder().put16(0x84, 0x14c)).sentence().c_str(),
                 "the image is not for x64 (machine 0x8664) (file offset 0x84, value 0x14c)");
    EXPECT_STREQ(problem_of(Builder().put64(0x648, 0x8000000000000007)).sentence().c_str(),
                 "a routine is imported by ordinal; link against an import library by name: NTOSKRNL.exe "
                 "(RVA 0x2088, value 0x7)");
    EXPECT_STREQ(problem_of(Builder().put32(0x1d4, 0xe0000060)).sentence().c_str(),
                 "the section is both writable and executable, which HVCI forbids drivers: .rdata "
                 "(RVA 0x2000, value 0xe0000060)");
}

TEST(PeProblem, EveryErrorHasASentenceOfItsOwn) {
    std::set<std::string> sentences;
    for (unsigned i = 0; i <= static_cast<unsigned>(Error::MissingImports); ++i) {
        EXPECT_STRNE(sentence_of(static_cast<Error>(i)), "unknown problem") << i;
        sentences.insert(sentence_of(static_cast<Error>(i)));
    }
    EXPECT_EQ(sentences.size(), static_cast<unsigned>(Error::MissingImports) + 1);
}

}  // namespace
}  // namespace remap::pe
