// SPDX-License-Identifier: MIT
// Snapshots of a unit that remaps interrupts: the table, the mode and the cached entries.
#include "base/archive.h"
#include "iommu/tests/interrupt_bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace remap::iommu {
namespace {

using test::entry_high;
using test::entry_low;
using test::entry_message;
using test::InterruptBench;
using test::Machine;
using test::request;

class InterruptSnapshots : public testing::Test {
protected:
    static std::vector<std::byte> saved(Iommu& unit) {
        std::vector<std::byte> bytes(unit.save({}));
        EXPECT_EQ(unit.save(bytes), bytes.size());
        return bytes;
    }
    // Replaces eight bytes, and makes the checksum right again.
    static std::vector<std::byte> forged(std::vector<std::byte> bytes, std::uint64_t old_word, std::uint64_t new_word) {
        std::vector<std::byte> wanted(8);
        std::memcpy(wanted.data(), &old_word, 8);
        const auto found = std::search(bytes.begin() + 16, bytes.end(), wanted.begin(), wanted.end());
        EXPECT_NE(found, bytes.end());
        std::memcpy(&*found, &new_word, 8);
        const std::uint32_t sum = crc32(crc32(0, std::span(bytes).first(12)), std::span(bytes).subspan(16));
        std::memcpy(bytes.data() + 12, &sum, sizeof sum);
        return bytes;
    }
};

TEST_F(InterruptSnapshots, AUnitThatWasLoadedGoesOn) {
    InterruptBench from;
    from.let_compatibility_pass(true);
    EXPECT_EQ(from.send(request(5)).message, entry_message);
    from.write64(0xb8, 0x50007);
    from.set(5, 0, 0);

    InterruptBench to;
    to.switch_off();
    to.set_table(0x60000);
    ASSERT_FALSE(to.unit.load(saved(from.unit)));
    to.ram.set(0x40050, 0);
    EXPECT_EQ(to.read32(0x1c), 0x03800000u);
    EXPECT_EQ(to.read64(0xb8), 0x50007u);
    EXPECT_EQ(to.send(request(5)).message, entry_message) << "from the cache that was loaded";
    EXPECT_TRUE(to.send(0xfee05000, 0x31).allowed);
    to.set(9, entry_low, entry_high);
    EXPECT_EQ(to.send(request(9)).message, entry_message) << "from the table in force, not the one written since";
    to.start_queue();
    to.forget(5);
    EXPECT_EQ(to.send(request(5)).fault_reason, 0x22u);
    EXPECT_EQ(to.unit.statistics().interrupts, from.unit.statistics().interrupts + 4);
}

TEST_F(InterruptSnapshots, AForgedOneIsRefusedOrDoesNoHarm) {
    InterruptBench bench;
    bench.set(77, entry_low, entry_high);
    bench.send(request(77));
    const std::vector<std::byte> whole = saved(bench.unit);
    const std::uint64_t in_force = 0x40007 | 1 << 4;
    for (const std::uint64_t wrong : {in_force | 0x800, in_force | 0x40, in_force | std::uint64_t{1} << 63})
        EXPECT_TRUE(bench.unit.load(forged(whole, in_force, wrong))) << "bits that the register does not have";
    EXPECT_TRUE(bench.unit.load(forged(whole, 77, 0x10000))) << "an index that no entry has";
    EXPECT_FALSE(bench.unit.load(forged(whole, entry_low, ~std::uint64_t{0})));
    EXPECT_EQ(bench.send(request(77)).fault_reason, 0x24u) << "an entry that no unit would have cached";

    Machine without;
    EXPECT_TRUE(without.unit.load(whole)) << "a unit without interrupt remapping";
}

}  // namespace
}  // namespace remap::iommu
