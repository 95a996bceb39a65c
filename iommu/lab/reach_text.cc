// SPDX-License-Identifier: MIT
#include "iommu/lab/reach_text.h"

#include "callbacks/names/names.h"
#include "iommu/lab/names.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>

namespace remap::lab {

namespace {

using iommu::Reach;
using iommu::ReachedRun;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

std::string_view kind_text(iommu::TranslationKind kind) {
    switch (kind) {
        case iommu::TranslationKind::FirstStage: return "first stage";
        case iommu::TranslationKind::SecondStage: return "second stage";
        case iommu::TranslationKind::Nested: return "first stage nested in a second one";
        case iommu::TranslationKind::PassThrough: break;
    }
    return "pass-through";
}

std::string_view name_of(Reach::How how) {
    switch (how) {
        case Reach::How::Refused: break;
        case Reach::How::NotTranslated: return "not-translated";
        case Reach::How::PassThrough: return "pass-through";
        case Reach::How::Tables: return "tables";
    }
    return "refused";
}

std::string title_of(const iommu::ReachQuestion& question, const Reach& reach) {
    std::string who = "device " + text_of_source(question.source.value);
    who += question.pasid ? fmt::format(", PASID {}", question.pasid->value) : std::string(", without PASID");
    switch (reach.how) {
        case Reach::How::Refused:
            return fmt::format("{}: every request is refused, {} (fault 0x{:x})", who, vtd::text_of(reach.reason),
                               static_cast<unsigned>(reach.reason));
        case Reach::How::NotTranslated: return who + ": translation is off, every address is a physical one";
        case Reach::How::PassThrough:
            return fmt::format("{}: passes through (domain {}), every address is a physical one", who, reach.domain);
        case Reach::How::Tables: break;
    }
    return fmt::format("{}: {}, domain {}", who, kind_text(reach.kind), reach.domain);
}

std::string rights_of(const ReachedRun& run) {
    return fmt::format("{}{}", run.readable ? 'r' : '-', run.writable ? 'w' : '-');
}

// Cuts a run where the owner of its memory changes. False if there is no room for all of it.
bool add_lines(ReachReport& report, const ReachedRun& run, const Objects* objects, std::size_t most_lines) {
    std::uint64_t done = 0;
    while (done < run.bytes) {
        if (report.lines.size() >= most_lines) {
            report.cut_off_at = run.logical + done;
            return false;
        }
        ReachLine line{run, std::nullopt};
        line.run.logical = run.logical + done;
        line.run.physical = run.physical + done;
        line.run.bytes = run.bytes - done;
        if (objects != nullptr) {
            const std::uint64_t offset = line.run.physical.page_offset();
            const OwnedRun owned = objects->owned_run(line.run.physical.page(), pages_of(line.run.bytes + offset));
            line.owner = owned.owner;
            const std::uint64_t bytes = (owned.pages << page_shift) - offset;
            if (bytes < line.run.bytes) line.run.bytes = bytes;
        }
        done += line.run.bytes;
        report.lines.push_back(std::move(line));
    }
    return true;
}

}  // namespace

std::string text_of_bytes(std::uint64_t bytes) {
    constexpr std::array<const char*, 7> units{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    std::size_t unit = 0;
    for (; bytes != 0 && bytes % 1024 == 0 && unit + 1 < units.size(); ++unit) bytes /= 1024;
    return fmt::format("{} {}", bytes, units[unit]);
}

std::string text_of(const ObjectInfo& object) {
    if (!object.announced) return fmt::format("object 0x{:x}", object.number);
    const std::string context = object.context == 0 ? "" : fmt::format(", Context 0x{:x}", object.context);
    return fmt::format("object 0x{:x} ({}, {}{})", object.number, callbacks::name_of_sort(object.sort),
                       text_of_bytes(object.length), context);
}

ReachReport report_on(const iommu::ReachQuestion& question, const Reach& reach, const Objects* objects,
                      std::size_t most_lines) {
    ReachReport report{.question = question, .how = reach.how, .title = title_of(question, reach), .lines = {}};
    report.entries = reach.entries;
    report.cut_off_at = reach.cut_off_at;
    for (const ReachedRun& run : reach.runs) {
        if (!add_lines(report, run, objects, most_lines)) break;
    }
    return report;
}

std::string text_of(const ReachReport& report) {
    std::string text = report.title + "\n";
    if (report.how != Reach::How::Tables) return text;
    if (report.lines.empty()) text += "nothing\n";
    for (const ReachLine& line : report.lines) {
        const ReachedRun& run = line.run;
        text += fmt::format("0x{:012x}-0x{:012x}  {:>9}  -> 0x{:012x}  {}{}  {} pages", run.logical.value,
                            run.logical.value + (run.bytes - 1), text_of_bytes(run.bytes), run.physical.value,
                            rights_of(run), run.snooped ? " snooped" : "",
                            text_of_bytes(std::uint64_t{1} << run.leaf_shift));
        text += line.owner ? fmt::format("  {}\n", text_of(*line.owner)) : std::string("\n");
    }
    if (report.cut_off_at)
        text += fmt::format("... cut off at 0x{:x}: ask again from there\n", report.cut_off_at->value);
    return text;
}

std::string json_of(const ReachReport& report) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    const auto text = [&](const char* key, std::string_view value) {
        writer.Key(key);
        writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    };
    const auto hex = [&](const char* key, std::uint64_t value) { text(key, fmt::format("0x{:x}", value)); };
    const auto nothing = [&](const char* key) {
        writer.Key(key);
        writer.Null();
    };
    writer.StartObject();
    text("how", name_of(report.how));
    text("title", report.title);
    writer.Key("runs");
    writer.StartArray();
    for (const ReachLine& line : report.lines) {
        writer.StartObject();
        hex("first", line.run.logical.value);
        hex("bytes", line.run.bytes);
        hex("physical", line.run.physical.value);
        text("rights", rights_of(line.run));
        writer.Key("snooped");
        writer.Bool(line.run.snooped);
        hex("leaf", std::uint64_t{1} << line.run.leaf_shift);
        line.owner ? hex("object", line.owner->number) : nothing("object");
        writer.EndObject();
    }
    writer.EndArray();
    writer.Key("entries");
    writer.Uint64(report.entries);
    report.cut_off_at ? hex("cut_off_at", report.cut_off_at->value) : nothing("cut_off_at");
    text("text", text_of(report));
    writer.EndObject();
    return buffer.GetString();
}

}  // namespace remap::lab
