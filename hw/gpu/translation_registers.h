// SPDX-License-Identifier: MIT
// The registers about translation: what is enabled, a debug switch, and counters. Each is one atomic word: software
// reads them while the engine counts.
#pragma once

#include "hw/gpu/halves.h"
#include "hw/gpu/translation.h"
#include "hw/spec/gpu_registers.h"

#include <atomic>
#include <cstdint>

namespace remap::gpu {

class TranslationRegisters {
public:
    struct Counters {
        std::atomic<std::uint64_t> hits{0};
        std::atomic<std::uint64_t> requests{0};
        std::atomic<std::uint64_t> invalidations{0};
        std::atomic<std::uint64_t> page_requests{0};
        std::atomic<std::uint64_t> page_answers{0};
    };

    // 32-bit halves; others read as zero and write nothing.
    std::uint32_t read(std::uint64_t offset) const;
    void write(std::uint64_t offset, std::uint32_t value);

    bool holds_invalidations() const {
        return spec::TranslationDebug::HoldInvalidations::get(debug_.load(std::memory_order_acquire));
    }
    bool waits_for_page() const { return waits_for_page_.load(std::memory_order_relaxed); }
    void set_waits_for_page(bool waits) { waits_for_page_.store(waits, std::memory_order_relaxed); }

    void show(const TranslationServices& services, bool failed);

    void reset_counters();
    void reset();

    template <typename Archive>
    void state(Archive& archive);

    Counters counters;

private:
    std::atomic<std::uint32_t> translation_{0};
    std::atomic<std::uint32_t> debug_{0};
    std::atomic<bool> waits_for_page_{false};
};

}  // namespace remap::gpu
