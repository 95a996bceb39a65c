// SPDX-License-Identifier: MIT
#include "hw/capi/watcher.h"

#include "iommu/engine/stale_report.h"

namespace remap::capi {

namespace {

using iommu::FaultFate;
using What = iommu::Invalidation::What;
using Scope = iommu::Invalidation::Scope;

const char* name_of(FaultFate fate) {
    switch (fate) {
        case FaultFate::Recorded: return "recorded";
        case FaultFate::Collapsed: return "collapsed";
        case FaultFate::Lost: return "lost";
        case FaultFate::Silenced: return "silenced";
    }
    return "";
}

const char* name_of(What what) {
    switch (what) {
        case What::Contexts: return "context";
        case What::PasidEntries: return "pasid-entry";
        case What::Translations: return "iotlb";
        case What::PasidTranslations: return "pasid-iotlb";
        case What::InterruptEntries: return "interrupt-entry";
    }
    return "";
}

const char* name_of(Scope scope) {
    switch (scope) {
        case Scope::All: return "all";
        case Scope::Domain: return "domain";
        case Scope::Device: return "device";
        case Scope::Pasid: return "pasid";
        case Scope::Pages: return "pages";
        case Scope::Entries: return "entries";
    }
    return "";
}

}  // namespace

void Watcher::walked(const iommu::Request& request, PhysicalAddress entry_at, std::uint64_t entry) {
    watch_.walked(opaque_, request.source.value, request.address.value, request.access == iommu::Access::Write,
                  entry_at.value, entry);
}

void Watcher::faulted(const iommu::Request& request, vtd::FaultReason reason, FaultFate fate) {
    const RemapIommuFault fault{.source = request.source.value,
                                .is_write = request.access == iommu::Access::Write,
                                .address = request.address.value,
                                .pasid = request.pasid ? static_cast<int32_t>(request.pasid->value) : -1,
                                .reason = static_cast<unsigned>(reason),
                                .why = vtd::text_of(reason),
                                .fate = name_of(fate)};
    watch_.faulted(opaque_, &fault);
}

void Watcher::page_request_faulted(const iommu::PageRequest& request, vtd::FaultReason reason, FaultFate fate) {
    faulted({.source = request.source,
             .address = request.address,
             .access = request.write ? iommu::Access::Write : iommu::Access::Read,
             .pasid = request.pasid},
            reason, fate);
}

void Watcher::interrupt_faulted(iommu::SourceId source, std::uint16_t index, vtd::FaultReason reason, FaultFate fate) {
    watch_.interrupt_faulted(opaque_, source.value, index, static_cast<unsigned>(reason), vtd::text_of(reason),
                             name_of(fate));
}

void Watcher::invalidated(const iommu::Invalidation& done) {
    const RemapIommuInvalidation told{.what = name_of(done.what),
                                      .scope = name_of(done.scope),
                                      .domain = done.domain,
                                      .source = done.source.value,
                                      .pasid = done.pasid.value,
                                      .first = done.first,
                                      .count = done.count,
                                      .leaves_only = done.leaves_only};
    watch_.invalidated(opaque_, &told);
}

void Watcher::wait_done(const iommu::WaitDone& wait) {
    watch_.wait_done(opaque_, wait.writes, wait.address.value, wait.data, wait.interrupts);
}

void Watcher::queue_stopped(vtd::queue_error::Info info, std::uint64_t head) {
    watch_.queue_stopped(opaque_, static_cast<unsigned>(info), head);
}

void Watcher::stale_use(const iommu::StaleUse& use) { watch_.stale_use(opaque_, iommu::text_of(use).c_str()); }

}  // namespace remap::capi
