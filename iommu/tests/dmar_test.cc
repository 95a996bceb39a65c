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

TEST(Dmar, FlagsOfTheTable) {
    const auto flags = [](const Options& options) { return at(built(options), 37); };
    EXPECT_EQ(flags({.register_base = 0x1000, .interrupt_remapping = true}), 1u);
    EXPECT_EQ(flags({.register_base = 0x1000, .x2apic_opt_out = true}), 2u);
    EXPECT_EQ(flags({.register_base = 0x1000, .platform_opt_in = true}), 4u);
    const auto bytes = built({.register_base = 0x1000, .interrupt_remapping = true, .x2apic_opt_out = true});
    const auto table = Table::parse(bytes);
    ASSERT_TRUE(table);
    EXPECT_TRUE(table->interrupt_remapping());
    EXPECT_TRUE(table->x2apic_opt_out());
    EXPECT_FALSE(table->platform_opt_in());
}

// 8.3.1: an IOAPIC's scope has the id that ACPI's MADT gives it, and the source id of its interrupts as a path.
TEST(Dmar, AnIoapicIsAScopeOfTheUnit) {
    const std::array<Scope, 1> scopes{{{.type = 3, .enumeration = 0, .bus = 0xff, .device = 0, .function = 0}}};
    const auto bytes = built({.register_base = 0xfed90000, .interrupt_remapping = true, .scopes = scopes});
    ASSERT_EQ(bytes.size(), 72u);
    const unsigned char unit[24] = {0, 0, 24, 0, 1, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0, 3, 8, 0, 0, 0, 0xff, 0, 0};
    EXPECT_EQ(std::memcmp(bytes.data() + 48, unit, 24), 0);
    EXPECT_EQ(Table::parse(bytes)->unit_for(0, 0xff, 0, 0)->register_base, 0xfed90000u);
}

TEST(Dmar, RootPortsBelowWhichDevicesMayTranslate) {
    const auto all = built({.register_base = 0x1000, .segment = 3, .ats_all_ports = true});
    ASSERT_EQ(all.size(), 72u);
    const unsigned char every[8] = {2, 0, 8, 0, 1, 0, 3, 0};
    EXPECT_EQ(std::memcmp(all.data() + 64, every, 8), 0);
    EXPECT_TRUE(Table::parse(all)->ats_below(3, 0, 0x1c, 0));
    EXPECT_FALSE(Table::parse(all)->ats_below(2, 0, 0x1c, 0));
    EXPECT_EQ(Table::parse(all)->unit(0)->scopes.size(), 0u);

    const std::array<Scope, 2> ports{
        {{.type = 2, .bus = 0, .device = 0x1c, .function = 4}, {.type = 1, .bus = 0, .device = 0x1d}}};
    const auto one = built({.register_base = 0x1000, .ats_ports = ports});
    ASSERT_EQ(one.size(), 88u);
    const unsigned char port[16] = {2, 0, 24, 0, 0, 0, 0, 0, 2, 8, 0, 0, 0, 0, 0x1c, 4};
    EXPECT_EQ(std::memcmp(one.data() + 64, port, 16), 0);
    EXPECT_TRUE(Table::parse(one)->ats_below(0, 0, 0x1c, 4));
    EXPECT_FALSE(Table::parse(one)->ats_below(0, 0, 0x1c, 0));
    EXPECT_FALSE(Table::parse(one)->ats_below(0, 0, 0x1d, 0)) << "an endpoint is no port";

    const auto none = built({.register_base = 0x1000});
    EXPECT_EQ(none.size(), 64u);
    EXPECT_FALSE(Table::parse(none)->ats_below(0, 0, 0x1c, 4));
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
    const auto good = built({.register_base = 0x1000, .scopes = scopes, .ats_ports = scopes});
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
        table->ats_below(0, 0, 0, 0);
    }
}

}  // namespace
}  // namespace remap::vtd::dmar
