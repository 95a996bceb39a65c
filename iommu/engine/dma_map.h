// SPDX-License-Identifier: MIT
// Which memory a device can reach by requests without PASID, kept up to date as software changes the tables.
//
// It is what the tables say, not what caches of the unit or the device still hold: where CAP.CM is 0 nothing need be
// invalidated for a page that becomes reachable, so the stores themselves are followed. Software needs no part in it.
// Logical pages in the interrupt range are taken for pages like others, though no such request is translated.
//
// Calls are made one at a time.
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/device_tables.h"
#include "iommu/engine/dma_map_port.h"
#include "iommu/engine/followed_tables.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/reached_pages.h"
#include "iommu/engine/request.h"
#include "iommu/engine/translation_state.h"
#include "iommu/engine/watched_pages.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>

namespace remap::iommu {

class DmaMap {
public:
    // Nothing is read and nobody told before `configure`. Ports must outlive the map.
    DmaMap(const Configuration& configuration, MemoryPort& memory, SourceId source, DmaMapPort& port,
           const DmaMapOptions& options = {});

    // The registers say this now: another root table, or translation switched.
    void configure(TranslationState state);

    // Memory there has been changed, by whomever. Of pages that are not watched it may be told or not.
    void stored(PhysicalAddress at, std::uint64_t bytes);

    // Tells the port that nothing is reachable and nothing watched, until `configure`.
    void clear();

    std::size_t tables() const { return tables_.size(); }
    std::uint64_t left_out() const { return tables_.left_out(); }  // tables, so far

private:
    // Reads for somebody, and keeps which pages.
    class Recorder final : public MemoryPort {
    public:
        explicit Recorder(MemoryPort& memory) : memory_(memory) {}

        bool read(PhysicalAddress from, void* to, std::size_t bytes) override;
        bool write(PhysicalAddress, const void*, std::size_t) override { return false; }
        Exchange exchange(PhysicalAddress, std::uint64_t, std::uint64_t) override { return Exchange::Unanswered; }
        std::set<PhysicalPage> take();

    private:
        MemoryPort& memory_;
        std::set<PhysicalPage> pages_;
    };

    // Where the tables begin, or that there are none to translate with.
    struct Goal {
        bool everything = false;
        std::optional<TableKey> second_stage = {};
        std::optional<TableKey> first_stage = {};

        bool nested() const { return second_stage && first_stage; }
        friend bool operator==(const Goal&, const Goal&) = default;
    };

    Goal find_goal();
    static Goal goal_of(const Route& route, const DmaMapOptions& options);
    void find_way();
    void go_to(const Goal& goal);
    void add_roots(const Goal& goal);
    void remove_roots(const Goal& goal);
    void finish();

    const Configuration configuration_;
    const SourceId source_;
    const DmaMapOptions options_;
    DmaMapPort& port_;
    Recorder recorder_;
    DeviceTables devices_;
    WatchedPages pages_;
    ReachedPages reached_;
    FollowedTables tables_;
    TranslationState state_;
    Goal goal_;
    bool told_incomplete_ = false;
};

}  // namespace remap::iommu
