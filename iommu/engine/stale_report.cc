// SPDX-License-Identifier: MIT
#include "iommu/engine/stale_report.h"

#include "iommu/spec/fault.h"

#include <cinttypes>
#include <cstdio>

namespace remap::iommu {

namespace {

template <typename... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
    char line[256];
    std::snprintf(line, sizeof line, pattern, arguments...);
    return line;
}

std::string text_of(const Served& served, bool interrupt) {
    if (!served.allowed) return vtd::text_of(static_cast<vtd::FaultReason>(served.fault_reason));
    if (interrupt) return format("message 0x%" PRIx64 " 0x%" PRIx32, served.address.value, served.data);
    return format("0x%" PRIx64 " of domain %u", served.address.value, served.domain);
}

}  // namespace

std::string text_of(const StaleUse& use) {
    const unsigned source = use.request.source.value;
    std::string line = format("device %02x:%02x.%x", source >> 8, source >> 3 & 0x1f, source & 7);
    if (use.request.pasid) line += format(" PASID %u", use.request.pasid->value);
    if (use.interrupt) {
        line += format(", interrupt %u: ", *use.interrupt);
    } else {
        line += format(", %s at 0x%" PRIx64 ": ", use.request.access == Access::Write ? "write" : "read",
                       use.request.address.value);
    }
    line += "served " + text_of(use.served, use.interrupt.has_value()) + format(", cached at %" PRIu64, use.cached_at);
    line += "; memory says " + text_of(use.memory, use.interrupt.has_value());
    if (use.entry_at.value != 0)
        line += format(", by the entry at 0x%" PRIx64 ": 0x%" PRIx64, use.entry_at.value, use.entry);
    return line + format("; first used at %" PRIu64 ", %" PRIu64 " use%s", use.first_used_at, use.uses,
                         use.uses == 1 ? "" : "s");
}

}  // namespace remap::iommu
