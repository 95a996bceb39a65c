// SPDX-License-Identifier: MIT
// What a fuzz target makes of the bytes it is given, and how it says what it has found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace remap::fuzz {

// A finding: the fuzzer adds the stack and keeps the input.
template <typename... Arguments>
void require(bool kept, const char* rule, Arguments... values) {
    if (kept) return;
    std::fprintf(stderr, "broken: %s\n", rule);
    ((std::fprintf(stderr, "  0x%llx\n", static_cast<unsigned long long>(values))), ...);
    std::abort();
}

// Takes numbers from the front of the input, so that a byte that changes changes one choice. An input that has ended
// gives zeros: who loops asks `more`.
class Input {
public:
    Input(const std::uint8_t* bytes, std::size_t count) : rest_(bytes, count) {}

    bool more() const { return !rest_.empty(); }

    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const std::uint8_t first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }

    std::uint64_t number(unsigned bytes) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < bytes; ++i) value |= std::uint64_t{byte()} << 8 * i;
        return value;
    }

    // 0 to `count` - 1; at most 256 choices.
    unsigned below(unsigned count) { return byte() % count; }

    template <typename Choices>
    auto pick(const Choices& choices) {
        return choices[below(static_cast<unsigned>(std::size(choices)))];
    }

    std::span<const std::uint8_t> rest() const { return rest_; }

private:
    std::span<const std::uint8_t> rest_;
};

}  // namespace remap::fuzz
