// SPDX-License-Identifier: MIT
#include "iommu/lab/rule_file.h"

#include "iommu/lab/json_places.h"
#include "iommu/lab/names.h"
#include "iommu/lab/schema_check.h"
#include "iommu/lab/suggestion.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <exception>

namespace remap::lab {
namespace {

using rapidjson::Value;

// What the schema cannot say. Thrown where it is found, and caught in this file.
struct Wrong {
    std::string path;
    std::string text;
};

std::string_view string_of(const Value& value) { return {value.GetString(), value.GetStringLength()}; }

// A value and the path to it; without a value when there is none of that name. The schema has been here before: types
// are as it says, but nothing relies on it, as it compares by hashes.
class Node {
public:
    Node(const Value* value, std::string path) : value_(value), path_(std::move(path)) {}

    explicit operator bool() const { return value_ != nullptr; }
    Node operator[](const char* name) const {
        const Value* found = nullptr;
        if (value_ && value_->IsObject())
            if (const auto member = value_->FindMember(name); member != value_->MemberEnd()) found = &member->value;
        return {found, path_ + "/" + name};
    }
    Node operator[](rapidjson::SizeType index) const { return {&(*value_)[index], fmt::format("{}/{}", path_, index)}; }
    rapidjson::SizeType size() const { return value_ && value_->IsArray() ? value_->Size() : 0; }

    bool is_object() const { return value_ && value_->IsObject(); }
    bool is_string() const { return value_ && value_->IsString(); }

    std::string_view text() const {
        if (!is_string()) wrong("this has to be a string");
        return string_of(*value_);
    }
    std::uint64_t number(std::uint64_t most = ~std::uint64_t{0}) const {
        std::uint64_t number = 0;
        if (is_string()) {
            const std::string_view digits = text().substr(std::min<std::size_t>(2, text().size()));
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
            if (!text().starts_with("0x") || error != std::errc() || end != digits.data() + digits.size())
                wrong("this is not a number");
        } else if (value_ && value_->IsUint64()) {
            number = value_->GetUint64();
        } else {
            wrong("this is not a number");
        }
        if (number > most) wrong(fmt::format("{:#x} is more than {:#x}", number, most));
        return number;
    }
    std::int64_t signed_number() const {
        if (!value_ || !value_->IsInt64()) wrong("this is not a number");
        return value_->GetInt64();
    }
    double real() const {
        if (!value_ || !value_->IsNumber()) wrong("this is not a number");
        return value_->GetDouble();
    }
    std::uint64_t time() const {
        const auto time = time_of(text());
        if (!time) wrong(fmt::format("\"{}\" is no time that 64 bits of nanoseconds can hold", printable(text())));
        return *time;
    }
    std::uint16_t source() const {
        const auto source = source_of(text());
        if (!source) wrong(fmt::format("\"{}\" is no device", printable(text())));
        return *source;
    }

