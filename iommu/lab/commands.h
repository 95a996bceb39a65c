// SPDX-License-Identifier: MIT
// What tools can ask a machine: a JSON object with the command's name, answered by a JSON object. docs/laboratory.md
// lists the commands. Others add theirs by name.
#pragma once

#include "base/result.h"

#include <rapidjson/document.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace remap::lab {

class Decisions;
class Recorder;

class Commands {
public:
    // What the answer holds besides "ok", as the text of a JSON object, or a sentence for people. Called on the
    // segment's thread, one at a time. The request is an object; its other members may be anything.
    using Handler = std::function<Result<std::string, std::string>(const rapidjson::Value& request)>;

    // Replaces what was there under this name. Before or while requests are answered.
    void add(std::string name, Handler handler);

    // The answer to any text: {"ok":true,...} or {"ok":false,"error":"..."}.
    std::string answer(std::string_view request);

private:
    std::mutex lock_;
    std::map<std::string, Handler, std::less<>> handlers_;
};

// "trace": {"on": true or false}, which may be left out; says whether the trace is on, and what was recorded.
void add_trace_commands(Commands& commands, Recorder& recorder);

// A member's text; nothing if it is not there or is no text.
const char* text_member(const rapidjson::Value& object, const char* name);

}  // namespace remap::lab
