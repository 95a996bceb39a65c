// SPDX-License-Identifier: MIT
#include "iommu/lab/json_places.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>
#include <vector>

namespace remap::lab {
namespace {

constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseCommentsFlag |
                           rapidjson::kParseValidateEncodingFlag | rapidjson::kParseFullPrecisionFlag;

// Where the next value, key or closing bracket is: what may stand before it is skipped.
std::size_t next_token(std::string_view text, std::size_t at) {
    while (at < text.size()) {
        if (std::string_view(" \t\r\n,:").find(text[at]) != std::string_view::npos)
            ++at;
        else if (text.substr(at, 2) == "//")
            at = std::min(text.find('\n', at), text.size());
        else if (text.substr(at, 2) == "/*")
            at = std::min(text.find("*/", at), text.size() - 2) + 2;
        else
            break;
    }
    return at;
}

std::string path_of(const std::vector<std::string>& tokens) {
    std::string path;
    for (const std::string& token : tokens) {
        path += '/';
        for (const char c : token) {
            if (c == '~')
                path += "~0";
            else if (c == '/')
                path += "~1";
            else
                path += c;
        }
    }
    return path;
}

// Follows the parser through a text and knows where each thing begins. It hears of values only once they are read, so
// their beginning is found from the end of what was before. `Derived` says whether to go on: value(), key().
template <typename Derived>
class Follower {
public:
    Follower(std::string_view text, const rapidjson::MemoryStream& stream) : text_(text), stream_(stream) {}

    bool Null() { return scalar(); }
    bool Bool(bool) { return scalar(); }
    bool Int(int) { return scalar(); }
    bool Uint(unsigned) { return scalar(); }
    bool Int64(std::int64_t) { return scalar(); }
    bool Uint64(std::uint64_t) { return scalar(); }
    bool Double(double) { return scalar(); }
    bool RawNumber(const char*, rapidjson::SizeType, bool) { return scalar(); }
    bool String(const char*, rapidjson::SizeType, bool) { return scalar(); }
    bool StartObject() { return open(false); }
    bool StartArray() { return open(true); }
    bool EndObject(rapidjson::SizeType) { return close(); }
    bool EndArray(rapidjson::SizeType) { return close(); }

    bool Key(const char* name, rapidjson::SizeType length, bool) {
        at_ = next_token(text_, end_);
        end_ = stream_.Tell();
        path_.back().assign(name, length);
        return self().key(at_);
    }

protected:
    const std::vector<std::string>& path() const { return path_; }

private:
    struct Level {
        bool is_array;
        std::size_t elements;
    };

    Derived& self() { return static_cast<Derived&>(*this); }

    void begin() {
        at_ = next_token(text_, end_);
        if (!levels_.empty() && levels_.back().is_array) path_.back() = std::to_string(levels_.back().elements++);
    }
    bool scalar() {
        begin();
        end_ = stream_.Tell();
        return self().value(at_);
    }
    bool open(bool is_array) {
        begin();
        end_ = at_ + 1;
        if (!self().value(at_) || !self().opened(at_, levels_.size() + 1)) return false;
        levels_.push_back({is_array, 0});
        path_.emplace_back();
        return true;
    }
    bool close() {
        end_ = next_token(text_, end_) + 1;
        levels_.pop_back();
        path_.pop_back();
        self().closed();
        return true;
    }

    std::string_view text_;
    const rapidjson::MemoryStream& stream_;
    std::size_t at_ = 0, end_ = 0;
    std::vector<Level> levels_;
    std::vector<std::string> path_;
};

class Shape : public Follower<Shape> {
public:
    using Follower::Follower;

    bool value(std::size_t) { return true; }
    bool opened(std::size_t at, std::size_t depth) {
        if (depth <= deepest_json) return keys_.emplace_back(), true;
        problem = {at, path_of(path()), fmt::format("nested more than {} deep", deepest_json)};
        return false;
    }
    void closed() { keys_.pop_back(); }
    bool key(std::size_t at) {
        if (keys_.back().insert(path().back()).second) return true;
        problem = {at, path_of(path()), "given twice"};
        return false;
    }

    std::optional<JsonProblem> problem;

private:
    std::vector<std::set<std::string>> keys_;
};

class Finder : public Follower<Finder> {
public:
    Finder(std::string_view text, const rapidjson::MemoryStream& stream, std::string_view wanted, bool key)
        : Follower(text, stream), wanted_(wanted), wants_key_(key) {}

    bool value(std::size_t at) { return see(at); }
    bool key(std::size_t at) { return !wants_key_ || see(at); }
    bool opened(std::size_t, std::size_t) { return true; }
    void closed() {}

    std::size_t found = 0;

private:
    // Goes on until there is nothing better.
    bool see(std::size_t at) {
        const std::string here = path_of(path());
        const bool on_the_way =
            wanted_.starts_with(here) && (wanted_.size() == here.size() || wanted_[here.size()] == '/');
        if (on_the_way) found = at;
        return wanted_ != here;
    }

    std::string_view wanted_;
    bool wants_key_;
};

std::size_t place(std::string_view text, std::string_view path, bool key) {
    rapidjson::MemoryStream stream(text.data(), text.size());
    Finder finder(text, stream, path, key);
    rapidjson::Reader().Parse<flags>(stream, finder);
    return finder.found;
}

}  // namespace

rapidjson::Document parse_json(std::string_view text) {
    rapidjson::Document document;
    rapidjson::MemoryStream stream(text.data(), text.size());
    document.ParseStream<flags>(stream);
    return document;
}

std::optional<JsonProblem> problem_of_shape(std::string_view text) {
    if (text.size() > longest_json) return JsonProblem{0, {}, fmt::format("longer than {} bytes", longest_json)};
    // To the parser this byte is the end.
    if (const std::size_t zero = text.find('\0'); zero != text.npos) return JsonProblem{zero, {}, "a zero byte"};
    rapidjson::MemoryStream stream(text.data(), text.size());
    Shape shape(text, stream);
    const rapidjson::ParseResult result = rapidjson::Reader().Parse<flags>(stream, shape);
    if (shape.problem || !result.IsError()) return shape.problem;
    std::string why = rapidjson::GetParseError_En(result.Code());
    why[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(why[0])));
    if (why.ends_with('.')) why.pop_back();
    return JsonProblem{std::min(result.Offset(), text.size()), {}, why};
}

std::size_t place_of_value(std::string_view text, std::string_view path) { return place(text, path, false); }
std::size_t place_of_key(std::string_view text, std::string_view path) { return place(text, path, true); }

std::string complaint(std::string_view text, std::string_view file, const JsonProblem& problem) {
    const std::string_view before = text.substr(0, problem.offset);
    const std::string_view line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
    const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
    return fmt::format("{}:{}:{}: {}{}{}", printable(file), std::count(before.begin(), before.end(), '\n') + 1,
                       std::count_if(line.begin(), line.end(), begins_character) + 1, printable(problem.path),
                       problem.path.empty() ? "" : ": ", problem.text);
}

std::string printable(std::string_view text) {
    constexpr std::size_t most = 200;
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool starts_character = (byte & 0xc0) != 0x80;
        if (result.size() >= most && starts_character) return result + "...";
        const unsigned next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
        if (byte < 0x20 || byte == 0x7f)
            fmt::format_to(std::back_inserter(result), "\\u{:04x}", byte);
        else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // U+0080 to U+009F: control characters too
            fmt::format_to(std::back_inserter(result), "\\u{:04x}", next);
            ++i;
        } else
            result += text[i];
    }
    return result;
}

}  // namespace remap::lab
