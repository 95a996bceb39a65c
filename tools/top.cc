// SPDX-License-Identifier: MIT
#include "tools/subcommands.h"
#include "tools/top_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include <unistd.h>

namespace remap::tools {

using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* clear_screen = "\033[H\033[J";

// A little at a time, so that an interrupt is noticed.
void sleep_until(Clock::time_point end) {
    while (!interrupted() && Clock::now() < end)
        std::this_thread::sleep_for(std::min<Clock::duration>(end - Clock::now(), std::chrono::milliseconds(100)));
}

// Of a machine that has ended there are no rates: what it has done in its life is shown as if in one second.
int show_totals(lab::Attachment& machine, const std::vector<DeviceCounts>& counts, bool json) {
    if (!json) fmt::print("{} has ended; in all:\n", machine.name());
    fmt::print("{}{}", json ? json_of(counts, 0) : table_of(counts, 1), json ? "\n" : "");
    return std::fflush(stdout) == 0 ? done : failed;
}

}  // namespace

int show_top(const Target& target, const TopOptions& options) {
    const auto machine = attach(target);
    if (machine == nullptr) return failed;
    const auto memory = machine->part(lab::Part::Counters);
    auto before = read_counters(memory);
    if (!before) return fail("the machine has no counters");
    if (!machine->is_running()) return show_totals(*machine, *before, options.json);
    catch_interrupts();
    const bool redraw = !options.once && !options.json && ::isatty(STDOUT_FILENO) == 1;
    for (auto looked = Clock::now();;) {
        sleep_until(looked +
                    std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds)));
        if (interrupted()) return done;
        const auto now = read_counters(memory);
        const double seconds = std::max(1e-3, std::chrono::duration<double>(Clock::now() - looked).count());
        looked = Clock::now();
        if (machine->lost()) return fail("the machine's control segment was cut off by another program");
        if (!machine->is_running()) {
            fmt::print(stderr, "the machine has ended\n");
            return done;
        }
        const auto counts = difference(*before, *now);
        before = now;
        if (options.json) {
            fmt::print("{}\n", json_of(counts, seconds));
        } else {
            fmt::print("{}{}, by second\n{}", redraw ? clear_screen : "", machine->name(), table_of(counts, seconds));
        }
        if (std::fflush(stdout) != 0) return failed;
        if (options.once) return done;
    }
}

}  // namespace remap::tools
