// SPDX-License-Identifier: MIT
#include "iommu/spec/dmar.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <vector>

namespace remap::vtd::dmar {
namespace {

std::vector<std::byte> built(const Options& options) {
    std::vector<std::byte> bytes(dmar_size(options));
    EXPECT_EQ(build_dmar(bytes, options), bytes.size());
    return bytes;
}

unsigned at(const std::vector<std::byte>& bytes, std::size_t offset) {
    return std::to_integer<unsigned>(bytes[offset]);
}

TEST(Dmar, BytesAreWhereTheManualDrawsThem) {
    const auto bytes = built({.register_base = 0xfed90000, .host_address_width = 46});
    ASSERT_EQ(bytes.size(), 64u);
    EXPECT_EQ(std::memcmp(bytes.data(), "DMAR\x40\0\0\0\x01", 9), 0);
    EXPECT_EQ(at(bytes, 36), 45u);
    EXPECT_EQ(at(bytes, 37), 0u);
    const unsigned char unit[16] = {0, 0, 16, 0, 1, 0, 0, 0, 0x00, 0x00, 0xd9, 0xfe, 0, 0, 0, 0};
    EXPECT_EQ(std::memcmp(bytes.data() + 48, unit, 16), 0);
    unsigned sum = 0;
    for (const std::byte one : bytes) sum += std::to_integer<unsigned>(one);
    EXPECT_EQ(sum % 256, 0u);
}

TEST(Dmar, ScopesNameDevicesOfAUnit) {
    const std::array<Scope, 2> scopes{
        {{.type = 1, .bus = 3, .device = 4, .function = 5}, {.type = 3, .enumeration = 9}}};
    const auto bytes = built({.register_base = 0x1000, .include_pci_all = false, .segment = 2, .scopes = scopes});
    ASSERT_EQ(bytes.size(), 80u);
    const unsigned char first[8] = {1, 8, 0, 0, 0, 3, 4, 5};
    EXPECT_EQ(std::memcmp(bytes.data() + 64, first, 8), 0);

    const auto table = Table::parse(bytes);
    ASSERT_TRUE(table);
    EXPECT_EQ(table->host_address_width(), 46u);
    EXPECT_EQ(table->unit_for(2, 3, 4, 5)->register_base, 0x1000u);
    EXPECT_FALSE(table->unit_for(2, 3, 4, 4));
    EXPECT_FALSE(table->unit_for(0, 3, 4, 5));
    EXPECT_EQ(scope_of(*table->unit(0), 1)->scope.enumeration, 9u);
    EXPECT_FALSE(scope_of(*table->unit(0), 2));
    EXPECT_FALSE(table->unit(1));
}

TEST(Dmar, IncludeAllIsTheUnitOfEverybodyElse) {
    const auto bytes = built({.register_base = 0xfed90000});
    const auto table = Table::parse(bytes);
    ASSERT_TRUE(table);
    EXPECT_EQ(table->unit_for(0, 200, 3, 1)->register_base, 0xfed90000u);
    EXPECT_EQ(table->unit(0)->window_bytes, 4096u);
    EXPECT_FALSE(table->interrupt_remapping());
}

TEST(Dmar, BuilderRefusesWhatDoesNotFit) {
    std::array<std::byte, 63> small{};
    EXPECT_EQ(build_dmar(small, {.register_base = 0x1000}), 0u);
    std::array<std::byte, 64> enough{};
    EXPECT_EQ(build_dmar(enough, {.register_base = 0x1001}), 0u);
    EXPECT_EQ(build_dmar(enough, {.register_base = 0x1000}), 64u);
}

TEST(Dmar, ParserChecksSignatureLengthAndSum) {
    auto bytes = built({.register_base = 0x1000});
    EXPECT_TRUE(Table::parse(bytes));
    EXPECT_FALSE(Table::parse(std::span(bytes).first(63)));
    EXPECT_FALSE(Table::parse({}));
    bytes[60] ^= std::byte{1};
    EXPECT_FALSE(Table::parse(bytes)) << "checksum";
    bytes[60] ^= std::byte{1};
    bytes[0] = std::byte{'X'};
    EXPECT_FALSE(Table::parse(bytes));
}

TEST(Dmar, AStructureThatLiesAboutItsLengthEndsTheTable) {
    auto bytes = built({.register_base = 0x1000});
    for (const unsigned length : {0u, 3u, 17u, 15u}) {
        bytes[50] = static_cast<std::byte>(length);
        bytes[9] = std::byte{0};
        unsigned sum = 0;
        for (const std::byte one : bytes) sum += std::to_integer<unsigned>(one);
        bytes[9] = static_cast<std::byte>(256 - sum % 256);
        const auto table = Table::parse(bytes);
        ASSERT_TRUE(table);
        EXPECT_FALSE(table->unit(0)) << length;
    }
}

// Any bytes at all: the parser ends and stays inside them (the sanitizers watch).
TEST(Dmar, SurvivesRandomTables) {
    std::mt19937 random(3);
    const std::array<Scope, 3> scopes{};
    const auto good = built({.register_base = 0x1000, .scopes = scopes});
    for (int round = 0; round < 20000; ++round) {
        auto bytes = good;
        for (unsigned i = 0; i < 1 + random() % 6; ++i)
            bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        bytes[9] = std::byte{0};
        unsigned sum = 0;
        for (const std::byte one : bytes) sum += std::to_integer<unsigned>(one);
        bytes[9] = static_cast<std::byte>(256 - sum % 256);
        const auto table = Table::parse(bytes);
        if (!table) continue;
        for (std::size_t i = 0; const auto unit = table->unit(i); ++i) {
            for (std::size_t j = 0; scope_of(*unit, j); ++j) ASSERT_LT(j, bytes.size());
            ASSERT_LT(i, bytes.size());
        }
        table->unit_for(0, 0, 0, 0);
    }
}

}  // namespace
}  // namespace remap::vtd::dmar
