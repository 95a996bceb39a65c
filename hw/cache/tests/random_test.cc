// SPDX-License-Identifier: MIT
// The model against the reference, over random accesses to a few lines: bytes that each access gets, findings with
// their culprits, memory at the end.
#include "hw/cache/tests/reference.h"
#include "hw/cache/tests/rig.h"

#include <random>

namespace remap::cache::test {
namespace {

constexpr std::uint64_t base = Rig::page + page_size - 128;  // two lines of one page and two of the next
constexpr std::uint64_t span = 256;                          // bytes

class Driver {
public:
    Driver(std::mt19937_64& random, const Options& options)
        : random_(random), options_(options), rig_(options), reference_(options, rig_.memory.size()) {}

    void run(unsigned operations) {
        for (unsigned i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
            code_ = 0x1000 + i;
            step();
            compare();
        }
        compare_bytes();
    }

    const std::vector<Finding>& found() const { return reference_.found(); }

private:
    std::uint64_t pick(std::uint64_t below) { return random_() % below; }

    CpuAccess access() {
        static constexpr MemoryType types[] = {wb, wb, wb, wc, wc, uc, uc_minus, wt, wp};
        CpuAccess made;
        made.bytes = pick(8) == 0 ? 1 + pick(100) : std::uint64_t{1} << pick(4);
        made.address = {base + pick(span - made.bytes + 1)};
        made.origin = {code_,
                       {made.address.value + Rig::virtual_offset},
                       static_cast<unsigned>(pick(3)),
                       types[pick(std::size(types))]};
        made.non_temporal = pick(8) == 0;
        return made;
    }

    DmaAccess dma(bool write) {
        DmaAccess made;
        made.origin.bytes = 1 + pick(pick(4) == 0 ? 150 : 16);
        made.address = {base + pick(span - made.origin.bytes + 1)};
        made.origin.address = {made.address.value + Rig::bus_offset + code_};  // so that each is known again
        made.origin.write = write;
        made.origin.snoop = pick(3) == 0;
        return made;
    }

    // Values that the byte did not have for long, so that equal ones are rare; now and then what is there already.
    std::vector<std::uint8_t> values(std::uint64_t address, std::uint64_t bytes) {
        std::vector<std::uint8_t> made(bytes);
        const bool same = pick(10) == 0;
        for (std::uint64_t i = 0; i < bytes; ++i) {
            std::uint8_t& last = last_[address + i - base];
            made[i] = same || pick(16) == 0 ? reference_.coherent(address + i) : ++last;
        }
        return made;
    }

    void step() {
        const std::uint64_t kind = pick(100);
        if (kind < 30) return load();
        if (kind < 58) return store();
        if (kind < 68) return dma_read();
        if (kind < 78) return dma_write();
        if (kind < 92) return flush();
        if (kind < 98) return fence();
        if (kind < 99) return type_changed();
        const bool write_back = pick(2) != 0;
        const auto cpu = static_cast<unsigned>(pick(3));
        rig_.model.flush_all(cpu, write_back);
        reference_.flush_all(cpu, write_back);
    }

    void load() {
        const CpuAccess made = access();
        std::vector<std::uint8_t> got(made.bytes);
        ASSERT_TRUE(rig_.model.load(made, got.data()));
        ASSERT_EQ(got, reference_.load(made));
    }

    void store() {
        const CpuAccess made = access();
        const std::vector<std::uint8_t> bytes = values(made.address.value, made.bytes);
        ASSERT_TRUE(rig_.model.store(made, bytes.data()));
        reference_.store(made, bytes);
    }

    void dma_read() {
        const DmaAccess made = dma(false);
        std::vector<std::uint8_t> got(made.origin.bytes);
        ASSERT_TRUE(rig_.model.dma_read(made, got.data()));
        ASSERT_EQ(got, reference_.dma_read(made));
    }

    void dma_write() {
        const DmaAccess made = dma(true);
        const std::vector<std::uint8_t> bytes = values(made.address.value, made.origin.bytes);
        ASSERT_TRUE(rig_.model.dma_write(made, bytes.data()));
        reference_.dma_write(made, bytes);
    }

    void flush() {
        const CpuAccess made = access();
        const auto how = static_cast<Flush>(pick(3));
        rig_.model.flush(made, how);
        reference_.flush(made, how);
    }

    void fence() {
        const auto cpu = static_cast<unsigned>(pick(3));
        const auto kind = static_cast<Fence>(pick(4));
        rig_.model.fence(cpu, kind);
        reference_.fence(cpu, kind);
    }

