// SPDX-License-Identifier: MIT
#include "iommu/lab/schema_check.h"

#include "iommu/lab/rules_schema.h"
#include "iommu/lab/suggestion.h"

#include <fmt/format.h>
#include <rapidjson/pointer.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <vector>

namespace remap::lab {
namespace {

using rapidjson::Value;

std::string_view string_of(const Value& value) { return {value.GetString(), value.GetStringLength()}; }

const Value* member(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    return found == object.MemberEnd() ? nullptr : &found->value;
}

// The schema of a set, or that of one rule at the top with the same definitions.
struct Schema {
    explicit Schema(RuleText what) : json(parsed(what)), compiled(json) {}

    static rapidjson::Document parsed(RuleText what) {
        rapidjson::Document json;
        json.Parse(rules_schema.data(), rules_schema.size());
        if (what == RuleText::Set) return json;
        rapidjson::Document one;
        one.CopyFrom(json["definitions"]["rule"], one.GetAllocator());
        one.AddMember("definitions", Value(json["definitions"], one.GetAllocator()), one.GetAllocator());
        return one;
    }

    rapidjson::Document json;
    rapidjson::SchemaDocument compiled;
};

const Schema& schema_of(RuleText what) {
    static const Schema set(RuleText::Set), one(RuleText::OneRule);
    return what == RuleText::Set ? set : one;
}

const Value& followed(const Value& schema, const Value& root) {
    const Value* reference = schema.IsObject() ? member(schema, "$ref") : nullptr;
    if (reference == nullptr) return schema;
    const Value* target = rapidjson::Pointer(reference->GetString(), reference->GetStringLength()).Get(root);
    return target ? *target : schema;
}

// What stands there, for a sentence.
std::string shown(const Value& value) {
    if (value.IsObject()) return "an object";
    if (value.IsArray()) return "an array";
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    return printable({buffer.GetString(), buffer.GetSize()});
}

std::string listed(const std::vector<std::string_view>& names) {
    return names.empty() ? "" : fmt::format("\"{}\"", fmt::join(names, "\", \""));
}

// The nearest known name, or all of them.
std::string hint(std::string_view name, const std::vector<std::string_view>& known) {
    const std::string_view near = closest(name, known);
    if (!near.empty()) return fmt::format("did you mean \"{}\"?", near);
    return fmt::format("known are {}", listed(known));
}

std::vector<std::string_view> properties_of(const Value& schema) {
    std::vector<std::string_view> names;
    if (const Value* properties = member(schema, "properties"))
        for (const auto& property : properties->GetObject()) names.push_back(string_of(property.name));
    return names;
}

std::string unknown_key(std::string_view key, const Value& schema) {
    return fmt::format("this key is not known; {}", hint(key, properties_of(schema)));
}

// The first key that has to be there and is not; empty when all are.
std::string missing_key(const Value& value, const Value& schema) {
    const Value* required = member(schema, "required");
    if (required == nullptr) return {};
    for (const Value& name : required->GetArray())
        if (!value.HasMember(name)) return fmt::format("\"{}\" is missing", string_of(name));
    return {};
}

std::string wrong_choice(const Value& value, const Value& schema) {
    std::vector<std::string_view> known;
    for (const Value& choice : schema["enum"].GetArray())
        if (choice.IsString()) known.push_back(string_of(choice));
    if (known.empty()) return fmt::format("{} is not allowed here, only true", shown(value));
    if (!value.IsString()) return fmt::format("{} is none of {}", shown(value), listed(known));
    return fmt::format("{} is not known here; {}", shown(value), hint(string_of(value), known));
}

// A sentence that the numbers of a schema make.
std::string beyond_bound(std::string_view keyword, const Value& value, const Value& schema) {
    const std::string bound = shown(schema[keyword.data()]);
    if (keyword == "minimum") return fmt::format("{} is less than {}", shown(value), bound);
    if (keyword == "maximum") return fmt::format("{} is more than {}", shown(value), bound);
    if (keyword == "minLength") return "it is empty";
    if (keyword == "maxLength") return fmt::format("it is longer than {} characters", bound);
    return fmt::format("there are {}, and {} are allowed", value.IsArray() ? value.Size() : 0, bound);  // maxItems
}

std::string explained(std::string_view keyword, const Value& value, const Value& schema) {
    const Value* description = member(schema, "description");
    const Value* type = member(schema, "type");
    if (keyword == "required") return missing_key(value, schema);
    if (keyword == "enum") return wrong_choice(value, schema);
    if (keyword == "minProperties" || keyword == "maxProperties" || keyword == "dependencies")
        return fmt::format("there has to be {}", description ? string_of(*description) : "something else");
    if (keyword == "type" && type && (value.IsObject() || value.IsArray() || !description || *type == "object"))
        return fmt::format("this has to be {} {}, not {}", string_of(*type).find_first_of("aeio") == 0 ? "an" : "a",
                           string_of(*type), shown(value));
    if (description) return fmt::format("{} is not {}", shown(value), string_of(*description));
    return beyond_bound(keyword, value, schema);
}

std::string text_of(const rapidjson::Pointer& pointer) {
    rapidjson::StringBuffer buffer;
    pointer.Stringify(buffer);
    return {buffer.GetString(), buffer.GetSize()};
}

// Whether a value fits a part of a schema.
bool fits(const Value& value, const Value& part, const Value& root) {
    rapidjson::Document alone;
    alone.CopyFrom(followed(part, root), alone.GetAllocator());
    alone.AddMember("definitions", Value(root["definitions"], alone.GetAllocator()), alone.GetAllocator());
    const rapidjson::SchemaDocument compiled(alone);
    rapidjson::SchemaValidator validator(compiled);
    return value.Accept(validator);
}

// Of a value that is none of several things: if it is an object, as one of them is, then what is wrong with it as such.
std::optional<JsonProblem> wrong_object(const Value& value, const Value& schema, const Value& root,
                                        const rapidjson::Pointer& at, std::string_view text) {
    const Value* choices = member(schema, "anyOf");
    if (choices == nullptr || !value.IsObject()) return std::nullopt;
    for (const Value& choice : choices->GetArray()) {
        const Value& possible = followed(choice, root);
        const Value* type = member(possible, "type");
        if (type == nullptr || *type != "object") continue;
        for (const auto& property : value.GetObject()) {
            const std::string path = text_of(at.Append(property.name));
            const Value& known = possible["properties"];
            const auto found = known.FindMember(property.name);
            if (found == known.MemberEnd())
                return JsonProblem{place_of_key(text, path), path, unknown_key(string_of(property.name), possible)};
            if (!fits(property.value, found->value, root))
                return JsonProblem{place_of_value(text, path), path,
                                   explained("anyOf", property.value, followed(found->value, root))};
        }
        const std::string path = text_of(at), missing = missing_key(value, possible);
        if (!missing.empty()) return JsonProblem{place_of_value(text, path), path, missing};
    }
    return std::nullopt;
}

}  // namespace

std::optional<JsonProblem> problem_by_schema(const rapidjson::Document& document, std::string_view text,
                                             RuleText what) {
    const Schema& schema = schema_of(what);
    rapidjson::SchemaValidator validator(schema.compiled);
    if (document.Accept(validator)) return std::nullopt;

    const std::string_view keyword = validator.GetInvalidSchemaKeyword();
    const rapidjson::Pointer at = validator.GetInvalidDocumentPointer();
    const std::string path = text_of(at);
    const Value* found = validator.GetInvalidSchemaPointer().Get(schema.json);
    const Value* value = at.Get(document);
    if (found == nullptr || value == nullptr)
        return JsonProblem{place_of_value(text, path), path, "this is not expected"};
    const Value& rule = followed(*found, schema.json);
    if (keyword == "additionalProperties") {
        const auto& last = at.GetTokens()[at.GetTokenCount() - 1];
        return JsonProblem{place_of_key(text, path), path, unknown_key({last.name, last.length}, rule)};
    }
    if (auto within = wrong_object(*value, rule, schema.json, at, text)) return within;
    return JsonProblem{place_of_value(text, path), path, explained(keyword, *value, rule)};
}

}  // namespace remap::lab
