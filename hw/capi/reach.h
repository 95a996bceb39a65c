// SPDX-License-Identifier: MIT
// Which memory devices can reach, told to C: of all that are followed together, and apart from the tables themselves.
#pragma once

#include "hw/cache/page_set.h"
#include "hw/capi/remap_iommu.h"
#include "iommu/engine/iommu.h"
#include "iommu/engine/page_counts.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace remap::capi {

class Reach {
public:
    // Without `told` nobody is followed.
    Reach(iommu::Iommu& engine, const RemapIommuReach* told, void* opaque)
        : engine_(engine), told_(told), opaque_(opaque) {}
    ~Reach();
    Reach(const Reach&) = delete;
    Reach& operator=(const Reach&) = delete;

    void follow(iommu::SourceId source);
    void unfollow(iommu::SourceId source);
    bool watched(PhysicalPage page) const { return watched_.has(page); }  // any thread, without a lock

private:
    // One device's map. The engine calls the ports one at a time, and so protects what the maps have in common.
    class Device final : public iommu::DmaMapPort {
    public:
        Device(Reach& all, iommu::SourceId source) : source(source), all_(all) {}

        void reachable(PhysicalPage first, std::uint64_t pages) override { all_.add({first, pages}); }
        void unreachable(PhysicalPage first, std::uint64_t pages) override { all_.remove({first, pages}); }
        void watch(PhysicalPage page) override { all_.watch(page); }
        void unwatch(PhysicalPage page) override { all_.unwatch(page); }
        void everything(bool) override {}  // which pages that are only accesses tell
        void incomplete() override { all_.told_->incomplete(all_.opaque_, source.value); }
        void settled() override { all_.told_->settled(all_.opaque_); }

        const iommu::SourceId source;

    private:
        Reach& all_;
    };

    void add(iommu::PageRun run);
    void remove(iommu::PageRun run);
    void watch(PhysicalPage page);
    void unwatch(PhysicalPage page);
    template <typename Visitor>
    void each_without_tables(const iommu::PageRun& run, Visitor&& visit) const;

    iommu::Iommu& engine_;
    const RemapIommuReach* told_;
    void* opaque_;

    std::mutex lock_;  // of the next
    std::vector<std::unique_ptr<Device>> devices_;

    iommu::PageCounts reached_;
    std::map<PhysicalPage, unsigned> tables_;  // by how many maps they are watched
    cache::PageSet watched_;
};

}  // namespace remap::capi