    [[noreturn]] void wrong(std::string text) const { throw Wrong{path_, std::move(text)}; }

private:
    const Value* value_;
    std::string path_;
};

void read_range(const Node& node, std::uint64_t& first, std::uint64_t& last) {
    if (!node) return;
    first = node.is_object() ? node["from"].number() : node.number();
    last = node.is_object() ? node["to"].number() : first;
}

Pattern pattern_of(const Node& node) {
    Pattern pattern;
    const auto kind = kind_of(node["on"].text());
    if (!kind) node["on"].wrong("there is no such kind of event");
    pattern.kind = *kind;
    if (const Node device = node["device"]) pattern.source = device.source();
    if (const Node pasid = node["pasid"])
        pattern.pasid =
            pasid.is_string() && pasid.text() == "none" ? no_pasid : static_cast<std::uint32_t>(pasid.number(0xfffff));
    read_range(node["address"], pattern.first, pattern.last);
    read_range(node["entry-address"], pattern.entry_first, pattern.entry_last);
    if (const Node access = node["access"]) pattern.write = access.text() == "write";
    if (const Node code = node["code"]) pattern.code = static_cast<std::uint32_t>(code.number(0xffff'ffff));
    return pattern;
}

When when_of(const Node& node) {
    When when;
    when.pattern = pattern_of(node);
    if (const Node nth = node["nth"]) when.nth = nth.number();
    if (const Node every = node["every"]) when.every = every.number();
    if (const Node probability = node["probability"]) when.probability = probability.real();
    if (const Node after = node["after"]) {
        when.after = pattern_of(after);
        if (const Node count = after["count"]) when.after_count = count.number();
    }
    if (const Node from = node["between"]["from"]) when.from = from.time();
    if (const Node to = node["between"]["to"]) when.until = to.time();
    if (const Node times = node["times"]) when.times = times.number();
    return when;
}

std::uint8_t reason_of(const Node& node) {
    if (!node.is_string() || node.text().starts_with("0x")) return static_cast<std::uint8_t>(node.number(0xff));
    if (const auto reason = lab::reason_of(node.text())) return static_cast<std::uint8_t>(*reason);
    const std::string_view near = closest(node.text(), reason_names());
    node.wrong(fmt::format("\"{}\" is not among the specification's fault reasons{}", printable(node.text()),
                           near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
}

void read_interrupt(const Node& node, Order& order) {
    const Node device = node["device"], unit = node["unit"];
    if (device && unit) node.wrong("either a device sends it or the unit");
    if (unit) {
        const auto interrupt = unit_interrupt_of(unit.text());
        if (!interrupt) unit.wrong("the unit has no such interrupt");
        order.vector = *interrupt;
        order.of_unit = true;
        return;
    }
    order.source = device.source();
    order.vector = static_cast<std::uint32_t>(node["vector"].number(highest_vector));
}

Order order_of(const Node& node) {
    Order order;
    Node value(nullptr, {});
    for (unsigned deed = 1; deed < deeds; ++deed) {
        const Node found = node[std::string(name_of(static_cast<Deed>(deed))).c_str()];
        if (!found) continue;
        order.deed = static_cast<Deed>(deed);
        value = found;
    }
    switch (order.deed) {
        case Deed::Fault: order.reason = reason_of(value); break;
        case Deed::Delay: order.nanoseconds = value.time(); break;
        case Deed::WrongPage: order.pages = value.signed_number(); break;
        case Deed::FlipBit: order.bit = static_cast<std::uint32_t>(value.number(0xffff'ffff)); break;
        case Deed::Interrupt: read_interrupt(value, order); break;
        case Deed::Remove:
            if (const Node device = value["device"]) order.source = device.source();
            break;
        default: break;
    }
    return order;
}

Rule rule_of(const Node& node, std::string_view default_name) {
    Rule rule;
    rule.name = node["name"] ? node["name"].text() : default_name;
    rule.when = when_of(node["when"]);
    rule.what = order_of(node["do"]);
    return rule;
}

RuleSet set_of(const Node& node) {
    RuleSet set;
    if (const Node seed = node["seed"]) set.seed = seed.number();
    const Node rules = node["rules"];
    set.rules.reserve(rules.size());
    for (rapidjson::SizeType i = 0; i < rules.size(); ++i)
        set.rules.push_back(rule_of(rules[i], fmt::format("rule-{}", i + 1)));
    return set;
}

Rule single_rule_of(const Node& node) {
    if (!node["name"]) node.wrong("\"name\" is missing: a rule that is added needs one");
    return rule_of(node, {});
}

// What both kinds of text have in common: `make` makes the value of the document that the schema has accepted.
template <typename Made>
Result<Made, std::string> read(std::string_view text, std::string_view name, RuleText what, Made (*make)(const Node&)) {
    const auto fail = [&](const JsonProblem& problem) { return Failure{complaint(text, name, problem)}; };
    try {
        if (const auto problem = problem_of_shape(text)) return fail(*problem);
        const rapidjson::Document document = parse_json(text);
        if (const auto problem = problem_by_schema(document, text, what)) return fail(*problem);
        try {
            const Made made = make(Node(&document, {}));
            if (const auto problem = problem_of(made))
                return fail({place_of_value(text, problem->at), problem->at, problem->text});
            return made;
        } catch (const Wrong& wrong) {
            return fail({place_of_value(text, wrong.path), wrong.path, wrong.text});
        }
    } catch (const std::exception& exception) {
        return Failure{std::string(exception.what())};
    }
}

class File {
public:
    // Not blocking: whoever names a pipe is told so.
    explicit File(const char* path) : number_(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
    ~File() {
        if (number_ >= 0) close(number_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int number() const { return number_; }

private:
    int number_;
};

}  // namespace

Result<RuleSet, std::string> rules_of_json(std::string_view text, std::string_view name) {
    return read<RuleSet>(text, name, RuleText::Set, set_of);
}

Result<Rule, std::string> rule_of_json(std::string_view text, std::string_view name) {
    return read<Rule>(text, name, RuleText::OneRule, single_rule_of);
}

Result<RuleSet, std::string> read_rule_file(const std::string& path) {
    const auto fail = [&](const char* why) { return Failure{fmt::format("{}: {}", printable(path), why)}; };
    try {
        const File file(path.c_str());
        struct stat state {};
        if (file.number() < 0 || fstat(file.number(), &state) != 0) return fail(std::strerror(errno));
        if (!S_ISREG(state.st_mode)) return fail("not a regular file");
        std::string text(longest_json + 1, '\0');  // one more than is allowed
        std::size_t size = 0;
        while (size < text.size()) {
            const ssize_t got = ::read(file.number(), text.data() + size, text.size() - size);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return fail(std::strerror(errno));
            if (got == 0) break;
            size += static_cast<std::size_t>(got);
        }
        text.resize(size);
        return rules_of_json(text, path);
    } catch (const std::exception& exception) {
        return fail(exception.what());
    }
}

}  // namespace remap::lab
