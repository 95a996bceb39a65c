// SPDX-License-Identifier: MIT
// Cases that must fail, and how: selftest/harness_test.py compares what is said with what is written here.
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"

using namespace remap::guest;

namespace {

int helper_that_requires(bool value) {
    REQUIRE(value);
    return 1;
}

}  // namespace

TEST(passes) { note("a note of a case that passes"); }

TEST(goes_on_after_an_expectation) {
    EXPECT_EQ(2 * 21, 43);
    EXPECT(1 == 2);
}

TEST(ends_at_a_requirement_in_a_function_it_calls) {
    helper_that_requires(false);
    EXPECT(!"reached");
}

TEST(traps) { cpu::undefined_instruction(); }

TEST(writes_where_nothing_is) {
    volatile std::uint64_t address = 0xffff'9000'0000'0010;
    *reinterpret_cast<volatile int*>(address) = 1;
}

TEST(does_not_end) {
    for (;;) pause_cpu();
}

TEST(runs_after_all_that) { EXPECT_EQ(helper_that_requires(true), 1); }