    void type_changed() {
        const std::uint64_t page = base / page_size + pick(2);
        const MemoryType type = pick(2) != 0 ? wb : uc;
        rig_.model.type_changed({page}, type);
        reference_.type_changed(page, type);
    }

    static std::string text(const std::optional<Origin>& origin) {
        if (!origin) return "-";
        return std::to_string(origin->code) + "@" + std::to_string(origin->address.value) + "/" +
               std::to_string(origin->cpu);
    }
    static std::string text(const Finding& finding) {
        return std::string(name_of(finding.kind)) + " " + std::to_string(finding.first.value) + "+" +
               std::to_string(finding.bytes) + " store " + text(finding.store) + " load " + text(finding.load) +
               " lost " + text(finding.lost) + " dma " +
               (finding.dma ? std::to_string(finding.dma->address.value) : "-");
    }

    void compare() {
        const std::vector<Finding>& expected = reference_.found();
        const Counters counters = rig_.model.counters();
        ASSERT_EQ(counters.findings + counters.repeats, expected.size()) << code_;
        for (; compared_ < expected.size(); ++compared_) {
            const Finding& finding = expected[compared_];
            const bool by_load = finding.kind == FindingKind::StaleRead || finding.kind == FindingKind::StaleAliasRead;
            const std::optional<Origin>& blamed = by_load ? finding.load : finding.store;
            ASSERT_TRUE(blamed) << text(finding);
            const std::uint64_t code = blamed->code;
            if (!known_.insert({finding.kind, code}).second) continue;
            ASSERT_LT(told_, rig_.told.size());
            ASSERT_EQ(text(rig_.told[told_]), text(finding)) << code_;
            ++told_;
        }
        ASSERT_EQ(told_, rig_.told.size()) << code_ << ": " << text(rig_.told.back());
        for (unsigned cpu = 0; cpu < 3; ++cpu) {
            ASSERT_EQ(rig_.model.pending(cpu), reference_.pending(cpu)) << code_ << " cpu " << cpu;
        }
        ASSERT_EQ(counters.lines, reference_.outstanding());
        ASSERT_EQ(rig_.model.idle(), counters.lines == 0);
    }

    // Memory behind the port, and once all is settled.
    void compare_bytes() {
        if (testing::Test::HasFailure()) return;
        const bool strict = options_.mode == Mode::Strict;
        for (std::uint64_t byte = base; byte < base + span; ++byte) {
            const std::uint8_t expected = strict ? reference_.in_memory(byte) : reference_.coherent(byte);
            ASSERT_EQ(rig_.memory.at(byte) & 0xff, expected) << byte;
        }
        rig_.model.settle();
        for (std::uint64_t byte = base; byte < base + span; ++byte) {
            ASSERT_EQ(rig_.memory.at(byte) & 0xff, reference_.coherent(byte)) << byte;
        }
    }

    std::mt19937_64& random_;
    Options options_;
    Rig rig_;
    Reference reference_;
    std::uint64_t code_ = 0;
    std::uint8_t last_[span] = {};
    std::size_t compared_ = 0;
    std::size_t told_ = 0;
    std::set<std::pair<FindingKind, std::uint64_t>> known_;
};

class Random : public testing::TestWithParam<Mode> {};
INSTANTIATE_TEST_SUITE_P(Modes, Random, testing::Values(Mode::Report, Mode::Strict), mode_name);

TEST_P(Random, model_and_reference_agree) {
    constexpr unsigned epochs = 2700, operations = 200;
    std::map<FindingKind, unsigned> kinds;
    for (unsigned seed = 0; seed < epochs && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 random(seed);
        Options options = Rig::options_of(GetParam());
        options.speculation = seed % 2 != 0;
        options.dirty_lines = static_cast<unsigned>(random() % 4);
        options.buffers = 1 + static_cast<unsigned>(random() % 3);
        Driver driver(random, options);
        driver.run(operations);
        for (const Finding& finding : driver.found()) ++kinds[finding.kind];
    }
    for (unsigned kind = 1; kind <= static_cast<unsigned>(FindingKind::OverwrittenByStore); ++kind) {
        EXPECT_GT(kinds[static_cast<FindingKind>(kind)], 500u) << name_of(static_cast<FindingKind>(kind));
    }
}

}  // namespace
}  // namespace remap::cache::test
