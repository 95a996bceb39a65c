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

namespace {

constexpr std::uint32_t driver_verifier_detected_violation = 0xc4;

bool is_documented(Check check) { return check < Check::NullArgument; }

}  // namespace

void Findings::add(Check check, const Text& text, const Subject& subject) {
    if (count_ < most) kept_[count_++] = {check, subject, text};
}

void Findings::deliver(ReportPort& port, bool verify) {
    for (std::size_t i = 0; i < count_; ++i) {
        const Kept& kept = kept_[i];
        const CheckText& text = text_of(kept.check);
        const bool stops = is_documented(kept.check) || (verify && text.stops);
        const std::uint32_t code =
            is_documented(kept.check) ? VIDEO_DXGKRNL_SYSMM_FATAL_ERROR : driver_verifier_detected_violation;
        port.report({.severity = stops ? Severity::Bugcheck : Severity::Warning,
                     .check = kept.check,
                     .code = stops ? code : 0,
                     .parameters = {static_cast<std::uint64_t>(kept.check), kept.subject.handle, kept.subject.context,
                                    reinterpret_cast<std::uintptr_t>(caller_.address)},
                     .callback = caller_.callback,
                     .caller = caller_.address,
                     .object = kept.subject.handle,
                     .context = kept.subject.context,
                     .message = kept.text.c_str(),
                     .advice = text.advice});
    }
}

}  // namespace remap::callbacks
