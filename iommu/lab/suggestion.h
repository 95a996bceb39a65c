// SPDX-License-Identifier: MIT
// "Did you mean ...?" for names that are not known.
#pragma once

#include <span>
#include <string_view>

namespace remap::lab {

// The known name that a typist may have meant: fewest letters added, left out, changed or swapped with their neighbour,
// at most one for each three letters. Empty when none is that near. The first one wins.
std::string_view closest(std::string_view word, std::span<const std::string_view> known);

}  // namespace remap::lab
