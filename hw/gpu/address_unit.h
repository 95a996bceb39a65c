// SPDX-License-Identifier: MIT
// The way of the engine's accesses to system memory: as they are, with a PASID, or translated by the function itself,
// out of its cache or by a translation request; and for pages that are not there, by a page request.
//
// The engine's thread accesses and serves messages; messages come on any thread.
#pragma once

#include "hw/gpu/address_cache.h"
#include "hw/gpu/page_requester.h"
#include "hw/gpu/ports.h"
#include "hw/gpu/translation.h"
#include "hw/gpu/translation_registers.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

namespace remap::gpu {

class AddressUnit {
public:
    // Invalidations that can wait to be obeyed: the Invalidate Queue Depth of ATS.
    static constexpr std::size_t queue_depth = spec::pci_function::invalidation_queue_depth;

    // Without a port the function has the bus alone.
    AddressUnit(BusPort& bus, TranslationPort* port, TranslationRegisters& registers)
        : bus_(bus), port_(port), registers_(registers) {}

    // The engine's side.
    enum class Outcome : std::uint8_t { Done, Refused, Waits };  // Waits: again once is_waiting() is false

    void enter(const Context& context) { context_ = context; }
    Outcome read(const BusAddress& from, void* to, std::size_t bytes);
    Outcome write(const BusAddress& to, const void* from, std::size_t bytes);

    // Whether accesses go over the bus as they are; and then from memory to memory.
    bool uses_bus_alone() const { return uses_bus_alone(services()); }
    void expect(std::span<const LogicalAddress> addresses) { bus_.expect(addresses); }
    Refusal copy(const BusAddress& to, const BusAddress& from, std::size_t bytes) {
        const TranslationServices enabled = services();
        return bus_.copy(permitted(to, enabled), permitted(from, enabled), bytes);
    }

    bool allows(const Context& context) const { return allows(context, services()); }

    bool is_waiting() const { return wishing_ && requester_.is_waiting(); }
    void forget_wish();  // the packet is not in execution any more

    void serve_messages();
    bool has_messages() const {
        return forget_all_.load(std::memory_order_acquire) ||
               (messages_.load(std::memory_order_acquire) && !registers_.holds_invalidations());
    }

    // Any thread; the engine is to be woken after each.
    void set_services(const TranslationServices& services);
    void invalidate(const Invalidation& invalidation);  // one too many gets lost, and is never answered
    void answer(const PageAnswer& answer);
    PageRequestStatus page_request_status() const { return requester_.status(); }
    void clear_page_request_status(const PageRequestStatus& which);
    void reset_page_requests();

    // Between two pieces of work.
    void reset();

    template <typename Archive>
    void state(Archive& archive);

private:
    struct Access {
        bool write = false;
        BusAddress at;
        void* data = nullptr;  // only read from when it is a write
        std::size_t bytes = 0;
    };

    // An access that wants to go past the caches may do so only while software lets the function.
    static BusAddress permitted(const BusAddress& at, const TranslationServices& services) {
        return {at.address, at.snoop || !services.no_snoop};
    }
    static bool allows(const Context& context, const TranslationServices& services);
    bool uses_bus_alone(const TranslationServices& services) const {
        return port_ == nullptr || (!services.cache && !context_.pasid);
    }
    TranslationServices services() const;
    void store(const TranslationServices& services);
    Outcome access(const Access& access);
    Outcome access_through_cache(const Access& access, const TranslationServices& services);
    Outcome access_bus(const Access& access);
    Outcome make_untranslated(const Access& access);
    Outcome make_translated(const Access& access, std::uint64_t address, bool snooped);
    Outcome make(const Access& access, const AccessKind& kind, std::uint64_t address);
    Outcome ask_for_page(const PageWish& wish, const TranslationServices& services);
    void show() { registers_.show(services(), requester_.status().failed); }

    BusPort& bus_;
    TranslationPort* port_;
    TranslationRegisters& registers_;

    Context context_;
    AddressCache cache_;
    PageRequester requester_;
    bool wishing_ = false;  // the requester is concerned with the packet in execution

    std::atomic<std::uint64_t> services_{0};  // TranslationServices as one word
    std::atomic<bool> forget_all_{false};
    std::atomic<bool> messages_{false};  // there are invalidations
    std::mutex lock_;                    // of what follows
    std::array<Invalidation, queue_depth> invalidations_{};
    std::size_t count_ = 0;
};

}  // namespace remap::gpu
