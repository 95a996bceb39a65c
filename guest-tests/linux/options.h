// SPDX-License-Identifier: MIT
// What the host wants, from the words behind "--" of the kernel's command line; machines.json names it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace remap::linux_guest {

struct Options {
    bool caches = false;             // caches=on: the machine has a GPU and models the processors' caches
    std::optional<bool> scalable;    // scalable=on|off: the mode in which the kernel must have switched the unit on
    std::uint64_t disk_mib = 1024;   // disk-mib=N: written and read back
    std::uint64_t network_mib = 24;  // network-mib=N: sent each way
};

// The options of this run.
const Options& options();

// Takes one word; what is wrong with it, or nothing.
std::string take_option(const std::string& word);

}  // namespace remap::linux_guest
