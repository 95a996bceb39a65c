// SPDX-License-Identifier: MIT
#include "iommu/lab/guarded_mapping.h"

#include <boost/interprocess/mapped_region.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

#include <signal.h>
#include <sys/mman.h>

namespace remap::lab {

namespace ipc = boost::interprocess;

namespace {

// Read by the handler: atomics only. `first` is set last and cleared first.
struct Slot {
    std::atomic<std::uintptr_t> first{0};
    std::atomic<std::size_t> bytes{0};
    std::atomic<int> protection{PROT_NONE};
    std::atomic<bool> lost{false};
};
std::array<Slot, GuardedMapping::most> slots;
std::mutex slots_lock;
struct sigaction previous;

Slot* slot_with(std::uintptr_t address) {
    for (Slot& slot : slots) {
        const std::uintptr_t first = slot.first.load(std::memory_order_acquire);
        if (first != 0 && address >= first && address - first < slot.bytes.load(std::memory_order_relaxed))
            return &slot;
    }
    return nullptr;
}

void pass_on(int signal, siginfo_t* info, void* context) {
    if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
    const bool was_sent = info->si_code <= 0;  // by kill() or the like, not by a fault
    if (previous.sa_handler == SIG_IGN && was_sent) return;
    if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) return previous.sa_handler(signal);
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    ::sigaction(signal, &standard, nullptr);
    ::raise(signal);  // waits for our return, as the signal is blocked meanwhile, and ends the process
}

// mmap is a bare system call on Linux, so it may be called here.
void handle_bus_error(int signal, siginfo_t* info, void* context) {
    const int error = errno;
    Slot* const slot =
        info->si_code == BUS_ADRERR ? slot_with(reinterpret_cast<std::uintptr_t>(info->si_addr)) : nullptr;
    if (slot == nullptr) return pass_on(signal, info, context);
    void* const first = reinterpret_cast<void*>(slot->first.load());
    if (::mmap(first, slot->bytes.load(), slot->protection.load(),
               MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
        return pass_on(signal, info, context);
    slot->lost.store(true);
    errno = error;
}

void install_handler() {
    static std::once_flag once;
    std::call_once(once, [] {
        ::sigaction(SIGBUS, nullptr, &previous);  // known before the handler can run
        struct sigaction action {};
        action.sa_sigaction = handle_bus_error;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        ::sigaction(SIGBUS, &action, nullptr);
    });
}

// The number of a slot that now guards this memory; `most` if all are in use.
std::size_t take_slot(const ipc::mapped_region& region, int protection) {
    const std::lock_guard guard(slots_lock);
    for (std::size_t i = 0; i < slots.size(); ++i) {
        Slot& slot = slots[i];
        if (slot.first.load() != 0) continue;
        slot.bytes.store(region.get_size());
        slot.protection.store(protection);
        slot.lost.store(false);
        slot.first.store(reinterpret_cast<std::uintptr_t>(region.get_address()), std::memory_order_release);
        return i;
    }
    return slots.size();
}

}  // namespace

GuardedMapping::GuardedMapping(std::unique_ptr<ipc::mapped_region> region, std::size_t slot)
    : region_(std::move(region)), slot_(slot) {}

GuardedMapping::~GuardedMapping() {
    const std::lock_guard guard(slots_lock);
    slots[slot_].first.store(0, std::memory_order_release);  // before others can be given these addresses
}

Result<std::unique_ptr<GuardedMapping>, std::string> GuardedMapping::map(const SharedObject& object, Access access,
                                                                         std::uint64_t offset, std::size_t bytes) {
    const bool writes = access == Access::Write;
    install_handler();
    admit_this_thread();
    try {
        auto region = std::make_unique<ipc::mapped_region>(object, writes ? ipc::read_write : ipc::read_only,
                                                           static_cast<ipc::offset_t>(offset), bytes);
        const std::size_t slot = take_slot(*region, writes ? PROT_READ | PROT_WRITE : PROT_READ);
        if (slot == slots.size()) return Failure{std::string("this process has too many guarded mappings")};
        return std::unique_ptr<GuardedMapping>(new GuardedMapping(std::move(region), slot));
    } catch (const std::exception& error) {
        return Failure{"cannot map " + std::to_string(bytes) + " bytes: " + error.what()};
    }
}

std::span<std::byte> GuardedMapping::bytes() const {
    return {static_cast<std::byte*>(region_->get_address()), region_->get_size()};
}

bool GuardedMapping::lost() const { return slots[slot_].lost.load(); }

void GuardedMapping::admit_this_thread() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGBUS);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace remap::lab
