// SPDX-License-Identifier: MIT
// Interrupt status and mask, and the messages that follow from their changes. Used under the register file's lock.
#pragma once

#include "hw/spec/gpu_registers.h"

#include <cstdint>

namespace remap::gpu {

class Interrupts {
public:
    std::uint32_t status() const { return status_; }
    std::uint32_t mask() const { return mask_; }

    void raise(std::uint64_t causes) { status_ |= static_cast<std::uint32_t>(causes) & all; }
    void set_mask(std::uint32_t mask) { mask_ = mask & all; }
    void acknowledge(std::uint32_t causes) { status_ &= ~causes; }

    // The vectors whose bit of status & ~mask went from 0 to 1 since the last call.
    std::uint32_t take_messages() {
        const std::uint32_t active = status_ & ~mask_;
        const std::uint32_t rising = active & ~signalled_;
        signalled_ = active;
        return rising;
    }

    // What is signalled follows from the rest: whoever changes it takes the messages before anybody looks.
    template <typename Archive>
    void state(Archive& archive) {
        archive("INTERRUPT_STATUS", status_, all);
        archive("INTERRUPT_MASK", mask_, all);
        signalled_ = status_ & ~mask_;
    }

private:
    static constexpr std::uint32_t all = spec::InterruptStatus::all;

    std::uint32_t status_ = 0;
    std::uint32_t mask_ = all;
    std::uint32_t signalled_ = 0;
};

}  // namespace remap::gpu
