// SPDX-License-Identifier: MIT
#include "tools/export/perfetto_tracks.h"

#include <bit>

namespace remap::tools {
namespace {

// Numbers of processes and of their own tracks; 0 means the viewer's idle process.
PacketWriter::Track process_track(Owner owner) { return PacketWriter::Track{owner} + 1; }
constexpr PacketWriter::Track first_track = 1 << 20;

}  // namespace

PerfettoTracks::Track PerfettoTracks::process(Owner owner) {
    if (processes_.insert(owner).second)
        writer_.process(process_track(owner), static_cast<std::int32_t>(owner + 1), name_of(owner, context_));
    return process_track(owner);
}

PerfettoTracks::Track PerfettoTracks::of(Owner owner, std::string_view name, std::uint32_t row) {
    const auto [place, is_new] = tracks_.try_emplace({owner, std::string(name), row}, first_track + tracks_.size());
    if (is_new) writer_.track(place->second, process(owner), name);
    return place->second;
}

PerfettoTracks::Track PerfettoTracks::counter(Owner owner, std::string_view name, std::string_view unit) {
    constexpr std::uint32_t of_counters = ~0u;
    const auto [place, is_new] =
        tracks_.try_emplace({owner, std::string(name), of_counters}, first_track + tracks_.size());
    if (is_new) writer_.counter_track(place->second, process(owner), name, unit);
    return place->second;
}

std::uint32_t Waiting::ask(std::uint64_t key) {
    const auto row = static_cast<std::uint32_t>(std::countr_one(used_));
    if (row == most_rows || !rows_.emplace(key, row).second) return most_rows;
    used_ |= std::uint64_t{1} << row;
    return row;
}

std::uint32_t Waiting::answer(std::uint64_t key) {
    const auto place = rows_.find(key);
    if (place == rows_.end()) return most_rows;
    const std::uint32_t row = place->second;
    rows_.erase(place);
    used_ &= ~(std::uint64_t{1} << row);
    return row;
}

}  // namespace remap::tools
