// SPDX-License-Identifier: MIT
// A context as ACTIVE_CONTEXT has it, and back.
#pragma once

#include "hw/gpu/translation.h"
#include "hw/spec/gpu_registers.h"

#include <cstdint>

namespace remap::gpu {

inline Context context_of(std::uint32_t word) {
    using Register = spec::ActiveContext;
    if (!Register::Valid::get(word)) return {};
    return {.pasid = static_cast<std::uint32_t>(Register::Pasid::get(word)),
            .privileged = Register::Privileged::get(word)};
}

inline std::uint32_t word_of(const Context& context) {
    using Register = spec::ActiveContext;
    if (!context.pasid) return 0;
    return static_cast<std::uint32_t>(Register::Valid::of(true) | Register::Privileged::of(context.privileged) |
                                      Register::Pasid::of(*context.pasid));
}

}  // namespace remap::gpu
