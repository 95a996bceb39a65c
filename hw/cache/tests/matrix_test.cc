// SPDX-License-Identifier: MIT
// Every memory type against every way to make its bytes seen: the outcomes as a person reads them from the manuals.
#include "hw/cache/tests/rig.h"

namespace remap::cache::test {
namespace {

class Matrix : public Rule {};
INSTANTIATE_TEST_SUITE_P(Modes, Matrix, testing::Values(Mode::Report, Mode::Strict), mode_name);

// What is done between a store and a device's read, or between a device's write and a load.
enum class Then { Nothing, Sfence, Clflush, Clflushopt, ClflushoptSfence, ClwbSfence };
constexpr Then thens[] = {Then::Nothing,    Then::Sfence,           Then::Clflush,
                          Then::Clflushopt, Then::ClflushoptSfence, Then::ClwbSfence};

void perform(Rig& rig, Then then, std::uint64_t at) {
    switch (then) {
        case Then::Nothing: return;
        case Then::Sfence: return rig.fence(Fence::Store);
        case Then::Clflush: return rig.flush(Flush::Clflush, at);
        case Then::Clflushopt: return rig.flush(Flush::Clflushopt, at);
        case Then::ClflushoptSfence: rig.flush(Flush::Clflushopt, at); return rig.fence(Fence::Store);
        case Then::ClwbSfence: rig.flush(Flush::Clwb, at); return rig.fence(Fence::Store);
    }
}

const char* const ok = "";
const char* const flush = "missed-flush";
const char* const fence = "missed-fence";
const char* const drain = "undrained-store";
const char* const stale = "stale-read";
const char* const alias = "stale-alias-read";

TEST_P(Matrix, store_then_something_then_a_devices_read) {
    struct Row {
        MemoryType type;
        bool snoops;
        const char* found[6];  // in the order of `thens`
    };
    const Row rows[] = {
        {wb, no_snoop, {flush, flush, ok, fence, ok, ok}}, {wb, snoop, {ok, ok, ok, ok, ok, ok}},
        {wc, no_snoop, {drain, ok, ok, drain, ok, ok}},    {wc, snoop, {drain, ok, ok, drain, ok, ok}},
        {wt, no_snoop, {ok, ok, ok, ok, ok, ok}},          {wt, snoop, {ok, ok, ok, ok, ok, ok}},
        {wp, no_snoop, {ok, ok, ok, ok, ok, ok}},          {wp, snoop, {ok, ok, ok, ok, ok, ok}},
        {uc, no_snoop, {ok, ok, ok, ok, ok, ok}},          {uc, snoop, {ok, ok, ok, ok, ok, ok}},
        {uc_minus, no_snoop, {ok, ok, ok, ok, ok, ok}},    {uc_minus, snoop, {ok, ok, ok, ok, ok, ok}},
    };
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < std::size(thens); ++i) {
            Rig fresh{GetParam()};
            fresh.store(row.type, at, 0x1111);
            perform(fresh, thens[i], at);
            const std::uint64_t seen = fresh.dma_read(at, row.snoops);
            EXPECT_EQ(fresh.news(), row.found[i]) << int(row.type) << row.snoops << i;
            EXPECT_EQ(seen, row.found[i] == ok ? 0x1111 : fresh.either(0, 0x1111)) << int(row.type) << row.snoops << i;
        }
    }
}

TEST_P(Matrix, devices_write_then_something_then_a_load_of_a_line_that_was_loaded_before) {
    struct Row {
        MemoryType type;
        bool snoops;
        const char* found[6];
    };
    const Row rows[] = {
        {wb, no_snoop, {stale, stale, ok, stale, ok, stale}},
        {wb, snoop, {ok, ok, ok, ok, ok, ok}},
        {wt, no_snoop, {stale, stale, ok, stale, ok, stale}},
        {wt, snoop, {ok, ok, ok, ok, ok, ok}},
        {wp, no_snoop, {stale, stale, ok, stale, ok, stale}},
        {wp, snoop, {ok, ok, ok, ok, ok, ok}},
        {wc, no_snoop, {ok, ok, ok, ok, ok, ok}},
        {wc, snoop, {ok, ok, ok, ok, ok, ok}},
        {uc, no_snoop, {ok, ok, ok, ok, ok, ok}},
        {uc, snoop, {ok, ok, ok, ok, ok, ok}},
        {uc_minus, no_snoop, {ok, ok, ok, ok, ok, ok}},
        {uc_minus, snoop, {ok, ok, ok, ok, ok, ok}},
    };
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < std::size(thens); ++i) {
            Rig fresh{GetParam()};
            fresh.load(row.type, at);
            fresh.dma_write(at, 0x1111, row.snoops);
            perform(fresh, thens[i], at);
            const std::uint64_t seen = fresh.load(row.type, at);
            EXPECT_EQ(fresh.news(), row.found[i]) << int(row.type) << row.snoops << i;
            EXPECT_EQ(seen, row.found[i] == ok ? 0x1111 : fresh.either(0, 0x1111)) << int(row.type) << row.snoops << i;
        }
    }
}

// The line is in the cache when one mapping stores to it, and another loads it, on another processor.
TEST_P(Matrix, store_by_one_type_then_load_by_another) {
    constexpr MemoryType loads[] = {wb, wt, wp, wc, uc, uc_minus};
    struct Row {
        MemoryType store;
        Then then;
        const char* found[6];  // in the order of `loads`
    };
    const Row rows[] = {
        {wb, Then::Nothing, {ok, ok, ok, alias, alias, alias}},
        {wb, Then::ClflushoptSfence, {ok, ok, ok, ok, ok, ok}},
        {wt, Then::Nothing, {ok, ok, ok, ok, ok, ok}},
        {wp, Then::Nothing, {ok, ok, ok, ok, ok, ok}},
        {uc, Then::Nothing, {alias, alias, alias, ok, ok, ok}},
        {uc_minus, Then::Sfence, {alias, alias, alias, ok, ok, ok}},
        {uc, Then::Clflush, {ok, ok, ok, ok, ok, ok}},
        {wc, Then::Nothing, {drain, drain, drain, drain, drain, drain}},
        {wc, Then::Sfence, {alias, alias, alias, ok, ok, ok}},
        {wc, Then::Clflush, {ok, ok, ok, ok, ok, ok}},
        {wc, Then::ClflushoptSfence, {ok, ok, ok, ok, ok, ok}},
    };
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < std::size(loads); ++i) {
            Rig fresh{GetParam()};
            fresh.load(wb, at);
            fresh.store(row.store, at, 0x1111);
            perform(fresh, row.then, at);
            const std::uint64_t seen = fresh.load(loads[i], at, 0x200, 1);
            EXPECT_EQ(fresh.news(), row.found[i]) << int(row.store) << int(row.then) << i;
            EXPECT_EQ(seen, row.found[i] == ok ? 0x1111 : fresh.either(0, 0x1111)) << int(row.store) << i;
        }
    }
}

}  // namespace
}  // namespace remap::cache::test
