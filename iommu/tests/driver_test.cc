// SPDX-License-Identifier: MIT
// The driver's side and the unit together, over one RAM.
#include "iommu/driver/unit.h"
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace remap::vtd_driver {
namespace {

using iommu::Access;
using test::Machine;
using test::Window;

// Spoils what the driver reads, and counts what it writes.
class Tampering final : public RegisterPort {
public:
    explicit Tampering(iommu::Iommu& unit) : window_(unit) {}

    std::uint32_t read32(std::uint64_t offset) override {
        if (offset == dead_register) return 0;
        return window_.read32(offset);
    }
    std::uint64_t read64(std::uint64_t offset) override {
        if (offset == 0x08) return (window_.read64(offset) & ~capability_off) | capability_on;
        if (offset == 0x10) return window_.read64(offset) & ~extended_off;
        return window_.read64(offset);
    }
    void write32(std::uint64_t offset, std::uint32_t value) override { window_.write32(offset, value); }
    void write64(std::uint64_t offset, std::uint64_t value) override {
        ++writes[offset];
        last[offset] = value;
        window_.write64(offset, value);
    }

    std::uint64_t dead_register = ~0ull;
    std::uint64_t capability_on = 0, capability_off = 0, extended_off = 0;
    std::map<std::uint64_t, unsigned> writes;
    std::map<std::uint64_t, std::uint64_t> last;

private:
    Window window_;
};

struct Setup {
    Invalidation invalidation;
    unsigned width;
    bool huge;
};

class Driver : public testing::TestWithParam<Setup> {
protected:
    Driver()
        : machine({.address_width = GetParam().width, .huge_pages = GetParam().huge}),
          window(machine.unit),
          unit(window, machine.ram) {
        EXPECT_EQ(unit.start({.invalidation = GetParam().invalidation}), Error::None);
    }

    Domain& domain() {
        Error error = Error::None;
        Domain* made = unit.create_domain(error);
        EXPECT_NE(made, nullptr) << name_of(error);
        return *made;
    }

    // The domain id in a context entry, by the tables in memory (VT-d sections 9.1 and 9.3).
    std::uint64_t domain_id_of(std::uint16_t source) {
        const std::uint64_t contexts = machine.ram.get(machine.read64(0x20) + (source >> 8) * 16u) & ~0xfffull;
        return machine.ram.get(contexts + (source & 0xff) * 16u + 8) >> 8 & 0xffff;
    }

    static constexpr std::uint16_t device = 0x0310;

    Machine machine;
    Tampering window;
    Unit unit;
};

INSTANTIATE_TEST_SUITE_P(Forms, Driver,
                         testing::Values(Setup{Invalidation::Queue, 48, true}, Setup{Invalidation::Queue, 39, false},
                                         Setup{Invalidation::Registers, 48, false},
                                         Setup{Invalidation::Registers, 39, true}),
                         [](const auto& info) {
                             return std::string(info.param.invalidation == Invalidation::Queue ? "Queue"
                                                                                               : "Registers") +
                                    std::to_string(info.param.width) + (info.param.huge ? "Huge" : "");
                         });

TEST_P(Driver, AfterStartNobodyMayDoDma) {
    EXPECT_EQ(machine.read32(0x1c) >> 31, 1u);
    EXPECT_EQ(unit.address_width(), GetParam().width);
    EXPECT_EQ(machine.reason(device, 0), 1u);
    const auto fault = unit.take_fault();
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->reason, 1u);
    EXPECT_EQ(fault->source, device);
    EXPECT_FALSE(unit.take_fault());
}

TEST_P(Driver, StartsAfterSoftwareThatLeftAQueueErrorBehind) {
    ASSERT_EQ(unit.stop(), Error::None);
    machine.ram.set(0x20000, 0xf);  // no descriptor type
    machine.write64(0x88, 0);
    machine.write64(0x90, 0x20000);
    machine.write32(0x18, 0x04000000);
    machine.write64(0x88, 0x10);
    ASSERT_EQ(machine.read32(0x34), 0x10u) << "IQE";
    ASSERT_EQ(unit.start({.invalidation = GetParam().invalidation}), Error::None);
    EXPECT_EQ(machine.read32(0x34), 0u);
    Domain& one = domain();
    ASSERT_EQ(unit.map(one, {5}, {6}, 1, {}), Error::None);
    EXPECT_EQ(unit.unmap(one, {5}, 1), Error::None);
}

TEST_P(Driver, MapTranslateUnmapFault) {
    Domain& one = domain();
    ASSERT_EQ(unit.attach(device, one), Error::None);
    ASSERT_EQ(unit.map(one, {0x12345}, {0x777}, 3, {}), Error::None);
    EXPECT_EQ(machine.access(device, 0x12346abc, Access::Write).address.value, 0x778abcu);
    EXPECT_EQ(unit.lookup(one, {0x12346abc})->value, 0x778abcu);
    EXPECT_EQ(unit.map(one, {0x12347}, {0x1}, 9, {}), Error::AlreadyMapped);
    EXPECT_EQ(unit.unmap(one, {0x12345}, 4), Error::NotMapped);
    EXPECT_EQ(unit.unmap(one, {0x12345}, 3), Error::None);
    EXPECT_EQ(machine.reason(device, 0x12346abc, Access::Write), 5u);
    const auto fault = unit.take_fault();
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->page.value, 0x12346000u);
    EXPECT_TRUE(fault->write);
    EXPECT_EQ(unit.detach(device), Error::None);
    EXPECT_EQ(machine.reason(device, 0x12346abc), 2u);
    unit.destroy_domain(&one);
}

