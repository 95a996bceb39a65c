// SPDX-License-Identifier: MIT
// A text in shared memory that its owner replaces now and then and others read at any time, also after the owner has
// died in the middle. The owner believes nothing that it finds there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace remap::lab {

// The owner's side; one thread at a time.
class TextPublisher {
public:
    // The memory: zero at first, aligned to 8 bytes, and outliving us.
    explicit TextPublisher(std::span<std::byte> memory) : memory_(memory) {}

    // The longest text there is room for, in bytes.
    std::size_t room() const;

    // False, and what was there stays, when it is longer.
    bool publish(std::string_view text);

private:
    std::span<std::byte> memory_;
    std::uint64_t generation_ = 0;
};

// The text that was published last; nothing if none ever was, if its owner died while replacing it, or if it changes
// faster than it can be read. It may be any bytes.
std::optional<std::string> published_text(std::span<const std::byte> memory);

}  // namespace remap::lab
