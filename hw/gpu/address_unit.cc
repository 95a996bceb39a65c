// SPDX-License-Identifier: MIT
#include "hw/gpu/address_unit.h"

#include "base/bits.h"

#include <utility>

namespace remap::gpu {

namespace {

// TranslationServices as one word.
using CacheOn = Flag<0>;
using PageRequestsOn = Flag<1>;
using PasidOn = Flag<2>;
using PrivilegedOn = Flag<3>;
using SnoopsAlways = Flag<4>;
using MostRequests = Field<63, 32, std::uint32_t>;

AddressUnit::Outcome done_if(bool done) { return done ? AddressUnit::Outcome::Done : AddressUnit::Outcome::Refused; }

}  // namespace

TranslationServices AddressUnit::services() const {
    const std::uint64_t word = services_.load(std::memory_order_relaxed);
    return {.cache = CacheOn::get(word),
            .page_requests = PageRequestsOn::get(word),
            .pasid = PasidOn::get(word),
            .privileged = PrivilegedOn::get(word),
            .most_page_requests = MostRequests::get(word),
            .no_snoop = !SnoopsAlways::get(word)};
}

void AddressUnit::store(const TranslationServices& services) {
    services_ = CacheOn::of(services.cache) | PageRequestsOn::of(services.page_requests) | PasidOn::of(services.pasid) |
                PrivilegedOn::of(services.privileged) | SnoopsAlways::of(!services.no_snoop) |
                MostRequests::of(services.most_page_requests);
    show();
}

// A cache that is switched on begins empty, whatever it held when it was switched off.
void AddressUnit::set_services(const TranslationServices& wanted) {
    if (wanted.cache && !services().cache) forget_all_ = true;
    store(wanted);
    if (!wanted.page_requests) requester_.deny();
}

bool AddressUnit::allows(const Context& context, const TranslationServices& services) {
    return !context.pasid || (services.pasid && (services.privileged || !context.privileged));
}

AddressUnit::Outcome AddressUnit::read(const BusAddress& from, void* to, std::size_t bytes) {
    return access({false, from, to, bytes});
}

AddressUnit::Outcome AddressUnit::write(const BusAddress& to, const void* from, std::size_t bytes) {
    return access({true, to, const_cast<void*>(from), bytes});
}

AddressUnit::Outcome AddressUnit::access(const Access& wanted) {
    const TranslationServices enabled = services();
    const Access access{wanted.write, permitted(wanted.at, enabled), wanted.data, wanted.bytes};
    if (uses_bus_alone(enabled)) return access_bus(access);
    if (!allows(context_, enabled)) return Outcome::Refused;
    if (!enabled.cache) return make_untranslated(access);
    const Outcome outcome = access_through_cache(access, enabled);
    if (outcome == Outcome::Done && wishing_)
        wishing_ = !requester_.satisfied({context_, access.at.address, access.write});
    return outcome;
}

AddressUnit::Outcome AddressUnit::access_bus(const Access& access) {
    return done_if(access.write ? bus_.write(access.at, access.data, access.bytes)
                                : bus_.read(access.at, access.data, access.bytes));
}

AddressUnit::Outcome AddressUnit::make_untranslated(const Access& access) {
    return make(access, {.context = context_, .snoop = access.at.snoop}, access.at.address.value);
}

AddressUnit::Outcome AddressUnit::make_translated(const Access& access, std::uint64_t address, bool snooped) {
    return make(access, {.context = {}, .translated = true, .snoop = access.at.snoop || snooped}, address);
}

AddressUnit::Outcome AddressUnit::make(const Access& access, const AccessKind& kind, std::uint64_t address) {
    return done_if(access.write ? port_->write(kind, address, access.data, access.bytes)
                                : port_->read(kind, address, access.data, access.bytes));
}

AddressUnit::Outcome AddressUnit::access_through_cache(const Access& access, const TranslationServices& services) {
    const std::uint64_t address = access.at.address.value;
    const AddressCache::Entry* const entry = cache_.find(context_, address);
    if (entry != nullptr && entry->allows(access.write)) {
        registers_.counters.hits.fetch_add(1, std::memory_order_relaxed);
        return make_translated(access, entry->translate(address), entry->snooped);
    }
    registers_.counters.requests.fetch_add(1, std::memory_order_relaxed);
    const PageWish wish{context_, access.at.address, access.write};
    const Translated answer = port_->translate(wish);
    if (answer.refused) return Outcome::Refused;
    if (answer.untranslated_only) return make_untranslated(access);
    if (answer.readable || answer.writable) cache_.insert(context_, address, answer);
    if (access.write ? answer.writable : answer.readable)
        return make_translated(access, answer.address, answer.snooped);
    return ask_for_page(wish, services);
}

AddressUnit::Outcome AddressUnit::ask_for_page(const PageWish& wish, const TranslationServices& services) {
    if (!services.page_requests) return Outcome::Refused;
    wishing_ = true;
    const PageRequester::Step step = requester_.want(wish, services.most_page_requests);
    if (step.next == PageRequester::Next::GiveUp) return Outcome::Refused;
    if (step.next == PageRequester::Next::Send) {
        registers_.counters.page_requests.fetch_add(1, std::memory_order_relaxed);
        port_->request_page(wish, step.group);
    }
    return Outcome::Waits;
}

void AddressUnit::forget_wish() {
    if (wishing_) requester_.forget_wish();
    wishing_ = false;
}

void AddressUnit::invalidate(const Invalidation& invalidation) {
    const std::lock_guard guard(lock_);
    if (count_ == queue_depth) return;
    invalidations_[count_++] = invalidation;
    messages_ = true;
}

void AddressUnit::answer(const PageAnswer& answer) {
    if (requester_.answer(answer)) registers_.counters.page_answers.fetch_add(1, std::memory_order_relaxed);
    show();
}

// Between two accesses: what was cached is used by none that is under way.
void AddressUnit::serve_messages() {
    if (!has_messages()) return;
    if (forget_all_.exchange(false)) cache_.forget_all();
    if (registers_.holds_invalidations()) return;
    std::array<Invalidation, queue_depth> due;
    std::size_t count = 0;
    {
        const std::lock_guard guard(lock_);
        due = invalidations_;
        count = std::exchange(count_, 0);
        messages_ = false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        cache_.forget(due[i]);
        registers_.counters.invalidations.fetch_add(1, std::memory_order_relaxed);
        if (port_ != nullptr) port_->invalidated(due[i].tag);
    }
}

void AddressUnit::clear_page_request_status(const PageRequestStatus& which) {
    requester_.clear(which);
    show();
}

void AddressUnit::reset_page_requests() {
    requester_.reset();
    show();
}

void AddressUnit::reset() {
    const std::lock_guard guard(lock_);
    context_ = {};
    cache_.forget_all();
    requester_.reset();
    wishing_ = false;
    count_ = 0;
    forget_all_ = messages_ = false;
    store({});
}

}  // namespace remap::gpu