TEST_P(Driver, RightsAreKept) {
    Domain& one = domain();
    ASSERT_EQ(unit.attach(device, one), Error::None);
    ASSERT_EQ(unit.map(one, {1}, {0x100}, 1, {.read = true, .write = false}), Error::None);
    ASSERT_EQ(unit.map(one, {2}, {0x101}, 1, {.read = false, .write = true}), Error::None);
    EXPECT_EQ(unit.map(one, {3}, {0x101}, 1, {.read = false, .write = false}), Error::NotOffered);
    EXPECT_EQ(machine.reason(device, 0x1000, Access::Write), 5u);
    EXPECT_EQ(machine.reason(device, 0x2000, Access::Read), 6u);
    EXPECT_EQ(machine.reason(device, 0x2000, Access::Write), 0u);
}

TEST_P(Driver, HugeLeavesAreUsedAndSplit) {
    Domain& one = domain();
    ASSERT_EQ(unit.attach(device, one), Error::None);
    ASSERT_EQ(unit.map(one, {0x40000}, {0x80000}, 0x40000, {}), Error::None);
    EXPECT_EQ(machine.access(device, 0x40000000).granule, GetParam().huge ? 0x40000000u : 0x1000u);
    ASSERT_EQ(unit.unmap(one, {0x40000 + 0x12345}, 1), Error::None);
    // The whole leaf must have been forgotten, not only the page.
    EXPECT_EQ(machine.reason(device, 0x40000000 + 0x12345000), 6u);
    EXPECT_EQ(machine.access(device, 0x40000000 + 0x12346000).address.value, 0x80000000 + 0x12346000u);
    EXPECT_EQ(machine.access(device, 0x40000000).granule, GetParam().huge ? 0x200000u : 0x1000u);
}

TEST_P(Driver, PassThroughAndBack) {
    Domain& one = domain();
    ASSERT_EQ(unit.map(one, {0}, {0x555}, 1, {}), Error::None);
    ASSERT_EQ(unit.attach_pass_through(device), Error::None);
    EXPECT_EQ(machine.access(device, 0x123456000).address.value, 0x123456000u);
    ASSERT_EQ(unit.attach(device, one), Error::None);
    EXPECT_EQ(machine.access(device, 0).address.value, 0x555000u);
    ASSERT_EQ(unit.attach_pass_through(device), Error::None);
    EXPECT_EQ(machine.access(device, 0).address.value, 0u);
}

TEST_P(Driver, MovingADeviceForgetsTheOldDomain) {
    Domain& one = domain();
    Domain& two = domain();
    ASSERT_EQ(unit.map(one, {7}, {0x111}, 1, {}), Error::None);
    ASSERT_EQ(unit.map(two, {7}, {0x222}, 1, {}), Error::None);
    ASSERT_EQ(unit.attach(device, one), Error::None);
    EXPECT_EQ(machine.access(device, 0x7000).address.value, 0x111000u);
    ASSERT_EQ(unit.attach(device, two), Error::None);
    EXPECT_EQ(machine.access(device, 0x7000).address.value, 0x222000u);
    EXPECT_EQ(machine.reason(device + 1, 0x7000), 2u);
}

