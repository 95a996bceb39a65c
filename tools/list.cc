// SPDX-License-Identifier: MIT
#include "iommu/lab/machines.h"
#include "tools/subcommands.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>
#include <ctime>

namespace remap::tools {

namespace {

using lab::FoundMachine;

const char* name_of(FoundMachine::State state) {
    switch (state) {
        case FoundMachine::State::Running: return "running";
        case FoundMachine::State::Removed: return "removed";
        case FoundMachine::State::Unusable: return "unusable";
    }
    return "";
}

std::string start_of(const FoundMachine& machine) {
    const auto seconds = static_cast<std::time_t>(machine.header.started / 1'000'000'000);
    std::tm local{};
    return ::localtime_r(&seconds, &local) == nullptr ? "?" : fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

void print_json(const std::vector<FoundMachine>& machines) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    writer.StartArray();
    for (const FoundMachine& machine : machines) {
        writer.StartObject();
        writer.Key("name");
        writer.String(machine.name.c_str());
        writer.Key("state");
        writer.String(name_of(machine.state));
        if (machine.state == FoundMachine::State::Running) {
            writer.Key("pid");
            writer.Uint(machine.header.pid);
            writer.Key("started");  // nanoseconds since 1970
            writer.Uint64(machine.header.started);
            writer.Key("build");
            writer.String(machine.header.build.data());
        } else if (machine.state == FoundMachine::State::Unusable) {
            writer.Key("problem");
            writer.String(machine.problem.c_str());
        }
        writer.EndObject();
    }
    writer.EndArray();
    fmt::print("{}\n", text.GetString());
}

void print_table(const std::vector<FoundMachine>& machines) {
    std::size_t running = 0;
    for (const FoundMachine& machine : machines) {
        if (machine.state != FoundMachine::State::Running) continue;
        if (running++ == 0) fmt::print("{:<24} {:>8}  {:<19}  {}\n", "MACHINE", "PROCESS", "STARTED", "VERSION");
        fmt::print("{:<24} {:>8}  {:<19}  {}\n", machine.name, machine.header.pid, start_of(machine),
                   machine.header.build.data());
    }
    if (running == 0) fmt::print("No machine runs that can be attached to.\n");
    for (const FoundMachine& machine : machines) {
        if (machine.state == FoundMachine::State::Removed)
            fmt::print("{}: its process is gone; removed what it had left.\n", machine.name);
        if (machine.state == FoundMachine::State::Unusable)
            fmt::print("{}: cannot be attached to: {}.\n", machine.name, machine.problem);
    }
}

}  // namespace

int list(bool json) {
    const auto machines = lab::find_machines();
    json ? print_json(machines) : print_table(machines);
    return std::fflush(stdout) == 0 ? done : failed;
}

}  // namespace remap::tools
