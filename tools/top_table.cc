// SPDX-License-Identifier: MIT
#include "tools/top_table.h"

#include "iommu/lab/names.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

namespace remap::tools {

namespace {

using lab::Count;
using lab::CounterTable;

constexpr const char* count_names[] = {
    "translations", "refused-translations", "walks",           "faults",     "reads",         "writes",
    "read-bytes",   "written-bytes",        "refused",         "interrupts", "invalidations", "page-requests",
    "injections",   "completions",          "unit-interrupts", "stale-uses"};
static_assert(std::size(count_names) == lab::counts);

std::uint64_t of(const DeviceCounts& row, Count what) { return row.words[static_cast<unsigned>(what)]; }

DeviceCounts read_row(const CounterTable& table, unsigned row, std::string device) {
    DeviceCounts counts{std::move(device), {}};
    for (unsigned i = 0; i < lab::counts; ++i) counts.words[i] = table.words[row][i].load(std::memory_order_relaxed);
    return counts;
}

bool is_empty(const DeviceCounts& row) {
    return std::all_of(row.words.begin(), row.words.end(), [](std::uint64_t word) { return word == 0; });
}

// At most seven characters: "12.3 M".
std::string amount(double value) {
    static constexpr const char* units[] = {"", " k", " M", " G", " T", " P", " E"};
    unsigned unit = 0;
    for (; value >= 9999.5 && unit + 1 < std::size(units); ++unit) value /= 1000;
    return fmt::format("{:.{}f}{}", value, unit == 0 ? 0 : 1, units[unit]);
}

// How many of the translations were answered without reading tables.
std::string hit_rate(const DeviceCounts& row) {
    const std::uint64_t all = of(row, Count::Translations);
    if (all == 0) return "-";
    const std::uint64_t walks = std::min(of(row, Count::Walks), all);
    return fmt::format("{:.1f}", 100.0 * static_cast<double>(all - walks) / static_cast<double>(all));
}

}  // namespace

std::optional<std::vector<DeviceCounts>> read_counters(std::span<const std::byte> memory) {
    if (memory.size() < sizeof(CounterTable)) return std::nullopt;
    const auto& table = *reinterpret_cast<const CounterTable*>(memory.data());
    std::vector<DeviceCounts> rows;
    for (unsigned i = 0; i < CounterTable::devices; ++i) {
        const std::uint32_t source = table.sources[i].load(std::memory_order_relaxed);
        if (source == 0 || source > 0x10000) continue;
        rows.push_back(read_row(table, i, lab::text_of_source(static_cast<std::uint16_t>(source - 1))));
    }
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.device < b.device; });
    const auto others = read_row(table, CounterTable::others, "others");
    if (!is_empty(others)) rows.push_back(others);
    rows.push_back(read_row(table, CounterTable::unit, "unit"));
    return rows;
}

std::vector<DeviceCounts> difference(const std::vector<DeviceCounts>& before, const std::vector<DeviceCounts>& now) {
    std::vector<DeviceCounts> result = now;
    for (DeviceCounts& row : result) {
        const auto old =
            std::find_if(before.begin(), before.end(), [&](const auto& b) { return b.device == row.device; });
        if (old == before.end()) continue;
        for (unsigned i = 0; i < lab::counts; ++i) {
            if (old->words[i] <= row.words[i]) row.words[i] -= old->words[i];
        }
    }
    return result;
}

std::string table_of(const std::vector<DeviceCounts>& counts, double seconds) {
    std::string text =
        fmt::format("{:<8} {:>9} {:>6} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8} {:>8}\n", "DEVICE", "TRANSL/s", "HIT %",
                    "WALKS/s", "FAULTS/s", "READ B/s", "WRITE B/s", "IRQ/s", "INVAL/s", "INJECT/s");
    for (const DeviceCounts& row : counts) {
        const auto rate = [&](Count what) { return amount(static_cast<double>(of(row, what)) / seconds); };
        text += fmt::format("{:<8} {:>9} {:>6} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8} {:>8}\n", row.device,
                            rate(Count::Translations), hit_rate(row), rate(Count::Walks), rate(Count::Faults),
                            rate(Count::ReadBytes), rate(Count::WrittenBytes), rate(Count::Interrupts),
                            rate(Count::Invalidations), rate(Count::Injections));
    }
    return text;
}

std::string json_of(const std::vector<DeviceCounts>& counts, double seconds) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    writer.StartObject();
    writer.Key("seconds");
    writer.Double(seconds);
    writer.Key("devices");
    writer.StartArray();
    for (const DeviceCounts& row : counts) {
        writer.StartObject();
        writer.Key("device");
        writer.String(row.device.c_str());
        for (unsigned i = 0; i < lab::counts; ++i) {
            writer.Key(count_names[i]);
            writer.Uint64(row.words[i]);
        }
        writer.EndObject();
    }
    writer.EndArray();
    writer.EndObject();
    return text.GetString();
}

}  // namespace remap::tools
