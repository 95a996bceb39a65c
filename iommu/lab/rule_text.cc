// SPDX-License-Identifier: MIT
// Rules in the language that rule_file.cc reads.
#include "iommu/lab/names.h"
#include "iommu/lab/rule_file.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

namespace remap::lab {
namespace {

constexpr std::uint64_t no_end = std::numeric_limits<std::uint64_t>::max();

class Writer {
public:
    Writer() : json_(buffer_) { json_.SetIndent(' ', 2); }

    void set(const RuleSet& set) {
        json_.StartObject();
        number("seed", set.seed);
        key("rules");
        json_.StartArray();
        for (const Rule& each : set.rules) rule(each);
        json_.EndArray();
        json_.EndObject();
    }
    void rule(const Rule& rule) {
        json_.StartObject();
        text("name", rule.name);
        key("when");
        when(rule.when);
        key("do");
        json_.StartObject();
        deed(rule.what);
        json_.EndObject();
        json_.EndObject();
    }
    std::string end() const { return std::string(buffer_.GetString(), buffer_.GetSize()) + "\n"; }

private:
    void key(std::string_view name) { json_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }
    void text(std::string_view name, std::string_view value) {
        key(name);
        json_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }
    void number(std::string_view name, std::uint64_t value) {
        key(name);
        json_.Uint64(value);
    }
    void address(std::string_view name, std::uint64_t value) { text(name, fmt::format("{:#x}", value)); }

    void range(std::string_view name, std::uint64_t first, std::uint64_t last) {
        if (first == 0 && last == no_end) return;
        if (first == last) return address(name, first);
        key(name);
        json_.StartObject();
        address("from", first);
        address("to", last);
        json_.EndObject();
    }

    void pattern(const Pattern& pattern) {
        text("on", name_of(pattern.kind));
        if (pattern.source) text("device", text_of_source(*pattern.source));
        if (pattern.pasid == no_pasid)
            text("pasid", "none");
        else if (pattern.pasid)
            number("pasid", *pattern.pasid);
        range("address", pattern.first, pattern.last);
        range("entry-address", pattern.entry_first, pattern.entry_last);
        if (pattern.write) text("access", *pattern.write ? "write" : "read");
        if (pattern.code) number("code", *pattern.code);
    }

    void when(const When& when) {
        json_.StartObject();
        pattern(when.pattern);
        if (when.nth) number("nth", *when.nth);
        if (when.every) number("every", *when.every);
        if (when.probability != 1) {
            key("probability");
            json_.Double(when.probability);
        }
        if (when.after) {
            key("after");
            json_.StartObject();
            pattern(*when.after);
            if (when.after_count != 1) number("count", when.after_count);
            json_.EndObject();
        }
        if (when.from != 0 || when.until != no_end) {
            key("between");
            json_.StartObject();
            if (when.from != 0) text("from", text_of_time(when.from));
            if (when.until != no_end) text("to", text_of_time(when.until));
            json_.EndObject();
        }
        if (when.times != no_end) number("times", when.times);
        json_.EndObject();
    }

    void deed(const Order& order) {
        const std::string_view name = name_of(order.deed);
        switch (order.deed) {
            case Deed::Fault: return text(name, name_of(static_cast<vtd::FaultReason>(order.reason)));
            case Deed::Delay: return text(name, text_of_time(order.nanoseconds));
            case Deed::WrongPage:
                key(name);
                json_.Int64(order.pages);
                return;
            case Deed::FlipBit: return number(name, order.bit);
            case Deed::Remove:
                if (order.source == no_source) return yes(name);
                [[fallthrough]];
            case Deed::Interrupt:
                key(name);
                json_.StartObject();
                sender(order);
                json_.EndObject();
                return;
            default: return yes(name);
        }
    }

    void yes(std::string_view name) {
        key(name);
        json_.Bool(true);
    }

    void sender(const Order& order) {
        if (order.of_unit) return text("unit", name_of_unit_interrupt(order.vector));
        text("device", text_of_source(order.source));
        if (order.deed == Deed::Interrupt) number("vector", order.vector);
    }

    rapidjson::StringBuffer buffer_;
    rapidjson::PrettyWriter<rapidjson::StringBuffer> json_;
};

}  // namespace

std::string json_of(const RuleSet& rules) {
    Writer writer;
    writer.set(rules);
    return writer.end();
}

std::string json_of(const Rule& rule) {
    Writer writer;
    writer.rule(rule);
    return writer.end();
}

}  // namespace remap::lab
