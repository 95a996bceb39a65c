// SPDX-License-Identifier: MIT
#include "iommu/lab/mailbox.h"
#include "tools/subcommands.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>

namespace remap::tools {

namespace {

// At most so much as a request holds: a file may have no end.
std::optional<std::string> read_text(std::istream& from) {
    std::string text(lab::longest_request + 1, '\0');
    from.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(from.gcount()));
    if (from.bad()) return std::nullopt;
    return text;
}

rapidjson::Document command(const char* name) {
    rapidjson::Document request(rapidjson::kObjectType);
    request.AddMember("command", rapidjson::StringRef(name), request.GetAllocator());
    return request;
}

void add_text(rapidjson::Document& request, const char* name, const std::string& text) {
    request.AddMember(rapidjson::StringRef(name), rapidjson::Value(text.c_str(), request.GetAllocator()),
                      request.GetAllocator());
}

std::uint64_t number_in(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    return member != object.MemberEnd() && member->value.IsUint64() ? member->value.GetUint64() : 0;
}

int removed(const Target& target, const rapidjson::Document& request) {
    const auto machine = attach(target);
    rapidjson::Document answer;
    if (machine == nullptr || !ask(*machine, request, answer)) return failed;
    fmt::print("{} rules removed\n", number_in(answer, "removed"));
    return done;
}

void print_rule(const rapidjson::Value& entry) {
    if (!entry.IsObject() || !entry.HasMember("rule") || !entry["rule"].IsObject()) return;
    const rapidjson::Value& rule = entry["rule"];
    const auto name = rule.FindMember("name");
    const auto when = rule.FindMember("when");
    const auto what = rule.FindMember("do");
    fmt::print("{}\n", name != rule.MemberEnd() && name->value.IsString() ? name->value.GetString() : "?");
    if (when != rule.MemberEnd()) fmt::print("    when {}\n", text_of_json(when->value));
    if (what != rule.MemberEnd()) fmt::print("    do   {}\n", text_of_json(what->value));
    fmt::print("    met {} times, acted {} times\n", number_in(entry, "matched"), number_in(entry, "acted"));
}

}  // namespace

int add_rules(const Target& target, const std::string& file) {
    std::ifstream opened;
    if (file != "-") {
        opened.open(file);
        if (!opened) return fail(fmt::format("cannot open {}", file));
    }
    const auto text = read_text(file == "-" ? std::cin : opened);
    if (!text) return fail(fmt::format("cannot read {}", file));
    const auto machine = attach(target);
    if (machine == nullptr) return failed;
    auto request = command("rules-add");
    add_text(request, "name", file == "-" ? "standard input" : file);
    add_text(request, "rules", *text);
    rapidjson::Document answer;
    if (!ask(*machine, request, answer)) return failed;
    fmt::print("{} rules added\n", number_in(answer, "added"));
    return done;
}

int remove_rule(const Target& target, const std::string& name) {
    auto request = command("rules-remove");
    add_text(request, "name", name);
    return removed(target, request);
}

int remove_all_rules(const Target& target) {
    auto request = command("rules-remove");
    request.AddMember("all", true, request.GetAllocator());
    return removed(target, request);
}

int show_rules(const Target& target, bool json) {
    const auto machine = attach(target);
    rapidjson::Document answer;
    if (machine == nullptr || !ask(*machine, command("rules-show"), answer)) return failed;
    answer.RemoveMember("ok");
    if (json) {
        fmt::print("{}\n", text_of_json(answer));
        return done;
    }
    const rapidjson::Value& object = answer;  // comparing iterators of one that may be changed is ambiguous in C++20
    const auto rules = object.FindMember("rules");
    if (rules == object.MemberEnd() || !rules->value.IsArray()) return fail("the machine's answer makes no sense");
    fmt::print("seed {}, {} rules\n", number_in(answer, "seed"), rules->value.Size());
    for (const auto& entry : rules->value.GetArray()) print_rule(entry);
    return done;
}

}  // namespace remap::tools
