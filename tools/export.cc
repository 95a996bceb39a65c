// SPDX-License-Identifier: MIT
// Traces as files: for Perfetto's viewer, and as a page.
#include "tools/export/page.h"
#include "tools/export/perfetto.h"
#include "tools/snapshot.h"
#include "tools/subcommands.h"

#include <fmt/format.h>

#include <fstream>
#include <iostream>

#include <unistd.h>

namespace remap::tools {
namespace {

int write(const Target& target, const std::string& output, auto writer) {
    if (output.empty() && ::isatty(STDOUT_FILENO) == 1)
        return fail("this is not for a terminal", "Say --output FILE, or lead it into another program.");
    const auto snapshot = take_snapshot(target);
    if (!snapshot) return failed;
    std::ofstream file;
    if (!output.empty()) file.open(output, std::ios::binary | std::ios::trunc);
    std::ostream& out = output.empty() ? std::cout : file;
    writer(out, snapshot->events, snapshot->context);
    if (!out.flush()) return fail(fmt::format("cannot write {}", output.empty() ? "the output" : output));
    std::uint64_t lost = 0;
    for (const LaneLoss& loss : snapshot->context.losses) lost += loss.events;
    fmt::print(stderr, "{} events written, {} lost\n", snapshot->events.size(), lost);
    return done;
}

}  // namespace

int export_trace(const Target& target, const std::string& output) {
    return write(target, output, [](auto& out, auto& events, auto& context) { write_perfetto(out, events, context); });
}

int make_page(const Target& target, const std::string& output) {
    return write(target, output, [](auto& out, auto& events, auto& context) { write_page(out, events, context); });
}

}  // namespace remap::tools
