// SPDX-License-Identifier: MIT
#include "iommu/lab/commands.h"

#include "iommu/lab/mailbox.h"
#include "iommu/lab/recorder.h"

#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace remap::lab {

namespace {

std::string refusal(std::string_view sentence) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    writer.StartObject();
    writer.Key("ok");
    writer.Bool(false);
    writer.Key("error");
    writer.String(sentence.data(), static_cast<rapidjson::SizeType>(sentence.size()));
    writer.EndObject();
    return text.GetString();
}

Result<std::string, std::string> trace(Recorder& recorder, const rapidjson::Value& request) {
    if (const auto on = request.FindMember("on"); on != request.MemberEnd()) {
        if (!on->value.IsBool()) return Failure{std::string("\"on\" is true or false")};
        recorder.switch_on(on->value.GetBool());
    }
    LaneCount sum;
    for (const LaneCount& lane : recorder.counts()) {
        sum.recorded += lane.recorded;
        sum.dropped += lane.dropped;
    }
    return "{\"on\":" + std::string(recorder.on() ? "true" : "false") +
           ",\"recorded\":" + std::to_string(sum.recorded) + ",\"dropped\":" + std::to_string(sum.dropped) + "}";
}

}  // namespace

const char* text_member(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    return member != object.MemberEnd() && member->value.IsString() ? member->value.GetString() : nullptr;
}

void Commands::add(std::string name, Handler handler) {
    const std::lock_guard guard(lock_);
    handlers_[std::move(name)] = std::move(handler);
}

std::string Commands::answer(std::string_view text) {
    // Iterative: a text of opening brackets alone must not use up the stack.
    rapidjson::Document request;
    request.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
    if (request.HasParseError())
        return refusal("the request is not JSON: " + std::string(rapidjson::GetParseError_En(request.GetParseError())) +
                       " (at byte " + std::to_string(request.GetErrorOffset()) + ")");
    const char* const name = request.IsObject() ? text_member(request, "command") : nullptr;
    if (name == nullptr) return refusal("the request is not an object with a \"command\"");
    Handler handler;
    {
        const std::lock_guard guard(lock_);
        const auto found = handlers_.find(std::string_view(name));
        if (found == handlers_.end())
            return refusal("this machine does not know the command \"" + std::string(name) + "\"");
        handler = found->second;
    }
    const auto result = handler(request);
    if (!result) return refusal(result.error());
    const std::string& members = *result;  // "{...}"
    if (members.size() + 16 > longest_answer) return refusal("the answer is too long");
    return members == "{}" ? "{\"ok\":true}" : "{\"ok\":true," + members.substr(1);
}

void add_trace_commands(Commands& commands, Recorder& recorder) {
    commands.add("trace", [&recorder](const rapidjson::Value& request) { return trace(recorder, request); });
}

}  // namespace remap::lab
