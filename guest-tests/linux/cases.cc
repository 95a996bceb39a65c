// SPDX-License-Identifier: MIT
// What a stock kernel must be able to do behind the remapping unit. Suites run in the order of this file.
#include "guest-tests/linux/disk.h"
#include "guest-tests/linux/files.h"
#include "guest-tests/linux/host.h"
#include "guest-tests/linux/kernel_log.h"
#include "guest-tests/linux/network.h"
#include "guest-tests/linux/options.h"
#include "guest-tests/linux/pci_device.h"
#include "guest-tests/linux/unit.h"
#include "iommu/spec/registers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace remap::linux_guest {

namespace {

constexpr std::uint64_t mebibyte = 1 << 20;
const std::string strict_domain = "DMA";

// The one NVMe disk, once its driver has found it; an empty name when it does not.
std::string disk_name() {
    std::vector<std::string> disks;
    wait_until([&] {
        const auto controllers = devices_of("nvme");
        disks = controllers.empty() ? std::vector<std::string>() : controllers.front().disks();
        return !disks.empty();
    });
    return disks.empty() ? std::string() : disks.front();
}

std::vector<std::string> network_interfaces() {
    std::vector<std::string> names;
    for (const PciDevice& device : devices_of("e1000e"))
        for (const std::string& name : device.network_interfaces()) names.push_back(name);
    return names;
}

// A series of words for each pass over a disk or a wire, so that what an earlier one left is not taken for its own.
std::uint64_t new_series() {
    static std::atomic<std::uint64_t> last = 0;
    return last += 2;
}

testing::AssertionResult exchange_between_the_cards(std::uint64_t bytes) {
    const auto names = network_interfaces();
    if (names.size() != 2) return testing::AssertionFailure() << names.size() << " network interfaces, not 2";
    return exchange(names[0], names[1], bytes, new_series());
}

testing::AssertionResult keeps(const Disk& disk, ByteRange range) {
    const std::uint64_t series = new_series();
    const auto written = disk.write(range, series);
    return written ? disk.read_back(range, series) : written;
}

// The value behind "name=" in the host's answer.
std::optional<std::uint64_t> counter(const std::string& answer, const std::string& name) {
    std::istringstream words(answer);
    for (std::string word; words >> word;)
        if (word.starts_with(name + "=")) return std::stoull(word.substr(name.size() + 1));
    return std::nullopt;
}

}  // namespace

TEST(Boot, FindsTheUnitAndTurnsTranslationOn) {
    const auto log = kernel_log();
    EXPECT_NE(find_message(log, "DMAR: IOMMU enabled"), "");
    EXPECT_NE(find_message(log, "DMAR: Intel(R) Virtualization Technology for Directed I/O"), "");
    const auto unit = Unit::find();
    ASSERT_TRUE(unit);
    const std::uint32_t status = unit->read32(vtd::global_command::status_offset);
    EXPECT_TRUE(vtd::global_command::Translation::get(status)) << std::hex << status;
    EXPECT_TRUE(vtd::global_command::SetRootTable::get(status)) << std::hex << status;
    EXPECT_TRUE(vtd::global_command::QueuedInvalidation::get(status)) << std::hex << status;
}

TEST(Boot, ChoosesTheModeThatIsWanted) {
    const auto unit = Unit::find();
    ASSERT_TRUE(unit);
    const std::uint64_t root = unit->read64(vtd::root_table::offset);
    const auto mode = vtd::root_table::TranslationMode::get(root);
    note("root table register 0x%lx, extended capabilities 0x%lx", root,
         unit->read64(vtd::extended_capability::offset));
    if (!options().scalable) return;
    EXPECT_EQ(mode, *options().scalable ? vtd::root_table::Mode::Scalable : vtd::root_table::Mode::Legacy);
    const std::uint64_t queue = unit->read64(vtd::queue_address::offset);
    EXPECT_EQ(vtd::queue_address::WideDescriptors::get(queue), *options().scalable);
}

TEST(Boot, InvalidatesStrictly) {
    EXPECT_NE(find_message(kernel_log(), "DMA domain TLB invalidation policy: strict mode"), "")
        << find_message(kernel_log(), "invalidation policy");
}

TEST(Boot, GivesItsDisksAndNetworkTranslatedDomains) {
    ASSERT_NE(disk_name(), "");
    ASSERT_EQ(devices_of("nvme").size(), 1u);
    ASSERT_EQ(devices_of("e1000e").size(), 2u);
    for (const char* driver : {"nvme", "e1000e"})
        for (const PciDevice& device : devices_of(driver))
            EXPECT_EQ(device.domain_type(), strict_domain) << driver << " " << device.address();
}

TEST(Disk, KeepsWhatIsWritten) {
    const Disk disk(disk_name());
    EXPECT_TRUE(keeps(disk, {0, options().disk_mib * mebibyte}));
}

TEST(Network, CarriesEveryFrameBothWays) { EXPECT_TRUE(exchange_between_the_cards(options().network_mib * mebibyte)); }

TEST(DiskAndNetwork, WorkAtTheSameTime) {
    const Disk disk(disk_name());
    const ByteRange part{disk.bytes() / 2, disk.bytes() / 16};
    const std::jthread beside([&] { EXPECT_TRUE(keeps(disk, part)); });
    EXPECT_TRUE(exchange_between_the_cards(options().network_mib * mebibyte / 4));
}

// The kernel detaches the device and attaches it anew, each time to a domain of another kind.
TEST(Domains, CanBeExchangedUnderTheDisk) {
    ASSERT_NE(disk_name(), "");
    const PciDevice controller = devices_of("nvme").at(0);
    const ByteRange part{16 * mebibyte, 16 * mebibyte};
    const std::uint64_t series = new_series();
    ASSERT_TRUE(Disk(disk_name()).write(part, series));
    for (const std::string type : {"identity", "DMA", "identity", "DMA"}) {
        SCOPED_TRACE(type);
        ASSERT_EQ(controller.unbind("nvme"), 0);
        ASSERT_EQ(controller.set_domain_type(type), 0);
        ASSERT_EQ(controller.bind("nvme"), 0);
        EXPECT_EQ(controller.domain_type(), type);
        ASSERT_TRUE(Disk(disk_name()).read_back(part, series));
    }
}

TEST(Afterwards, TheKernelHasNothingToComplainOf) {
    for (const std::string& message : complaints(kernel_log())) ADD_FAILURE() << message;
}

TEST(Afterwards, TheUnitIsOnAndHoldsNoFault) {
    const auto unit = Unit::find();
    ASSERT_TRUE(unit);
    EXPECT_TRUE(vtd::global_command::Translation::get(unit->read32(vtd::global_command::status_offset)));
    EXPECT_EQ(unit->read32(vtd::fault_status::offset), 0u);
    for (const std::uint64_t fault : unit->faults()) ADD_FAILURE() << "fault record " << std::hex << fault;
}

// Only the emulated hardware can know. A unit that does not count has nothing to answer.
TEST(Afterwards, NoTranslationWasUsedStale) {
    const std::string counters = ask("@counters");
    ASSERT_NE(counters, "") << "no answer from the host";
    note("counters of the unit: %s", counters.c_str());
    EXPECT_EQ(counter(counters, "stale-uses").value_or(0), 0u);
}

}  // namespace remap::linux_guest
