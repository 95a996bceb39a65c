// SPDX-License-Identifier: MIT
// The tracks of an export: each is declared when it is first asked for.
#pragma once

#include "tools/export/groups.h"
#include "tools/export/perfetto_packets.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

namespace remap::tools {

class PerfettoTracks {
public:
    using Track = PacketWriter::Track;

    PerfettoTracks(PacketWriter& writer, const TraceContext& context) : writer_(writer), context_(context) {}

    Track process(Owner owner);

    // Several tracks of one name are drawn as one that is higher where its slices overlap: `row` tells them apart.
    Track of(Owner owner, std::string_view name, std::uint32_t row = 0);
    Track counter(Owner owner, std::string_view name, std::string_view unit);

private:
    PacketWriter& writer_;
    const TraceContext& context_;
    std::set<Owner> processes_;
    std::map<std::tuple<Owner, std::string, std::uint32_t>, Track> tracks_;
};

// Questions that wait for their answers, in rows so that no two overlap in one.
class Waiting {
public:
    static constexpr std::uint32_t most_rows = 64;

    // The row it occupies from now on; most_rows if that many others wait already, or this one does.
    std::uint32_t ask(std::uint64_t key);

    // The row that it leaves; most_rows if nobody had asked.
    std::uint32_t answer(std::uint64_t key);

    const std::map<std::uint64_t, std::uint32_t>& open() const { return rows_; }

private:
    std::map<std::uint64_t, std::uint32_t> rows_;  // by key
    std::uint64_t used_ = 0;                       // a bit for each row
};

}  // namespace remap::tools
