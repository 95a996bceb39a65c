// SPDX-License-Identifier: MIT
// JSON inside of an HTML page. The parser of HTML sees it first: within a script element it looks for the element's end
// and for comments, so no `<` may be in it, whoever chose the names. JSON has another way to write it.
#pragma once

#include <rapidjson/writer.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

namespace remap::tools {

class ScriptStream {
public:
    using Ch = char;

    explicit ScriptStream(std::ostream& out) : out_(out) {}

    void Put(char c) {
        switch (c) {
            case '<': out_ << "\\u003c"; return;
            case '>': out_ << "\\u003e"; return;
            case '&': out_ << "\\u0026"; return;
            default: out_.put(c);
        }
    }
    void Flush() {}

private:
    std::ostream& out_;
};

using Json = rapidjson::Writer<ScriptStream>;

inline constexpr std::size_t longest_text = 2000;  // bytes; what is longer was not meant for people

inline void write_text(Json& json, std::string_view text) {
    text = text.substr(0, longest_text);
    json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

inline void write_key(Json& json, std::string_view key) {
    json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}

inline void write_member(Json& json, std::string_view key, std::string_view text) {
    write_key(json, key);
    write_text(json, text);
}
inline void write_member(Json& json, std::string_view key, std::uint64_t number) {
    write_key(json, key);
    json.Uint64(number);
}

// JavaScript's numbers have 53 bits: an address is text.
std::string text_of_address(std::uint64_t address);

template <typename Values, typename Write>
void write_array(Json& json, const Values& values, Write write) {
    json.StartArray();
    for (const auto& value : values) write(value);
    json.EndArray();
}

}  // namespace remap::tools
