// SPDX-License-Identifier: MIT
// Why a request meets what it meets: every entry that the unit looks at on its way, as memory has it now, and how that
// ends; besides, what the caches would answer.
#pragma once

#include "iommu/engine/domain_floors.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/request.h"
#include "iommu/spec/fault_reasons.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace remap::iommu {

// One entry of a table, as it was read.
struct TableStep {
    enum class What : std::uint8_t {
        RootEntry,  // legacy mode
        ContextEntry,
        ScalableRootEntry,  // the half that is for the device
        ScalableContextEntry,
        PasidDirectoryEntry,
        PasidEntry,
        FirstStageEntry,
        SecondStageEntry,
        InterruptEntry,
    };
    // What a second stage is looked through for.
    enum class Purpose : std::uint8_t {
        Data,       // for what the device asked for
        ReadEntry,  // for a table of the first stage, to read the entry that is the next step
        MarkEntry,  // for the same, to set accessed and dirty bits
    };
    static constexpr unsigned most_words = 8;

    What what = What::RootEntry;
    Purpose purpose = Purpose::Data;
    bool answered = false;    // memory has answered; else there are no words
    std::uint8_t level = 0;   // of paging entries, from 1
    std::uint8_t count = 0;   // words
    PhysicalAddress at = {};  // in memory
    std::uint64_t input = 0;  // of paging entries: the address that is looked up by them, logical or guest-physical
    std::optional<std::uint64_t> guest_at = {};  // of entries of a nested first stage: their guest-physical address
    std::array<std::uint64_t, most_words> words = {};
};

// What the tables of the device say of its requests, once an entry that says so was found.
struct RouteFound {
    TranslationKind kind = TranslationKind::SecondStage;
    std::uint16_t domain = 0;
    Pasid pasid = {};  // scalable mode: the request's, or the one that stands for requests without
    bool privileged = false;
};

// What a look-up writes down if somebody wants to know. Bounded: a nested walk of five levels on five reads no more.
class LookupTrace {
public:
    static constexpr std::size_t most_steps = 72;

    // A request is looked up anew: what was written down of an earlier attempt does not count.
    void begin() {
        steps.clear();
        route.reset();
    }
    void add(const TableStep& step) {
        if (steps.size() < most_steps) steps.push_back(step);
    }

    std::vector<TableStep> steps;
    std::optional<RouteFound> route;
};

// How a look-up ends.
struct LookupEnd {
    Translation translation;
    // Why it is refused, if it is. Of translation requests also what the device is not told of, because it may ask for
    // the page.
    vtd::FaultReason reason = vtd::FaultReason::None;
    bool quiet = false;  // a fault processing disable bit keeps it out of the log
};

struct Explanation {
    Request request;

    // Registers.
    bool translates = false;       // GSTS_REG.TES, as accesses that begin now go by it
    std::uint64_t root_table = 0;  // RTADDR_REG as the last SRTP has latched it, without bit 0
    std::uint64_t capability = 0;           // CAP_REG
    std::uint64_t extended_capability = 0;  // ECAP_REG
    unsigned host_address_width = 0;

    // By the tables alone.
    std::vector<TableStep> steps;
    std::optional<RouteFound> route;
    LookupEnd memory;

    // By caches and tables, as the next request is answered.
    LookupEnd cached;
    bool used_contexts = false;  // which caches have part in it
    bool used_pasids = false;
    bool used_tables = false;
    bool used_iotlb = false;

    // The two do not agree: an invalidation is missing, or has not been done yet.
    bool stale() const;
};

// The same of an interrupt request.
struct InterruptExplanation {
    SourceId source;
    InterruptMessage message;

    bool remaps = false;  // GSTS_REG.IRES
    bool compatibility_passes = false;
    std::uint64_t table_register = 0;  // IRTA_REG as the last SIRTP has latched it: table, size, mode
    unsigned host_address_width = 0;

    struct End {
        vtd::FaultReason reason = vtd::FaultReason::None;
        bool quiet = false;
        bool unverified = false;   // allowed, although the entry refuses the source
        std::uint16_t index = 0;   // of the entry, if there was one to look at
        InterruptMessage message;  // for the processors, without a reason
    };
    std::optional<TableStep> step;  // the entry, if it came to that
    End memory;
    End cached;
    bool used_cache = false;

    bool stale() const;
};

}  // namespace remap::iommu
