// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/caches.h"

#include "base/bits.h"
#include "guest-tests/runtime/cpu.h"

namespace remap::guest {

namespace {

// CPUID leaf 1: size of a CLFLUSH line in units of eight bytes.
using FlushLineSize = Field<15, 8>;

// Bytes. Beyond it WBINVD is quicker; up to it nothing else is flushed, so that what a driver forgot to flush stays.
constexpr std::uint64_t line_by_line_up_to = std::uint64_t{64} << 20;

std::uint64_t line_bytes() {
    static const std::uint64_t bytes = FlushLineSize::get(cpu::identify(1).b) * 8;
    return bytes != 0 ? bytes : 64;
}

}  // namespace

void flush_cache_lines(const volatile void* first, std::uint64_t bytes) {
    cpu::fence();
    if (bytes > line_by_line_up_to) {
        cpu::write_back_and_invalidate_caches();
        return;
    }
    const std::uint64_t line = line_bytes();
    const std::uint64_t begin = round_down(reinterpret_cast<std::uint64_t>(first), line);
    const std::uint64_t end = reinterpret_cast<std::uint64_t>(first) + bytes;
    for (std::uint64_t at = begin; at < end; at += line) cpu::flush_line(reinterpret_cast<const volatile void*>(at));
    cpu::fence();
}

}  // namespace remap::guest
