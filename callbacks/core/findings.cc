// SPDX-License-Identifier: MIT
#include "callbacks/core/findings.h"

#include "callbacks/ddk/d3dkmddi.h"

namespace remap::callbacks {

void Text::add_character(char character) {
    if (length_ + 1 < sizeof text_) text_[length_++] = character;
}

Text& Text::add(const char* words) {
    for (; *words != '\0'; ++words) add_character(*words);
    return *this;
}

void Text::add_digits(std::uint64_t number, unsigned base) {
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    while (count > 0) add_character(digits[--count]);
}

Text& Text::add_number(std::uint64_t number) {
    add_digits(number, 10);
    return *this;
}

Text& Text::add_hex(std::uint64_t number) {
    add("0x");
    add_digits(number, 16);
    return *this;
}

void Findings::fatal(Fatal parameter, const Text& text) {
    port_.report({.severity = Severity::Bugcheck,
                  .code = VIDEO_DXGKRNL_SYSMM_FATAL_ERROR,
                  .parameter = static_cast<std::uint64_t>(parameter),
                  .message = text.c_str()});
}

void Findings::warn(Check check, const Text& text) {
    port_.report({.severity = Severity::Warning,
                  .code = 0,
                  .parameter = static_cast<std::uint64_t>(check),
                  .message = text.c_str()});
}

}  // namespace remap::callbacks
