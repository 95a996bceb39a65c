// SPDX-License-Identifier: MIT
#include "iommu/lab/look_commands.h"

#include "iommu/lab/explain.h"
#include "iommu/lab/names.h"
#include "iommu/lab/reach_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

namespace remap::lab {

namespace {

using Answer = Result<std::string, std::string>;
using rapidjson::Value;

constexpr std::size_t most_lines = 10'000;  // of an answer: less than the mailbox has room for
constexpr std::size_t usual_lines = 1'000;

// What a request has, with the first sentence on what is wrong with it.
class Members {
public:
    explicit Members(const Value& request) : request_(request) {}

    bool has(const char* name) const { return request_.HasMember(name); }

    // A number, or a text of one: decimal, or hexadecimal with 0x.
    std::uint64_t number(const char* name, std::uint64_t otherwise, std::uint64_t most) {
        const auto member = request_.FindMember(name);
        if (member == request_.MemberEnd()) return otherwise;
        std::optional<std::uint64_t> value;
        if (member->value.IsUint64()) value = member->value.GetUint64();
        if (member->value.IsString()) value = number_of({member->value.GetString(), member->value.GetStringLength()});
        if (value && *value <= most) return *value;
        wrong(fmt::format("\"{}\" is a number up to 0x{:x}, or a text of one", name, most));
        return otherwise;
    }

    bool is_true(const char* name) {
        const auto member = request_.FindMember(name);
        if (member == request_.MemberEnd()) return false;
        if (!member->value.IsBool()) wrong(fmt::format("\"{}\" is true or false", name));
        return member->value.IsTrue();
    }

    iommu::SourceId device() {
        const char* const text = text_member(request_, "device");
        const auto source = text != nullptr ? source_of(text) : std::nullopt;
        if (!source) wrong("\"device\" is bus, device and function, as in \"00:02.0\"");
        return {source.value_or(0)};
    }

    std::optional<iommu::Pasid> pasid() {
        const char* const text = text_member(request_, "pasid");
        if (!has("pasid") || (text != nullptr && std::strcmp(text, "none") == 0)) return std::nullopt;
        const std::uint64_t value = number("pasid", 0, low_bits(iommu::pasid_width));
        return iommu::Pasid{static_cast<std::uint32_t>(value)};
    }

    iommu::Access access() {
        const char* const text = text_member(request_, "access");
        const bool write = text != nullptr && std::strcmp(text, "write") == 0;
        if (has("access") && !write && (text == nullptr || std::strcmp(text, "read") != 0))
            wrong("\"access\" is \"read\" or \"write\"");
        return write ? iommu::Access::Write : iommu::Access::Read;
    }

    void wrong(std::string sentence) {
        if (problem_.empty()) problem_ = std::move(sentence);
    }
    const std::string& problem() const { return problem_; }

private:
    static std::optional<std::uint64_t> number_of(std::string_view text) {
        const bool hex = text.starts_with("0x");
        if (hex) text.remove_prefix(2);
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
        if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
        return value;
    }

    const Value& request_;
    std::string problem_;
};

constexpr std::uint64_t any_number = std::numeric_limits<std::uint64_t>::max();

Answer explain_interrupt(UnitPort& unit, Members& members) {
    const iommu::SourceId source = members.device();
    const iommu::InterruptMessage message{members.number("address", 0, any_number),
                                          static_cast<std::uint32_t>(members.number("data", 0, 0xffff'ffff))};
    if (!members.problem().empty()) return Failure{members.problem()};
    return json_of(explain(unit.explain_interrupt(source, message)));
}

Answer explain_access(UnitPort& unit, const Objects* objects, Members& members) {
    iommu::Request request{.source = members.device(),
                           .address = {members.number("address", 0, any_number)},
                           .access = members.access(),
                           .pasid = members.pasid(),
                           .privileged = members.is_true("privileged")};
    const bool translated = members.is_true("translated");
    const bool asks = members.is_true("asks");
    if (translated && asks) members.wrong("a request is \"translated\", or \"asks\" for a translation: not both");
    if (translated) request.type = iommu::RequestType::Translated;
    if (asks) request.type = iommu::RequestType::Translation;
    if (!members.problem().empty()) return Failure{members.problem()};
    return json_of(explain(unit.explain(request), objects));
}

Answer explain_any(UnitPort& unit, const Objects* objects, const Value& request) {
    Members members(request);
    if (!members.has("address")) members.wrong("\"address\" is missing");
    return members.has("data") ? explain_interrupt(unit, members) : explain_access(unit, objects, members);
}

Answer tables(UnitPort& unit, const Objects* objects, const Value& request) {
    Members members(request);
    iommu::ReachQuestion question{.source = members.device(), .pasid = members.pasid()};
    question.first = {members.number("from", 0, any_number)};
    question.last = {members.number("to", any_number, any_number)};
    const std::size_t lines = members.number("limit", usual_lines, most_lines);
    if (question.first > question.last) members.wrong("\"from\" lies behind \"to\"");
    if (!members.problem().empty()) return Failure{members.problem()};
    question.most_runs = std::max<std::size_t>(lines, 1);
    return json_of(report_on(question, unit.reach(question), objects, question.most_runs));
}

}  // namespace

void add_look_commands(Commands& commands, UnitPort& unit, const Objects* objects) {
    commands.add("explain", [&unit, objects](const Value& request) { return explain_any(unit, objects, request); });
    commands.add("tables", [&unit, objects](const Value& request) { return tables(unit, objects, request); });
}

}  // namespace remap::lab
