// SPDX-License-Identifier: MIT
// What only the machine can say: it looks through its tables, and answers in text and in JSON
// (iommu/lab/look_commands.h).
#include "tools/subcommands.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string_view>

namespace remap::tools {

namespace {

class Question {
public:
    explicit Question(const char* command) : request_(rapidjson::kObjectType) { add("command", command); }

    Question& add(const char* name, const std::string& text) {
        rapidjson::Value value(text.c_str(), static_cast<rapidjson::SizeType>(text.size()), request_.GetAllocator());
        request_.AddMember(rapidjson::StringRef(name), value, request_.GetAllocator());
        return *this;
    }
    Question& add_given(const char* name, const std::string& text) { return text.empty() ? *this : add(name, text); }
    Question& add_set(const char* name, bool is) {
        if (is) request_.AddMember(rapidjson::StringRef(name), true, request_.GetAllocator());
        return *this;
    }
    const rapidjson::Document& request() const { return request_; }

private:
    rapidjson::Document request_;
};

// A terminal gets nothing from a machine but what can be read.
void print_lines(std::string_view text) {
    for (const char c : text) std::putchar(c == '\n' || (c >= ' ' && c <= '~') ? c : '?');
}

int show_answer(const Target& target, const Question& question, bool json) {
    const auto machine = attach(target);
    rapidjson::Document answer;
    if (machine == nullptr || !ask(*machine, question.request(), answer)) return failed;
    if (json) {
        fmt::print("{}\n", text_of_json(answer));
        return done;
    }
    if (!answer.HasMember("text") || !answer["text"].IsString()) return fail("the machine's answer has no text");
    print_lines({answer["text"].GetString(), answer["text"].GetStringLength()});
    return done;
}

}  // namespace

int explain(const Target& target, const ExplainOptions& options) {
    Question question("explain");
    question.add("device", options.device).add("address", options.address).add_given("pasid", options.pasid);
    question.add_given("data", options.data).add_set("privileged", options.privileged);
    if (options.data.empty()) question.add("access", options.write ? "write" : "read");
    question.add_set("translated", options.translated).add_set("asks", options.asks);
    return show_answer(target, question, options.json);
}

int show_tables(const Target& target, const TablesOptions& options) {
    Question question("tables");
    question.add("device", options.device).add_given("pasid", options.pasid);
    question.add_given("from", options.from).add_given("to", options.to).add_given("limit", options.limit);
    return show_answer(target, question, options.json);
}

}  // namespace remap::tools
