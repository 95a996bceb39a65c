// SPDX-License-Identifier: MIT
// Which machine a command is about, and how its errors are said.
#pragma once

#include "iommu/lab/attachment.h"

#include <rapidjson/document.h>

#include <memory>
#include <string>
#include <string_view>

namespace remap::tools {

// Exit codes of the program.
inline constexpr int done = 0;
inline constexpr int failed = 1;
inline constexpr int usage_error = 2;

struct Target {
    std::string machine;  // a name; empty: the only one that runs
    std::string file;     // of a machine with lab-file; empty: none
};

// Says on stderr what was wrong, and what to do about it if that is known; returns `failed`.
int fail(std::string_view problem, std::string_view advice = {});

// Null, and said why, if there is no such machine.
std::unique_ptr<lab::Attachment> attach(const Target& target);

// The machine's answer to a command in JSON. Nothing, and said why, if there is none or it says no.
bool ask(lab::Attachment& machine, const rapidjson::Document& request, rapidjson::Document& answer);

std::string text_of_json(const rapidjson::Value& value);

// Set by the first SIGINT or SIGTERM: what goes on for ever comes to its end.
void catch_interrupts();
bool interrupted();

}  // namespace remap::tools
