// SPDX-License-Identifier: MIT
// What a trace does not say itself but a reader of its export wants to know: names, rules, what was lost. All of it may
// come from a segment that somebody else has written; nothing here is believed to be printable, or short.
#pragma once

#include "iommu/lab/event.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace remap::tools {

struct RuleInfo {
    std::uint32_t number = 0;  // that injections carry in their code
    std::string name;
    std::string text;         // of its file
    std::uint64_t acted = 0;  // deeds that were carried out, by the machine's own count
};

struct LaneLoss {
    std::uint32_t lane = 0;
    std::uint64_t events = 0;
};

struct CounterInfo {
    std::string name;
    std::uint64_t value = 0;
};

// What the tables let a device reach, as they are now.
struct ReachableRange {
    std::uint16_t source = lab::no_source;
    std::uint32_t pasid = lab::no_pasid;
    std::uint64_t address = 0;  // the first, as the device says it
    std::uint64_t bytes = 0;
    std::uint64_t physical = 0;  // of the first; the rest follows it
    bool readable = false;
    bool writable = false;
    std::uint64_t object = 0;  // whose memory it is; 0: nobody knows
};

struct TraceContext {
    std::string machine = {};
    std::map<std::uint16_t, std::string> devices = {};       // "GPU", by source id
    std::map<std::uint32_t, std::string> callbacks = {};     // by the code of a Call
    std::map<std::uint32_t, std::string> object_sorts = {};  // by the code of an Object
    std::map<std::uint64_t, std::uint32_t> objects = {};     // the sorts of those that the trace does not see created
    std::vector<RuleInfo> rules = {};
    std::vector<LaneLoss> losses = {};
    std::vector<CounterInfo> counters = {};
    std::vector<ReachableRange> reachable = {};
};

}  // namespace remap::tools
