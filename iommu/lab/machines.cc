// SPDX-License-Identifier: MIT
#include "iommu/lab/machines.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include <sys/stat.h>
#include <unistd.h>

namespace remap::lab {

namespace {

constexpr const char* shared_memory_folder = "/dev/shm";  // where shm_open has its names on Linux

bool is_this_users(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid();
}

FoundMachine look_at(const std::string& name) {
    FoundMachine machine;
    machine.name = name;
    const ObjectPlace place = place_of_machine(name);
    if (SharedObject::remove_remains(place, is_dead_name)) {
        machine.state = FoundMachine::State::Removed;
        return machine;
    }
    machine.state = FoundMachine::State::Unusable;
    const auto object = SharedObject::open(place, Access::Read);
    if (!object) {
        machine.problem = object.error();
        return machine;
    }
    const auto header = read_header(*object);
    if (!header) {
        machine.problem = header.error();
        return machine;
    }
    machine.header = *header;
    machine.state = FoundMachine::State::Running;
    return machine;
}

}  // namespace

std::vector<FoundMachine> find_machines() {
    const std::string_view prefix = segment_prefix;
    std::vector<FoundMachine> machines;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(shared_memory_folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (!name.starts_with(prefix) || !is_machine_name(name.substr(prefix.size()))) continue;
        if (is_this_users(entry->path().string())) machines.push_back(look_at(name.substr(prefix.size())));
    }
    std::sort(machines.begin(), machines.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return machines;
}

}  // namespace remap::lab