TEST_P(Driver, TheLastPageOfTheWidth) {
    Domain& one = domain();
    const std::uint64_t last = (1ull << (GetParam().width - 12)) - 1;
    EXPECT_EQ(unit.map(one, {last}, {5}, 2, {}), Error::OutOfRange);
    EXPECT_EQ(unit.map(one, {last + 1}, {5}, 1, {}), Error::OutOfRange);
    ASSERT_EQ(unit.map(one, {last}, {5}, 1, {}), Error::None);
    ASSERT_EQ(unit.attach(device, one), Error::None);
    EXPECT_EQ(machine.access(device, last << 12).address.value, 0x5000u);
    EXPECT_EQ(unit.unmap(one, {last}, 0), Error::OutOfRange);
}

TEST_P(Driver, FaultsComeOldestFirstAndOverflowIsCleared) {
    for (unsigned round = 0; round < 3; ++round) {
        for (unsigned i = 0; i < 11; ++i) machine.access(static_cast<std::uint16_t>(i), 0);
        for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(unit.take_fault()->source, i);
        for (unsigned i = 4; i < 8; ++i) EXPECT_EQ(unit.take_fault()->source, i);
        EXPECT_FALSE(unit.take_fault());
        EXPECT_EQ(machine.read32(0x34), 0u);
    }
    machine.access(1, 0);
    machine.access(2, 0);
    EXPECT_EQ(unit.take_fault()->source, 1u);
    for (unsigned i = 3; i < 10; ++i) machine.access(static_cast<std::uint16_t>(i), 0);
    for (unsigned i = 2; i < 10; ++i) EXPECT_EQ(unit.take_fault()->source, i);
}

TEST_P(Driver, FaultEvent) {
    unit.enable_fault_event(0x12fee00000, 0x41);
    machine.access(device, 0);
    ASSERT_EQ(machine.interrupts.sent.size(), 1u);
    EXPECT_EQ(machine.interrupts.sent[0].address, 0x12fee00000u);
    EXPECT_EQ(machine.interrupts.sent[0].data, 0x41u);
}

TEST_P(Driver, NoMemoryChangesNothing) {
    Domain& one = domain();
    ASSERT_EQ(unit.map(one, {0}, {1}, 1, {}), Error::None);
    machine.ram.tables_left = 1;
    EXPECT_EQ(unit.map(one, {0x40000}, {9}, 1, {}), Error::NoMemory);
    EXPECT_EQ(machine.ram.tables_left, 1u);
    machine.ram.tables_left = 0;
    Error error = Error::None;
    EXPECT_EQ(unit.create_domain(error), nullptr);
    EXPECT_EQ(error, Error::NoMemory);
    EXPECT_EQ(unit.attach(device, one), Error::NoMemory);
    machine.ram.tables_left = 100;
    EXPECT_EQ(unit.attach(device, one), Error::None);
}

TEST_P(Driver, EverythingIsGivenBack) {
    const std::uint64_t left = machine.ram.tables_left;
    {
        Machine other;
        Window its_window(other.unit);
        const std::uint64_t all = other.ram.tables_left;
        {
            Unit another(its_window, other.ram);
            ASSERT_EQ(another.start({.invalidation = GetParam().invalidation}), Error::None);
            Error error = Error::None;
            Domain* one = another.create_domain(error);
            ASSERT_EQ(another.map(*one, {5}, {6}, 7, {}), Error::None);
            ASSERT_EQ(another.attach(0xffff, *one), Error::None);
        }
        EXPECT_EQ(other.ram.tables_left, all);
        EXPECT_EQ(other.read32(0x1c) & 0x84000000, 0u);
    }
    EXPECT_EQ(machine.ram.tables_left, left);
}

