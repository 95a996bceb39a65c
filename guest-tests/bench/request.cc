// SPDX-License-Identifier: MIT
#include "guest-tests/bench/request.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exceptions.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/interrupts.h"
#include "guest-tests/runtime/serial.h"
#include "guest-tests/runtime/watchdog.h"

#include <cstring>

namespace remap::bench {

using namespace guest;

namespace {

// The serial port is asked, it does not interrupt: about a thousand times a second.
constexpr std::uint32_t waiting_period = 1 << 20;

char next_character() {
    for (;;) {
        if (const auto character = serial::read()) return *character;
        cpu::wait_for_interrupt();
    }
}

}  // namespace

Request next_request() {
    Request request;
    start_timer(static_cast<std::uint8_t>(vector::watchdog), waiting_period);
    for (std::size_t length = 0;;) {
        const char character = next_character();
        if (character == '\n') break;
        if (length + 1 == Request::longest) panic("a request of more than %zu characters", length);
        request.text_[length++] = character;
    }
    start_watchdog();
    return request;
}

const char* Request::next() {
    while (text_[position_] == ' ') ++position_;
    const char* word = text_ + position_;
    while (text_[position_] != ' ' && text_[position_] != '\0') ++position_;
    if (text_[position_] == ' ') text_[position_++] = '\0';
    if (*word == '\0') panic("a request ends too early");
    return word;
}

bool Request::more() const { return text_[position_] != '\0'; }

std::size_t Request::word_of(std::initializer_list<const char*> names) {
    const char* word = next();
    std::size_t index = 0;
    for (const char* name : names) {
        if (std::strcmp(word, name) == 0) return index;
        ++index;
    }
    panic("a request with the word %s", word);
}

std::uint64_t Request::number(std::uint64_t least, std::uint64_t most) {
    const char* word = next();
    std::uint64_t value = 0;
    for (const char* digit = word; *digit != '\0'; ++digit) {
        if (*digit < '0' || *digit > '9' || value > most) panic("a request with the number %s", word);
        value = 10 * value + static_cast<unsigned>(*digit - '0');
    }
    if (value < least || value > most) panic("a request with the number %s", word);
    return value;
}

}  // namespace remap::bench
