// SPDX-License-Identifier: MIT
#include "guest-tests/linux/options.h"

#include <cstdlib>

namespace remap::linux_guest {

namespace {

Options options_of_this_run;

bool take_number(const std::string& text, std::uint64_t& number) {
    char* end = nullptr;
    number = std::strtoull(text.c_str(), &end, 10);
    return end != text.c_str() && *end == '\0' && number > 0 && number < (1 << 20);
}

}  // namespace

const Options& options() { return options_of_this_run; }

std::string take_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    Options& options = options_of_this_run;
    if (name == "scalable" && (value == "on" || value == "off")) {
        options.scalable = value == "on";
        return {};
    }
    if (name == "caches" && value == "on") {
        options.caches = true;
        return {};
    }
    if (name == "disk-mib" && take_number(value, options.disk_mib)) return {};
    if (name == "network-mib" && take_number(value, options.network_mib)) return {};
    return "what does " + word + " mean?";
}

}  // namespace remap::linux_guest