TEST_P(Driver, StopsAndStartsAgainWithItsDomains) {
    Domain& one = domain();
    ASSERT_EQ(unit.map(one, {5}, {6}, 1, {}), Error::None);
    ASSERT_EQ(unit.attach(device, one), Error::None);
    ASSERT_EQ(unit.stop(), Error::None);
    EXPECT_EQ(unit.attach(device, one), Error::NotOffered);
    EXPECT_EQ(machine.access(device, 0x5000).address.value, 0x5000u) << "untranslated";
    ASSERT_EQ(unit.start({.invalidation = GetParam().invalidation}), Error::None);
    EXPECT_NE(machine.reason(device, 0x5000), 0u);
    Domain& two = domain();
    ASSERT_EQ(unit.attach(device, one), Error::None);
    ASSERT_EQ(unit.attach(device + 1, two), Error::None);
    ASSERT_EQ(unit.map(two, {5}, {9}, 1, {}), Error::None);
    EXPECT_EQ(machine.access(device, 0x5000).address.value, 0x6000u);
    EXPECT_EQ(machine.access(device + 1, 0x5000).address.value, 0x9000u);
    ASSERT_EQ(unit.attach_pass_through(device + 2), Error::None);
    EXPECT_NE(domain_id_of(device), domain_id_of(device + 1)) << "ids of domains that are older than the start";
    EXPECT_NE(domain_id_of(device), domain_id_of(device + 2));
    EXPECT_NE(domain_id_of(device + 1), domain_id_of(device + 2));
    EXPECT_NE(domain_id_of(device) * domain_id_of(device + 1) * domain_id_of(device + 2), 0u) << "0 is reserved";
    ASSERT_EQ(unit.unmap(two, {5}, 1), Error::None);
    EXPECT_EQ(machine.access(device, 0x5000).address.value, 0x6000u);
}

// Against a map of pages, through the unit with its caches warm: a forgotten invalidation shows.
TEST_P(Driver, AgreesWithAMapOfPagesOverARandomHistory) {
    Domain& one = domain();
    ASSERT_EQ(unit.attach(device, one), Error::None);
    std::map<std::uint64_t, std::uint64_t> model;
    std::mt19937 random(11);
    const std::uint64_t base = 0x40000 - 1024;
    for (int step = 0; step < 400; ++step) {
        std::uint64_t first = base + random() % 2048;
        if (random() % 2) first &= ~511ull;
        std::uint64_t pages = 1 + random() % (random() % 2 ? 8 : 700);
        if (random() % 2) {
            const std::uint64_t to = (first & 0xffff) + (random() % 2 ? 0x10000 : 0x10007);
            const bool any = model.lower_bound(first) != model.lower_bound(first + pages);
            ASSERT_EQ(unit.map(one, {first}, {to}, pages, {}), any ? Error::AlreadyMapped : Error::None);
            for (std::uint64_t i = 0; !any && i < pages; ++i) model[first + i] = to + i;
        } else if (!model.empty()) {
            const auto near = model.lower_bound(first);
            first = near == model.end() ? model.begin()->first : near->first;
            std::uint64_t run = 1;
            while (run < pages && model.count(first + run) != 0) ++run;
            ASSERT_EQ(unit.unmap(one, {first}, run), Error::None);
            model.erase(model.lower_bound(first), model.lower_bound(first + run));
        }
        for (std::uint64_t page = base - 8; page < base + 2800; page += 1 + random() % 5) {
            const auto expected = model.find(page);
            const auto result = machine.access(device, page << 12);
            ASSERT_EQ(result.allowed, expected != model.end()) << "step " << step << " page " << page;
            if (!result.allowed) continue;
            ASSERT_EQ(result.address.page().number, expected->second) << "step " << step;
        }
    }
}

TEST(DriverStart, RefusesWhatIsNotThere) {
    Machine machine({.address_width = 39});
    Tampering window(machine.unit);
    Unit unit(window, machine.ram);
    EXPECT_EQ(unit.start({.levels = 4}), Error::NotOffered);
    window.capability_on = ~0ull;
    EXPECT_EQ(unit.start({}), Error::NoUnit);
    window.capability_on = 0;
    window.extended_off = 2;
    EXPECT_EQ(unit.start({.invalidation = Invalidation::Queue}), Error::NotOffered);
    EXPECT_EQ(unit.start({.invalidation = Invalidation::Registers}), Error::None);
    EXPECT_EQ(unit.start({.invalidation = Invalidation::Registers, .levels = 3}), Error::None) << "once more";
    window.extended_off = 0x40;
    EXPECT_EQ(unit.start({.invalidation = Invalidation::Registers}), Error::None);
    EXPECT_EQ(unit.attach_pass_through(1), Error::NotOffered);
}

TEST(DriverStart, AUnitThatDoesNotAnswerTimesOut) {
    Machine machine;
    Tampering window(machine.unit);
    Unit unit(window, machine.ram);
    window.dead_register = 0x1c;
    EXPECT_EQ(unit.start({}), Error::Timeout);
    window.dead_register = ~0ull;
    EXPECT_EQ(unit.start({}), Error::None);
}

