// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/page_mappings.h"

#include "guest-tests/runtime/print.h"
#include "guest-tests/runtime/serial.h"
#include "guest-tests/runtime/time.h"

#include <optional>

namespace remap::guest {

bool ask_for_mappings(PhysicalAddress page, char* text, std::size_t room) {
    print("@mappings %lx\n", page.value);
    std::size_t length = 0;
    for (std::optional<char> next;;) {
        if (!wait_until(10'000, [&] { return (next = serial::read()).has_value(); })) return false;
        if (*next == '\n') break;
        if (length + 1 < room) text[length++] = *next;
    }
    text[length] = '\0';
    return true;
}

}  // namespace remap::guest
