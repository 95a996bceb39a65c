// SPDX-License-Identifier: MIT
// What page requests have to do with translations (VT-d sections 6.5.3.1 and 7.4).
#include "iommu/engine/translate.h"

namespace remap::iommu {

using vtd::FaultReason;

namespace {

Request request_of(const PageRequest& page) {
    return {.source = page.source,
            .address = page.address,
            .access = page.write ? Access::Write : Access::Read,
            .pasid = page.pasid,
            .privileged = page.privileged,
            .execute = page.execute};
}

}  // namespace

Translator::PageVerdict Translator::check_page_request(const TranslationState& state, const PageRequest& request) {
    if (state.mode() == vtd::root_table::Mode::Legacy) return {FaultReason::PageRequestInLegacyMode};
    if (!state.scalable()) return {FaultReason::BadRootTableMode};
    const RouteOutcome found = devices_.find_start(state, request_of(request), {.stamp = stamps_.next()});
    FaultReason reason = found.reason;
    if (reason == FaultReason::None && !found.route.page_requests) reason = FaultReason::PageRequestBlocked;
    return {reason, found.route.quiet && vtd::is_qualified(reason)};
}

void Translator::forget_requested_page(const TranslationState& state, const PageRequest& request) {
    const RouteOutcome found = devices_.find(state, request_of(request), {.stamp = stamps_.next()});
    if (found.reason != FaultReason::None || found.route.kind == TranslationKind::PassThrough) return;
    const PageRange range{
        .domain = found.route.domain, .pasid = found.route.pasid, .address = request.address, .mask = 0};
    if (has_first_stage(found.route.kind)) {
        iotlb_.forget_first_stage(range);
        tables_.forget_first_stage(range);
    } else {
        iotlb_.forget_second_stage(range);
        tables_.forget_second_stage(range);
    }
    close_stale_uses();
}

}  // namespace remap::iommu
