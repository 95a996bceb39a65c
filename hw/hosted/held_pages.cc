// SPDX-License-Identifier: MIT
#include "hw/hosted/held_pages.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

namespace remap::hosted {

namespace {

// Read by the handler: atomics only. A slot keeps its last stretch after the release, because a thread that faulted
// before it may look only after it.
struct Slot {
    std::atomic<std::uintptr_t> first{0};
    std::atomic<std::uintptr_t> bytes{0};
    std::atomic<bool> held{false};
};

std::array<Slot, 64> slots;
std::atomic<std::uint64_t> releases{0};
std::mutex slots_lock;
std::size_t next_slot = 0;
struct sigaction previous;

Slot* slot_with(std::uintptr_t address) {
    for (Slot& slot : slots) {
        const std::uintptr_t first = slot.first.load(std::memory_order_acquire);
        if (first != 0 && address >= first && address - first < slot.bytes.load(std::memory_order_acquire))
            return &slot;
    }
    return nullptr;
}

// A fault that comes again at once, at the same place, with nothing released between, is none of ours.
bool is_new(std::uintptr_t address) {
    static thread_local std::uintptr_t last_address = 0;
    static thread_local std::uint64_t last_releases = ~std::uint64_t{0};
    const std::uint64_t now = releases.load();
    const bool again = last_address == address && last_releases == now;
    last_address = address;
    last_releases = now;
    return !again;
}

void pass_on(int signal, siginfo_t* info, void* context) {
    if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
    if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) return previous.sa_handler(signal);
    ::sigaction(signal, &previous, nullptr);  // the fault comes again, and ends the process
}

void handle_fault(int signal, siginfo_t* info, void* context) {
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    Slot* slot = slot_with(address);
    if (slot == nullptr) return pass_on(signal, info, context);
    const bool waited = slot->held.load();
    while (slot->held.load()) ::sched_yield();
    if (!waited && !is_new(address)) pass_on(signal, info, context);
}

void install_handler() {
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action {};
        action.sa_sigaction = handle_fault;
        action.sa_flags = SA_SIGINFO | SA_NODEFER;
        ::sigaction(SIGSEGV, &action, &previous);
    });
}

Slot& take_slot() {
    for (;;) {
        {
            const std::lock_guard guard(slots_lock);
            for (std::size_t tried = 0; tried < slots.size(); ++tried) {
                Slot& slot = slots[next_slot];
                next_slot = (next_slot + 1) % slots.size();
                if (!slot.held.exchange(true)) return slot;
            }
        }
        ::sched_yield();
    }
}

}  // namespace

void hold_pages(void* first, std::size_t bytes) {
    install_handler();
    Slot& slot = take_slot();
    slot.bytes.store(0, std::memory_order_release);
    slot.first.store(reinterpret_cast<std::uintptr_t>(first), std::memory_order_release);
    slot.bytes.store(bytes, std::memory_order_release);
    ::mprotect(first, bytes, PROT_NONE);
}

void release_pages(void* first) {
    const auto address = reinterpret_cast<std::uintptr_t>(first);
    for (Slot& slot : slots) {
        if (slot.first.load() != address || !slot.held.load()) continue;
        releases.fetch_add(1);
        slot.held.store(false);
        return;
    }
}

}  // namespace remap::hosted
