// SPDX-License-Identifier: MIT
// Rules against their schema, and what it means to a person when they do not fit.
#pragma once

#include "iommu/lab/json_places.h"

#include <rapidjson/document.h>

#include <optional>
#include <string_view>

namespace remap::lab {

enum class RuleText { Set, OneRule };

// The first thing in a document that the schema refuses. Its nesting must be bounded: this calls itself for each level.
std::optional<JsonProblem> problem_by_schema(const rapidjson::Document& document, std::string_view text, RuleText what);

}  // namespace remap::lab
