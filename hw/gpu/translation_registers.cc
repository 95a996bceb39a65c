// SPDX-License-Identifier: MIT
#include "hw/gpu/translation_registers.h"

namespace remap::gpu {

using namespace spec;

std::uint32_t TranslationRegisters::read(std::uint64_t offset) const {
    switch (offset & ~std::uint64_t{7}) {
        case CacheHits::offset: return half_of(counters.hits, offset);
        case TranslationRequests::offset: return half_of(counters.requests, offset);
        case Invalidations::offset: return half_of(counters.invalidations, offset);
        case PageRequests::offset: return half_of(counters.page_requests, offset);
        case PageAnswers::offset: return half_of(counters.page_answers, offset);
        default: break;
    }
    if (offset == Translation::offset) return translation_;
    return offset == TranslationDebug::offset ? debug_.load() : 0;
}

void TranslationRegisters::write(std::uint64_t offset, std::uint32_t value) {
    if (offset == TranslationDebug::offset)
        debug_ = value & static_cast<std::uint32_t>(TranslationDebug::HoldInvalidations::mask);
}

void TranslationRegisters::show(const TranslationServices& services, bool failed) {
    translation_ = static_cast<std::uint32_t>(
        Translation::Cache::of(services.cache) | Translation::PageRequests::of(services.page_requests) |
        Translation::Pasid::of(services.pasid) | Translation::Privileged::of(services.privileged) |
        Translation::Failed::of(failed));
}

void TranslationRegisters::reset_counters() {
    for (auto* counter :
         {&counters.hits, &counters.requests, &counters.invalidations, &counters.page_requests, &counters.page_answers})
        *counter = 0;
}

void TranslationRegisters::reset() {
    reset_counters();
    debug_ = 0;
    waits_for_page_ = false;
}

}  // namespace remap::gpu
