// SPDX-License-Identifier: MIT
// Finds physical pages that are mapped with two memory types at once. The audit is told of mappings as they are used;
// when one of another type appears, it walks the tables of the older ones to see whether they still stand.
//
// The manual forbids such pages (Intel SDM volume 3, section "Programming the PAT": no aliasing of one physical page by
// mappings of different types): which access sees what is then undefined.
#pragma once

#include "base/address.h"
#include "hw/cache/finding.h"
#include "hw/cache/page_tables.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace remap::cache {

// Whether two effective types must not be those of one page. Uncacheable is one type, however it was chosen.
bool types_conflict(MemoryType one, MemoryType other);

// A mapping of a page as a processor has used it.
struct MappingUse {
    CpuVirtualPage page;
    MemoryType type = MemoryType::WriteBack;  // effective
    std::uint64_t code = 0;                   // virtual address of the instruction
    unsigned cpu = 0;
};

class AliasAudit {
public:
    struct Options {
        std::size_t mappings_a_page = 16;  // that are kept of a page: the newest
        std::size_t most_pages = 1 << 20;  // of which mappings are kept; of others none is
        std::size_t most_findings = 4096;  // different ones that are told
    };
    struct Counters {
        std::uint64_t pages = 0;     // with mappings that are kept
        std::uint64_t findings = 0;  // told
        std::uint64_t repeats = 0;   // conflicts between code addresses that were told before
        std::uint64_t untold = 0;    // others beyond Options::most_findings
        std::uint64_t dropped = 0;   // mappings and pages not kept for want of room
    };

    // `reader` and `findings` outlive the audit. Both are called with its lock held, by the thread in `seen`, and must
    // not call it.
    AliasAudit(TableReader& reader, FindingPort& findings, const Options& options);
    AliasAudit(TableReader& reader, FindingPort& findings) : AliasAudit(reader, findings, Options{}) {}
    AliasAudit(const AliasAudit&) = delete;
    AliasAudit& operator=(const AliasAudit&) = delete;

    // A processor in `state` uses a mapping of a physical page, for the first time since its TLB was filled with it.
    // Any thread. Cheap when the mapping is known.
    void seen(PhysicalPage page, const MappingUse& use, const PagingState& state);

    // Forgets mappings of pages, without a finding: they are no longer of interest.
    void forget(PhysicalPage first, std::uint64_t pages);
    void forget_all();

    Counters counters() const;

private:
    struct Known {
        PhysicalAddress root;
        unsigned levels = 0;
        MappingUse use;
    };
    using List = std::vector<Known>;

    static bool same_place(const Known& known, PhysicalAddress root, CpuVirtualPage page);
    bool stands(const Known& known, PhysicalPage page, const PagingState& state);
    void check(List& list, PhysicalPage page, const MappingUse& use, const PagingState& state);
    void tell(PhysicalPage page, const MappingUse& use, const MappingUse& other);
    void keep(List& list, const MappingUse& use, const PagingState& state);

    TableReader& reader_;
    FindingPort& findings_;
    const Options options_;
    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, List> pages_;           // by number
    std::set<std::pair<std::uint64_t, std::uint64_t>> told_;  // code addresses, the lower first
    Counters counters_;
};

}  // namespace remap::cache
