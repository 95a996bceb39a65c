// SPDX-License-Identifier: MIT
// The way of a request, for people who want to know why it ends as it does.
#include "iommu/engine/translate.h"

#include <utility>

namespace remap::iommu {

using vtd::FaultReason;

namespace {

bool same(const LookupEnd& a, const LookupEnd& b) {
    if (a.reason != b.reason || a.translation.allowed != b.translation.allowed) return false;
    return !a.translation.allowed || a.translation.address == b.translation.address;
}

}  // namespace

bool Explanation::stale() const {
    const bool from_caches = used_contexts || used_pasids || used_tables || used_iotlb;
    return from_caches && !same(memory, cached);
}

Explanation Translator::explain(const TranslationState& state, const Request& request) {
    const auto verdict_of = [](const Resolved& resolved) {
        const Translation& answer = resolved.outcome.translation;
        const auto told = static_cast<FaultReason>(answer.fault_reason);
        return LookupEnd{answer, told != FaultReason::None ? told : resolved.unsaid, resolved.outcome.quiet};
    };
    LookupTrace trace;
    CacheParts parts;
    Manner alone = from_memory_alone;
    alone.trace = &trace;
    const LookupEnd memory = verdict_of(resolve_rights(state, request, alone));
    const LookupEnd cached =
        verdict_of(resolve_rights(state, request, {.use_caches = true, .fill_caches = false, .parts = &parts}));
    return {.request = request,
            .translates = state.enabled(),
            .root_table = state.word & ~TranslationState::Enabled::mask,
            .capability = configuration_.capability,
            .extended_capability = configuration_.extended_capability,
            .host_address_width = configuration_.host_address_width,
            .steps = std::move(trace.steps),
            .route = trace.route,
            .memory = memory,
            .cached = cached,
            .used_contexts = parts.has(CacheKind::Context),
            .used_pasids = parts.has(CacheKind::Pasid),
            .used_tables = parts.has(CacheKind::Table),
            .used_iotlb = parts.has(CacheKind::Iotlb)};
}

}  // namespace remap::iommu
