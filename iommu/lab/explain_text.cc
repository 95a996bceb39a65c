// SPDX-License-Identifier: MIT
// An explanation, written out.
#include "iommu/lab/explain.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace remap::lab {

namespace {

using iommu::TableStep;
using Purpose = TableStep::Purpose;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

std::string field_text(const FieldText& field) {
    std::string text = field.is_address || field.value > 9 ? fmt::format("{} 0x{:x}", field.name, field.value)
                                                           : fmt::format("{} {}", field.name, field.value);
    if (!field.meaning.empty()) text += fmt::format(" ({})", field.meaning);
    return text;
}

std::string words_text(const TableStep& step) {
    unsigned count = step.count;
    while (count > 1 && step.words[count - 1] == 0) --count;
    std::string text;
    for (unsigned i = 0; i < count; ++i) text += fmt::format("{}0x{:016x}", i == 0 ? "" : " ", step.words[i]);
    return count < step.count ? text + " and zeros" : text;
}

std::string heading(const ExplainedStep& one) {
    std::string text = fmt::format("{} ({}) at 0x{:x}", one.entry.name, one.entry.section, one.step.at.value);
    if (one.step.guest_at) text += fmt::format(", guest-physical 0x{:x}", *one.step.guest_at);
    return text;
}

// What a walk of the second stage is for, where it begins.
std::string walk_title(const TableStep& step, const TableStep* before) {
    if (step.what != TableStep::What::SecondStageEntry && step.what != TableStep::What::FirstStageEntry) return {};
    if (before != nullptr && before->what == step.what && before->purpose == step.purpose &&
        before->input == step.input && before->level == step.level + 1)
        return {};
    if (step.what == TableStep::What::FirstStageEntry) return {};
    switch (step.purpose) {
        case Purpose::Data: return fmt::format("the second stage, for address 0x{:x}:\n", step.input);
        case Purpose::ReadEntry:
            return fmt::format("the second stage, to read the first stage's entry at guest-physical 0x{:x}:\n",
                               step.input);
        case Purpose::MarkEntry:
            return fmt::format("the second stage, to set accessed and dirty bits at guest-physical 0x{:x}:\n",
                               step.input);
    }
    return {};
}

void add_step(std::string& text, const ExplainedStep& one) {
    text += fmt::format("{}\n", heading(one));
    if (one.step.answered) {
        text += fmt::format("    {}\n    ", words_text(one.step));
        for (std::size_t i = 0; i < one.entry.fields.size(); ++i)
            text += fmt::format("{}{}", i == 0 ? "" : ", ", field_text(one.entry.fields[i]));
        text += "\n";
    }
    for (std::size_t i = 0; i < one.entry.reserved.size(); ++i) {
        if (one.entry.reserved[i] != 0)
            text += fmt::format("    reserved bits are set in word {}: 0x{:x}\n", i, one.entry.reserved[i]);
    }
    text += fmt::format("    -> {}\n", one.entry.leads_to);
}

// Bits that are set on the way are of no interest, but where that is what fails.
bool is_shown(const std::vector<ExplainedStep>& steps, std::size_t i) {
    if (steps[i].step.purpose != Purpose::MarkEntry) return true;
    const TableStep& last = steps.back().step;
    return last.purpose == Purpose::MarkEntry && last.input == steps[i].step.input;
}

void write_hex(Writer& writer, const char* key, std::uint64_t value) {
    writer.Key(key);
    writer.String(fmt::format("0x{:x}", value).c_str());
}

void write_text(Writer& writer, const char* key, std::string_view value) {
    writer.Key(key);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void write_optional(Writer& writer, const char* key, const std::optional<std::string>& value) {
    if (value) return write_text(writer, key, *value);
    writer.Key(key);
    writer.Null();
}

const char* purpose_name(const TableStep& step) {
    if (step.what != TableStep::What::SecondStageEntry) return "";
    switch (step.purpose) {
        case Purpose::Data: return "data";
        case Purpose::ReadEntry: return "read-entry";
        case Purpose::MarkEntry: return "mark-entry";
    }
    return "";
}

void write_step(Writer& writer, const ExplainedStep& one) {
    const TableStep& step = one.step;
    writer.StartObject();
    write_text(writer, "entry", one.entry.name);
    write_text(writer, "section", one.entry.section);
    write_hex(writer, "address", step.at.value);
    if (step.guest_at) write_hex(writer, "guest_address", *step.guest_at);
    if (step.level != 0) write_hex(writer, "input", step.input);
    if (*purpose_name(step) != '\0') write_text(writer, "purpose", purpose_name(step));
    writer.Key("words");
    writer.StartArray();
    for (unsigned i = 0; step.answered && i < step.count; ++i)
        writer.String(fmt::format("0x{:x}", step.words[i]).c_str());
    writer.EndArray();
    writer.Key("fields");
    writer.StartObject();
    for (const FieldText& field : one.entry.fields) write_hex(writer, std::string(field.name).c_str(), field.value);
    writer.EndObject();
    if (one.entry.any_reserved()) {
        writer.Key("reserved");
        writer.StartArray();
        for (const std::uint64_t bits : one.entry.reserved) writer.String(fmt::format("0x{:x}", bits).c_str());
        writer.EndArray();
    }
    write_text(writer, "leads_to", one.entry.leads_to);
    writer.EndObject();
}

}  // namespace

std::string text_of(const Explained& explained) {
    std::string text = fmt::format("{}\n\n{}\n\n", explained.question, explained.registers);
    const TableStep* before = nullptr;
    for (std::size_t i = 0; i < explained.steps.size(); ++i) {
        if (!is_shown(explained.steps, i)) continue;
        const TableStep& step = explained.steps[i].step;
        text += walk_title(step, before);
        add_step(text, explained.steps[i]);
        before = &step;
    }
    text += fmt::format("{}=> {}\n", explained.steps.empty() ? "" : "\n", explained.end);
    if (explained.owner) text += fmt::format("   the memory of {}\n", *explained.owner);
    if (explained.stale) text += fmt::format("!! {}\n", *explained.stale);
    return text + fmt::format("\n{}\n", explained.advice);
}

std::string json_of(const Explained& explained) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    write_text(writer, "question", explained.question);
    write_text(writer, "registers", explained.registers);
    writer.Key("steps");
    writer.StartArray();
    for (const ExplainedStep& one : explained.steps) write_step(writer, one);
    writer.EndArray();
    writer.Key("allowed");
    writer.Bool(explained.allowed);
    writer.Key("reason");
    writer.Uint(explained.reason);
    write_text(writer, "end", explained.end);
    write_optional(writer, "stale", explained.stale);
    write_optional(writer, "owner", explained.owner);
    write_text(writer, "advice", explained.advice);
    write_text(writer, "text", text_of(explained));
    writer.EndObject();
    return buffer.GetString();
}

}  // namespace remap::lab
