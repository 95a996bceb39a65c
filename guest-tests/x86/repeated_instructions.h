// SPDX-License-Identifier: MIT
// Instructions of which each copy is executed once, so that a report of the cache model names the execution and not
// only the place in a program.
#pragma once

#include "guest-tests/x86/cache_instructions.h"

#include <cstdint>

extern "C" {
extern const std::uint8_t repeated_store_1[], repeated_store_2[], repeated_store_4[], repeated_store_8[];
extern const std::uint8_t repeated_load_8[], repeated_exchange_8[];
extern const std::uint8_t repeated_clflush[], repeated_clflushopt[], repeated_clwb[];
}

namespace remap::x86 {

class RepeatedInstruction {
public:
    explicit RepeatedInstruction(const std::uint8_t* copies) : copies_(copies) {}

    struct Executed {
        std::uint64_t value = 0;  // of a load
        Code code = 0;            // 0: every copy has been executed before, and none was now
    };

    Executed execute(volatile void* address, std::uint64_t value = 0) {
        if (next_ == copies) return {};
        const auto code = reinterpret_cast<Code>(copies_ + stride * next_++);
        const auto function = reinterpret_cast<std::uint64_t (*)(volatile void*, std::uint64_t)>(code);
        return {function(address, value), code};
    }

private:
    static constexpr unsigned copies = 512, stride = 16;  // bytes

    const std::uint8_t* copies_;
    unsigned next_ = 0;
};

}  // namespace remap::x86
