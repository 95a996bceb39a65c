// SPDX-License-Identifier: MIT
// JSON that a person wrote: where in the text what is, and the checks of its shape that bound all further work on it.
#pragma once

#include <rapidjson/document.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace remap::lab {

inline constexpr std::size_t longest_json = 1 << 20;  // bytes
inline constexpr unsigned deepest_json = 16;          // objects and arrays in each other

// JSON with comments (/* */ and //), checked for its encoding, numbers read exactly, parsed without recursion.
rapidjson::Document parse_json(std::string_view text);

// Something wrong in a text. The place is a byte's, the path a JSON pointer to it (RFC 6901); the path is empty when
// what is wrong is the text itself.
struct JsonProblem {
    std::size_t offset = 0;
    std::string path;
    std::string text;
};

// Too long, not JSON, nested too deep, or a key that is given twice.
std::optional<JsonProblem> problem_of_shape(std::string_view text);

// Where the value that a path leads to begins in a text without a problem, or its key. When it is not there: where the
// last one on the way to it is.
std::size_t place_of_value(std::string_view text, std::string_view path);
std::size_t place_of_key(std::string_view text, std::string_view path);

// "FILE:LINE:COLUMN: PATH: TEXT", from 1, columns in characters. Of what is not printable there is a number instead.
std::string complaint(std::string_view text, std::string_view file, const JsonProblem& problem);

// For people and their terminals: what is not printable is written \u001b, and what is long is cut.
std::string printable(std::string_view text);

}  // namespace remap::lab
