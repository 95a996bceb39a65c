// SPDX-License-Identifier: MIT
#include "tools/target.h"

#include "iommu/lab/machines.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <vector>

#include <signal.h>

namespace remap::tools {

using namespace std::chrono_literals;

namespace {

constexpr auto patience = 5s;

std::atomic<bool> was_interrupted{false};

// The place of the only machine that runs; an empty name, and said why, if there is not one.
lab::ObjectPlace only_machine() {
    std::vector<std::string> names;
    for (const lab::FoundMachine& machine : lab::find_machines()) {
        if (machine.state == lab::FoundMachine::State::Running) names.push_back(machine.name);
    }
    if (names.size() == 1) return lab::place_of_machine(names[0]);
    if (names.empty()) {
        fail("no machine runs that can be attached to",
             "Start one with -device remap-iommu,lab=on, as the same user; --file reads what an ended one has left.");
    } else {
        fail(fmt::format("several machines run: {}", fmt::join(names, ", ")), "Say which with -m NAME.");
    }
    return {};
}

lab::ObjectPlace place_of(const Target& target) {
    if (!target.file.empty()) return {true, target.file};
    if (target.machine.empty()) return only_machine();
    if (lab::is_machine_name(target.machine)) return lab::place_of_machine(target.machine);
    fail(fmt::format("no machine can have the name \"{}\"", target.machine), "See remapctl list for those that run.");
    return {};
}

}  // namespace

int fail(std::string_view problem, std::string_view advice) {
    fmt::print(stderr, "remapctl: {}\n", problem);
    if (!advice.empty()) fmt::print(stderr, "{}\n", advice);
    return failed;
}

std::unique_ptr<lab::Attachment> attach(const Target& target) {
    const lab::ObjectPlace place = place_of(target);
    if (place.name.empty()) return nullptr;
    auto machine = lab::Attachment::open(place);
    if (machine) return std::move(*machine);
    fail(machine.error(), place.is_file ? "" : "See remapctl list for the machines that run.");
    return nullptr;
}

bool ask(lab::Attachment& machine, const rapidjson::Document& request, rapidjson::Document& answer) {
    const auto text = machine.ask(text_of_json(request), patience);
    if (!text) {
        fail(text.error());
        return false;
    }
    answer.Parse<rapidjson::kParseIterativeFlag>(text->data(), text->size());
    if (answer.HasParseError() || !answer.IsObject() || !answer.HasMember("ok") || !answer["ok"].IsBool()) {
        fail("the machine's answer makes no sense", "Its control segment may have been damaged by another program.");
        return false;
    }
    if (answer["ok"].GetBool()) return true;
    const rapidjson::Value& object = answer;  // comparing iterators of one that may be changed is ambiguous in C++20
    const auto error = object.FindMember("error");
    fail(error != object.MemberEnd() && error->value.IsString() ? error->value.GetString() : "the machine says no");
    return false;
}

std::string text_of_json(const rapidjson::Value& value) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    value.Accept(writer);
    return {text.GetString(), text.GetSize()};
}

void catch_interrupts() {
    struct sigaction action {};
    action.sa_handler = [](int) { was_interrupted = true; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one ends the program at once
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return was_interrupted; }

}  // namespace remap::tools
