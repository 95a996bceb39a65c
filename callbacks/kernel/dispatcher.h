// SPDX-License-Identifier: MIT
// Objects that can be waited for, as their headers in the driver's memory tell them.
#pragma once

#include "callbacks/kernel/state.h"

namespace remap::kernel {

inline constexpr UCHAR event_words = sizeof(KEVENT) / sizeof(ULONG);
inline constexpr UCHAR mutex_type = 2;
inline constexpr UCHAR mutex_words = sizeof(KMUTANT) / sizeof(ULONG);

inline bool is_event(const DISPATCHER_HEADER& header) {
    return header.Type <= SynchronizationEvent && header.Size == event_words;
}
inline bool is_mutex(const DISPATCHER_HEADER& header) {
    return header.Type == mutex_type && header.Size == mutex_words;
}

inline PKTHREAD thread_object(std::uint64_t thread) { return reinterpret_cast<PKTHREAD>(thread); }

// When a wait with this timeout ends: forever without one; a duration below 0, else a moment of the system's time.
std::uint64_t end_of(KernelPort& port, const LARGE_INTEGER* timeout);

}  // namespace remap::kernel
