// SPDX-License-Identifier: MIT
// The files of the folder `page`, as the build has put them into the program.
#pragma once

#include <string_view>

namespace remap::tools::page_files {

extern const std::string_view frame;   // HTML, with places for the others
extern const std::string_view style;   // CSS
extern const std::string_view script;  // JavaScript

}  // namespace remap::tools::page_files
