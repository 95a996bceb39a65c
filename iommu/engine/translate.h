// SPDX-License-Identifier: MIT
// The way of one device access: caches, root entry, context entry, second-stage walk (VT-d sections 3.4, 3.7, 6.2.7).
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/context_cache.h"
#include "iommu/engine/iotlb.h"
#include "iommu/engine/ports.h"
#include "iommu/spec/fault.h"

#include <cstdint>

namespace remap::iommu {

struct Request {
    SourceId source;
    LogicalAddress address;
    Access access = Access::Read;
    RequestType type = RequestType::Untranslated;
};

// What the register file has latched.
struct TranslationState {
    bool enabled = false;
    std::uint64_t root_table = 0;  // RTADDR_REG as it was at the last SRTP
};

// A translation, and whether its fault is to be kept out of the fault log.
struct Outcome {
    Translation translation;
    bool quiet = false;
};

class Translator {
public:
    Translator(const Configuration& configuration, MemoryPort& memory)
        : configuration_(configuration), memory_(memory) {}

    // `keep`: fill the caches on the way.
    Outcome translate(const TranslationState& state, const Request& request, bool keep);

    // `masked_functions`: how many function number bits are ignored, 0 to 3, by table 21 of section 6.5.2.1.
    void invalidate_contexts(vtd::ContextGranularity granularity, std::uint16_t domain, SourceId source,
                             unsigned masked_functions);

    // `address` beyond the unit's width is cut off (section 6.5.2.3); `address_mask` is at most the maximum.
    void invalidate_iotlb(vtd::IotlbGranularity granularity, std::uint16_t domain, LogicalAddress address,
                          unsigned address_mask);

private:
    // A context entry, or why there is none.
    struct ContextOutcome {
        Context context;
        vtd::FaultReason reason = vtd::FaultReason::None;
    };

    bool read_entry(std::uint64_t address, std::uint64_t (&words)[2]);
    ContextOutcome find_context(const TranslationState& state, SourceId source, bool keep);
    ContextOutcome read_context(const TranslationState& state, SourceId source);
    vtd::FaultReason check_context(std::uint64_t low, std::uint64_t high) const;
    Outcome walk(const Request& request, const Context& context, bool keep);
    Outcome answer(const Request& request, const CachedTranslation& cached) const;

    const Configuration& configuration_;
    MemoryPort& memory_;
    ContextCache contexts_;
    Iotlb iotlb_;
};

}  // namespace remap::iommu
