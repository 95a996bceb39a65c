// SPDX-License-Identifier: MIT
// What a device can reach, for people: runs with whose memory they are.
#pragma once

#include "iommu/engine/reach.h"
#include "iommu/lab/objects.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace remap::lab {

// A piece of a run that belongs to one object, or to none that is known.
struct ReachLine {
    iommu::ReachedRun run;
    std::optional<ObjectInfo> owner;
};

struct ReachReport {
    iommu::ReachQuestion question;
    iommu::Reach::How how = iommu::Reach::How::Refused;
    std::string title;  // one sentence: which tables, or why there are none
    std::vector<ReachLine> lines;
    std::uint64_t entries = 0;                      // of tables, that were looked at
    std::optional<LogicalAddress> cut_off_at = {};  // what lies from here on was not looked at, or found no room
};

// The objects may be null.
ReachReport report_on(const iommu::ReachQuestion& question, const iommu::Reach& reach, const Objects* objects,
                      std::size_t most_lines);

// A table, its lines with their ends.
std::string text_of(const ReachReport& report);

// One object: how, title, runs [{first, bytes, physical, rights, snooped, leaf, object}], entries, cut_off_at, and the
// text above. Numbers of 64 bits are texts with 0x, an object that is not known is null.
std::string json_of(const ReachReport& report);

// "object 0x2a (section, 64 KiB, Context 0x1000)".
std::string text_of(const ObjectInfo& object);

// In the largest unit that has no fraction: "64 KiB".
std::string text_of_bytes(std::uint64_t bytes);

}  // namespace remap::lab
