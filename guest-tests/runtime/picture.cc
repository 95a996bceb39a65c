// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/picture.h"

#include "guest-tests/runtime/print.h"
#include "guest-tests/runtime/serial.h"
#include "guest-tests/runtime/time.h"

#include <optional>

namespace remap::guest {

bool request_picture() {
    constexpr char saved = '+';
    print("@picture\n");
    std::optional<char> answer;
    return wait_until(10'000, [&] { return (answer = serial::read()).has_value(); }) && *answer == saved;
}

}  // namespace remap::guest
