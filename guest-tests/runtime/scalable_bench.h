// SPDX-License-Identifier: MIT
// An IommuBench whose unit is in scalable mode: tables of that mode in which the GPU alone stands, and its requests,
// which carry no PASID, go by the entry of PASID 0. The driver knows legacy mode only, so the bench sets it up by hand.
#pragma once

#include "guest-tests/runtime/iommu_bench.h"
#include "guest-tests/runtime/tables.h"
#include "iommu/paging/editor.h"
#include "iommu/spec/scalable_tables.h"

#include <cstdint>
#include <optional>

namespace remap::guest {

// Makes a unit in scalable mode forget, by a queue of wide descriptors.
class ScalableInvalidations {
public:
    void contexts();
    void pasid_entries(std::uint16_t domain, std::uint32_t pasid);
    void translations(std::uint16_t domain);  // whatever stages they come from
    void pasid_translations(std::uint16_t domain, std::uint32_t pasid);
    void pasid_page(std::uint16_t domain, std::uint32_t pasid, LogicalAddress page);
    void everything();

private:
    void finish();

    RawQueue queue_{RawQueue::Width::Wide};
};

class ScalableBench : public IommuBench {
public:
    using PasidWords = vtd::pasid_entry::Words;

    static constexpr std::uint16_t first_stage_id = 0x77;  // domain of what goes through the first stage
    static constexpr std::uint32_t pasid = 0;

    // Ends the case where the unit has no scalable mode. The PASID entry is not present yet.
    ScalableBench();
    ~ScalableBench();

    // PASID entries.
    PasidWords by_second_stage(const vtd_driver::Domain& of) const;
    PasidWords by_first_stage() const;
    PasidWords pass_through() const;

    // Changes the entry and nothing else.
    void write_pasid(const PasidWords& words) const;

    // The words of the entries on the way to the GPU's PASID entry, and that one.
    EntryWord root_word() const;
    EntryWord context_words() const;
    EntryWord directory_word() const;
    EntryWord pasid_words() const;

    // The first stage, in which the GPU finds its commands, and a page in it for users.
    void map_first(LogicalAddress at, PhysicalPage to, bool writable = true, std::uint64_t pages = 1);
    // Of a level, on the way to an address; the leaf is at level 1.
    EntryWord first_stage_entry(LogicalAddress at, unsigned level) const;

    ScalableInvalidations& invalidate() { return *invalidations_; }

    // For a case with a queue of its own, in between.
    void end_invalidations() { invalidations_.reset(); }
    void begin_invalidations() { invalidations_.emplace(); }

private:
    PhysicalPage allocate();

    DeviceTables tables_;
    paging::Editor<paging::VtdFirstStage> first_stage_;
    PhysicalPage root_, contexts_, directory_, entries_;
    std::optional<ScalableInvalidations> invalidations_;
};

}  // namespace remap::guest
