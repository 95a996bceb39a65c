// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace remap::lab {

// The text of rules.schema.json (JSON Schema, draft 4), put into the program when it is built.
extern const std::string_view rules_schema;

}  // namespace remap::lab