TEST(DriverInvalidation, PageSelectiveIsUsedUpToTheMaximumMask) {
    Machine machine;
    Tampering window(machine.unit);
    Unit unit(window, machine.ram);
    window.capability_off = 0x3full << 48;
    window.capability_on = 4ull << 48;  // MAMV 4: sixteen pages
    ASSERT_EQ(unit.start({.invalidation = Invalidation::Registers}), Error::None);
    Error error = Error::None;
    Domain& one = *unit.create_domain(error);
    ASSERT_EQ(unit.map(one, {0x100}, {0x1}, 64, {}), Error::None);
    ASSERT_EQ(unit.unmap(one, {0x101}, 14), Error::None);
    EXPECT_EQ(window.last[0xf8] >> 60 & 3, 3u) << "page selective";
    EXPECT_EQ(window.last[0xf0], 0x100004u);
    ASSERT_EQ(unit.unmap(one, {0x110}, 17), Error::None);
    EXPECT_EQ(window.last[0xf8] >> 60 & 3, 2u) << "domain selective";
}

// Section 6.5.2.3: software must give the mask of the leaf's size, 9 for 2 MiB and 18 for 1 GiB.
TEST(DriverInvalidation, ASplitLeafIsInvalidatedWhole) {
    Machine machine;
    Tampering window(machine.unit);
    Unit unit(window, machine.ram);
    ASSERT_EQ(unit.start({.invalidation = Invalidation::Registers}), Error::None);
    Error error = Error::None;
    Domain& one = *unit.create_domain(error);
    ASSERT_EQ(unit.map(one, {0x40000}, {0x40000}, 0x40200, {}), Error::None);
    ASSERT_EQ(unit.unmap(one, {0x80003}, 1), Error::None);
    EXPECT_EQ(window.last[0xf0], 0x80000009u);
    ASSERT_EQ(unit.unmap(one, {0x51234}, 1), Error::None);
    EXPECT_EQ(window.last[0xf0], 0x40000012u);
    ASSERT_EQ(unit.unmap(one, {0x51238}, 4), Error::None);
    EXPECT_EQ(window.last[0xf0], 0x51238002u);
}

TEST(DriverInvalidation, CachingModeInvalidatesAfterMap) {
    for (const bool caching_mode : {false, true}) {
        Machine machine;
        Tampering window(machine.unit);
        Unit unit(window, machine.ram);
        window.capability_on = caching_mode ? 1ull << 7 : 0;
        ASSERT_EQ(unit.start({.invalidation = Invalidation::Registers}), Error::None);
        Error error = Error::None;
        Domain& one = *unit.create_domain(error);
        const unsigned before = window.writes[0xf8];
        ASSERT_EQ(unit.map(one, {1}, {1}, 1, {}), Error::None);
        EXPECT_EQ(window.writes[0xf8] - before, caching_mode ? 1u : 0u);
    }
}

// A descriptor the unit refuses: the caller hears of it, tables stay until a later invalidation, and the queue goes on.
TEST(DriverInvalidation, AQueueErrorIsReportedAndMended) {
    Machine machine;
    Tampering window(machine.unit);
    Unit unit(window, machine.ram);
    window.capability_on = 0x3full << 48;  // the driver believes in masks the unit refuses
    ASSERT_EQ(unit.start({.invalidation = Invalidation::Queue}), Error::None);
    Error error = Error::None;
    Domain& one = *unit.create_domain(error);
    ASSERT_EQ(unit.attach(1, one), Error::None);
    ASSERT_EQ(unit.map(one, {0}, {0}, 0x80001, {}), Error::None);
    EXPECT_EQ(machine.access(1, 0x80000000).address.value, 0x80000000u);
    const std::uint64_t tables = machine.ram.tables_left;
    EXPECT_EQ(unit.unmap(one, {0}, 0x80001), Error::QueueError);
    EXPECT_EQ(machine.read32(0x34), 0u);
    EXPECT_EQ(machine.ram.tables_left, tables) << "nothing is freed that the unit may know";
    EXPECT_EQ(machine.access(1, 0x80000000).address.value, 0x80000000u) << "stale";
    ASSERT_EQ(unit.map(one, {0}, {0}, 1, {}), Error::None);
    ASSERT_EQ(unit.unmap(one, {0}, 1), Error::None);
    EXPECT_EQ(machine.reason(1, 0x80000000), 6u) << "the whole domain was forgotten";
    EXPECT_GT(machine.ram.tables_left, tables);
}

}  // namespace
}  // namespace remap::vtd_driver
