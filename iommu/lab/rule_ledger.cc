// SPDX-License-Identifier: MIT
#include "iommu/lab/rule_ledger.h"

#include "iommu/lab/names.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <optional>

namespace remap::lab {
namespace {

using rapidjson::Value;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::size_t most_records = most_rules + most_removed;

void write(Writer& writer, std::string_view text) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write(Writer& writer, const RuleRecord& rule) {
    writer.StartObject();
    writer.Key("number");
    writer.Uint(rule.number);
    writer.Key("name");
    write(writer, rule.name);
    writer.Key("on");
    write(writer, name_of(rule.on));
    writer.Key("do");
    write(writer, name_of(rule.deed));
    writer.Key("matched");
    writer.Uint64(rule.count.matched);
    writer.Key("acted");
    writer.Uint64(rule.count.acted);
    writer.Key("injected");
    writer.Uint64(rule.count.injected);
    writer.Key("removed");
    writer.Bool(rule.removed);
    writer.EndObject();
}

// A member, if it is of this type.
template <typename T>
std::optional<T> member(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    if (found == object.MemberEnd() || !found->value.Is<T>()) return std::nullopt;
    return found->value.Get<T>();
}

std::optional<std::string_view> text_in(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    if (found == object.MemberEnd() || !found->value.IsString()) return std::nullopt;
    return std::string_view(found->value.GetString(), found->value.GetStringLength());
}

std::optional<RuleRecord> record_of(const Value& from) {
    if (!from.IsObject()) return std::nullopt;
    const auto number = member<unsigned>(from, "number");
    const auto matched = member<std::uint64_t>(from, "matched");
    const auto acted = member<std::uint64_t>(from, "acted");
    const auto injected = member<std::uint64_t>(from, "injected");
    const auto removed = member<bool>(from, "removed");
    const auto name = text_in(from, "name");
    const auto on = text_in(from, "on");
    const auto deed = text_in(from, "do");
    if (!number || !matched || !acted || !injected || !removed || !name || !on || !deed) return std::nullopt;
    const auto kind = kind_of(*on);
    const auto what = deed_of(*deed);
    if (!kind || !what || !is_rule_name(std::string(*name))) return std::nullopt;
    return RuleRecord{*number, std::string(*name), *kind, *what, {*matched, *acted, *injected}, *removed};
}

}  // namespace

std::string text_of(const RuleLedger& ledger) {
    rapidjson::StringBuffer text;
    Writer writer(text);
    writer.StartObject();
    writer.Key("seed");
    writer.Uint64(ledger.seed);
    writer.Key("rules");
    writer.StartArray();
    for (const RuleRecord& rule : ledger.rules) write(writer, rule);
    writer.EndArray();
    writer.EndObject();
    return {text.GetString(), text.GetSize()};
}

Result<RuleLedger, std::string> ledger_of(std::string_view text) {
    const Failure damaged{std::string("the list of rules in the control segment is damaged")};
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
    if (document.HasParseError() || !document.IsObject()) return damaged;
    const auto seed = member<std::uint64_t>(document, "seed");
    const Value& object = document;  // comparing iterators of one that may be changed is ambiguous in C++20
    const auto rules = object.FindMember("rules");
    if (!seed || rules == object.MemberEnd() || !rules->value.IsArray() || rules->value.Size() > most_records)
        return damaged;
    RuleLedger ledger{*seed, {}};
    for (const Value& one : rules->value.GetArray()) {
        auto record = record_of(one);
        if (!record) return damaged;
        ledger.rules.push_back(std::move(*record));
    }
    return ledger;
}

void take_counts(RuleLedger& ledger, std::span<const RuleCounter> table) {
    std::size_t place = 0;
    for (RuleRecord& rule : ledger.rules) {
        if (rule.removed || place == table.size()) continue;
        rule.count.matched = table[place].matched.load(std::memory_order_relaxed);
        rule.count.acted = table[place].acted.load(std::memory_order_relaxed);
        rule.count.injected = table[place].injected.load(std::memory_order_relaxed);
        ++place;
    }
}

}  // namespace remap::lab
