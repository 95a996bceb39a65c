// SPDX-License-Identifier: MIT
#include "guest-tests/linux/content.h"

#include <cstdio>

namespace remap::linux_guest::content {

std::string describe(const Mismatch& mismatch) {
    const Place expected = mismatch.place, home = place_of(mismatch.found);
    char text[256];
    std::snprintf(text, sizeof text,
                  "at byte 0x%lx of series %lu is 0x%016lx, the word of byte 0x%lx of series %lu; expected 0x%016lx",
                  expected.offset, expected.series, mismatch.found, home.offset, home.series, word(expected));
    return text;
}

}  // namespace remap::linux_guest::content
