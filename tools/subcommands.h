// SPDX-License-Identifier: MIT
// What remapctl can do. Each returns the program's exit code.
#pragma once

#include "tools/target.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace remap::tools {

int list(bool json);

int add_rules(const Target& target, const std::string& file);  // "-": standard input
int remove_rule(const Target& target, const std::string& name);
int remove_all_rules(const Target& target);
int show_rules(const Target& target, bool json);

// What each rule did, beside what the trace shows of it; also of a machine that is gone.
int show_account(const Target& target, bool json);

int switch_trace(const Target& target, bool on);

struct TraceOptions {
    bool follow = false;
    bool json = false;
    std::vector<std::string> kinds;  // by name; empty: all
    std::string device;              // "00:02.0"; empty: all
    std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
};
int show_trace(const Target& target, const TraceOptions& options);

// The trace as a file for Perfetto's viewer, and as a page; an empty name means the standard output.
int export_trace(const Target& target, const std::string& output);
int make_page(const Target& target, const std::string& output);

struct TopOptions {
    bool once = false;
    bool json = false;
    double seconds = 1;  // between two looks
};
int show_top(const Target& target, const TopOptions& options);

// What is empty is left to the machine, which also judges the rest: numbers may be decimal, or hexadecimal with 0x.
struct ExplainOptions {
    std::string address;
    std::string device;
    std::string pasid;
    std::string data;  // of an interrupt request, which the address is then
    bool write = false;
    bool privileged = false;
    bool translated = false;
    bool asks = false;
    bool json = false;
};
int explain(const Target& target, const ExplainOptions& options);

struct TablesOptions {
    std::string device;
    std::string pasid;
    std::string from;
    std::string to;
    std::string limit;
    bool json = false;
};
int show_tables(const Target& target, const TablesOptions& options);

}  // namespace remap::tools
