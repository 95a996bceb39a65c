// SPDX-License-Identifier: MIT
// A line of words that came in on the serial port.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace remap::bench {

class Request {
public:
    // Takes the next word, which has to be one of these; its index. Panics on anything else, as does the rest.
    template <typename... Names>
    std::size_t word(Names... names) {
        return word_of({names...});
    }
    std::uint64_t number(std::uint64_t least, std::uint64_t most);
    bool more() const;  // whether there is a word left

private:
    friend Request next_request();

    std::size_t word_of(std::initializer_list<const char*> names);
    const char* next();

    static constexpr std::size_t longest = 160;
    char text_[longest] = {};
    std::size_t position_ = 0;
};

// Waits for one, with the CPU asleep most of the time.
Request next_request();

}  // namespace remap::bench
