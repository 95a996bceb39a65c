// SPDX-License-Identifier: MIT
#include "iommu/lab/suggestion.h"

#include <algorithm>
#include <array>

namespace remap::lab {
namespace {

constexpr std::size_t longest = 32;
using Row = std::array<std::size_t, longest + 1>;

// The distance of two words of at most `longest` letters (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
    Row before{}, last{}, row{};
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before = last;
        last = row;
    }
    return last[b.size()];
}

}  // namespace

std::string_view closest(std::string_view word, std::span<const std::string_view> known) {
    if (word.size() > longest) return {};
    std::string_view best;
    std::size_t least = std::max<std::size_t>(word.size() / 3, 1) + 1;
    for (const std::string_view name : known) {
        if (name.size() > longest) continue;
        const std::size_t far = distance(word, name);
        if (far < least) least = far, best = name;
    }
    return best;
}

}  // namespace remap::lab
