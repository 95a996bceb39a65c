// SPDX-License-Identifier: MIT
// The control segment's first page: what it is, whose, and where its parts lie. The owner writes it once and never
// looks at it again; tools check all of it.
#pragma once

#include "base/result.h"
#include "iommu/lab/shared_object.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace remap::lab {

inline constexpr std::uint64_t segment_magic = 0x3142'414c'5041'4d52;  // "RMAPLAB1"
inline constexpr std::uint32_t segment_version = 2;
inline constexpr char segment_prefix[] = "remaplab-lab-";  // of names of shared memory
inline constexpr std::uint64_t segment_page = 4096;        // parts lie on multiples of it

enum class Part : std::uint8_t {
    Trace,       // trace_layout.h
    Counters,    // by device
    RuleCounts,  // a RuleCounter for each rule
    Mailbox,     // mailbox.h
    Rules,       // published_text.h: which rules there are and were
};
inline constexpr unsigned parts = 5;

inline constexpr std::uint64_t rules_text_bytes = 1024 * 1024;

enum class Stage : std::uint32_t { Running = 1, Ended = 2 };

struct PartPlace {
    std::uint64_t offset = 0;  // bytes
    std::uint64_t bytes = 0;
};

struct SegmentHeader {
    std::uint64_t magic = 0;  // written last
    std::uint32_t version = 0;
    std::uint32_t header_bytes = 0;
    std::uint64_t bytes = 0;  // of the whole segment
    std::uint32_t pid = 0;
    std::uint32_t stage = 0;    // Stage
    std::uint64_t started = 0;  // nanoseconds since 1970
    std::uint64_t ended = 0;
    std::array<char, 64> name = {};   // ends with a zero
    std::array<char, 64> build = {};  // the version of the program
    std::array<PartPlace, parts> places = {};

    const PartPlace& place(Part part) const { return places[static_cast<unsigned>(part)]; }
};
static_assert(sizeof(SegmentHeader) <= segment_page);

// A name that a machine may have: 1 to 63 letters, digits, and . _ - but not first.
bool is_machine_name(const std::string& name);

// Where the segment of a machine lies that has this name.
ObjectPlace place_of_machine(const std::string& name);

// Lays parts of these sizes (bytes) behind each other. Sets `places` and `bytes`.
void lay_out(SegmentHeader& header, const std::array<std::uint64_t, parts>& sizes);

// The header of an object, checked: parts lie inside it, apart from each other, on pages; texts end and can be printed.
// The error is a sentence for people.
Result<SegmentHeader, std::string> read_header(const SharedObject& object);

// What a machine leaves behind whose process is gone: a segment, or one that it had no time to begin.
bool is_segment_remains(const SharedObject& object);

// The same of shared memory, where names with our prefix are ours, whatever a hostile program has made of the contents.
bool is_dead_name(const SharedObject& object);

}  // namespace remap::lab
