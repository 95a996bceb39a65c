// SPDX-License-Identifier: MIT
#include "callbacks/core/failures.h"

#include <algorithm>

namespace remap::callbacks {

namespace {

constexpr std::uint32_t million = 1'000'000;

// splitmix64: any seed, 0 too, gives a good sequence.
std::uint64_t next_random(std::uint64_t& state) {
    std::uint64_t z = state += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
}

bool sensible(const FailureRule& rule) {
    return !NT_SUCCESS(rule.status) && rule.per_million <= million && (!rule.callback || can_fail(*rule.callback));
}

}  // namespace

bool can_fail(Callback callback) {
    switch (callback) {
        case Callback::CreatePhysicalMemoryObject:
        case Callback::MapPhysicalMemory:
        case Callback::AllocateAdl:
        case Callback::OpenPhysicalMemoryObject:
        case Callback::AllocateContiguousMemory:
        case Callback::AllocatePagesForMdl:
        case Callback::MapMdlToIoMmu:
        case Callback::PinFrameBufferForSave:
        case Callback::PinFrameBufferForSave2:
        case Callback::MapFrameBufferPointer: return true;
        default: return false;
    }
}

bool Failures::set(std::span<const FailureRule> rules) {
    if (rules.size() > most_rules || !std::all_of(rules.begin(), rules.end(), sensible)) return false;
    Guard guard(lock_);
    for (std::size_t i = 0; i < rules.size(); ++i) active_[i] = {rules[i], 0, rules[i].seed};
    count_ = rules.size();
    injected_ = 0;
    return true;
}

std::uint64_t Failures::injected() const {
    Guard guard(lock_);
    return injected_;
}

bool Failures::hits(Active& active) {
    const bool by_number = ++active.calls == active.rule.nth;
    const bool by_chance =
        active.rule.per_million != 0 && next_random(active.random) % million < active.rule.per_million;
    return by_number || by_chance;
}

NTSTATUS Failures::next(Callback callback) {
    if (!can_fail(callback)) return STATUS_SUCCESS;
    Guard guard(lock_);
    NTSTATUS status = STATUS_SUCCESS;
    for (std::size_t i = 0; i < count_; ++i) {
        Active& active = active_[i];
        if (active.rule.callback && *active.rule.callback != callback) continue;
        if (hits(active) && NT_SUCCESS(status)) status = active.rule.status;
    }
    injected_ += !NT_SUCCESS(status);
    return status;
}

}  // namespace remap::callbacks
