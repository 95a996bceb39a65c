// SPDX-License-Identifier: MIT
// Whose memory a page is: what drivers have told of their objects, by events of the kinds Object, Frames, Map and
// Unmap.
//
// It is what they said, in whatever order and however wrong: where two claim a page the newer word counts, frames of an
// object that was never announced make it known by its number, and beyond the limits the newest is left out and
// counted. Thread safe.
#pragma once

#include "base/address.h"
#include "iommu/lab/event.h"
#include "iommu/lab/owned_ranges.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace remap::lab {

struct ObjectLimits {
    std::size_t objects = 65536;
    std::size_t frame_runs = 1 << 18;
    std::size_t mappings = 1 << 18;
};

struct ObjectInfo {
    std::uint64_t number = 0;
    bool announced = false;     // by an Object event; else only frames or mappings have named it
    std::uint32_t sort = 0;     // as the event has it, like the next two
    std::uint64_t length = 0;   // bytes
    std::uint64_t context = 0;  // the driver's own
};

// A run of an object's memory, or of logical addresses that lead to it.
struct ObjectFrames {
    PhysicalPage first;
    std::uint64_t pages = 0;
    friend bool operator==(const ObjectFrames&, const ObjectFrames&) = default;
};
struct ObjectMapping {
    std::uint16_t source = no_source;
    std::uint32_t pasid = no_pasid;
    LogicalPage first;
    std::uint64_t pages = 0;
    PhysicalPage memory;
    std::uint64_t object = 0;
    friend bool operator==(const ObjectMapping&, const ObjectMapping&) = default;
};

// Pages that have one owner, or none that is known.
struct OwnedRun {
    std::optional<ObjectInfo> owner;
    std::uint64_t pages = 0;
};

class Objects {
public:
    explicit Objects(const ObjectLimits& limits = {});

    // Of any kind: those that say nothing of objects are passed over, but a machine's Reset, which ends all of them.
    void happened(const Event& event);

    // Who owns a physical page: by its frames, or by a mapping that leads to it.
    std::optional<ObjectInfo> owner_of(PhysicalPage page) const;

    // The same, and how many of these pages (at least 1) have the first one's owner.
    OwnedRun owned_run(PhysicalPage first, std::uint64_t pages) const;

    std::optional<ObjectInfo> find(std::uint64_t number) const;
    std::vector<ObjectInfo> list(std::size_t most) const;  // in the order of their numbers

    // At most so many, in order.
    std::vector<ObjectFrames> frames_of(std::uint64_t number, std::size_t most) const;
    std::vector<ObjectMapping> mappings_of(std::uint64_t number, std::size_t most) const;

    // What a device's logical page was mapped to by a driver, if it still is.
    std::optional<ObjectMapping> mapping_at(std::uint16_t source, std::uint32_t pasid, LogicalPage page) const;

    // Events that found no room, since the last reset of the machine.
    std::uint64_t left_out() const;

private:
    bool know(std::uint64_t number);
    void object(const Event& event);
    void frames(const Event& event);
    void map(const Event& event);
    void unmap(const Event& event);
    void forget(std::uint64_t number);
    void count(bool fits) { left_out_ += fits ? 0 : 1; }
    void clear();

    const ObjectLimits limits_;
    mutable std::mutex lock_;
    std::map<std::uint64_t, ObjectInfo> objects_;
    OwnedRanges frames_;    // of physical pages, in one space
    OwnedRanges mapped_;    // physical pages as mappings have them, in one space
    OwnedRanges mappings_;  // of logical pages, in a space for each source and PASID
    std::uint64_t left_out_ = 0;
};

}  // namespace remap::lab
