// SPDX-License-Identifier: MIT
#include "iommu/lab/names.h"
#include "iommu/lab/trace_reader.h"
#include "tools/subcommands.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

namespace remap::tools {

using namespace std::chrono_literals;

namespace {

using lab::Event;
using lab::Kind;

constexpr std::size_t at_once = 10'000;  // events in memory
constexpr auto pause = 50ms;

struct Filter {
    std::uint64_t kinds = ~std::uint64_t{0};  // a bit each
    std::optional<std::uint16_t> source;

    bool passes(const Event& event) const {
        const auto kind = static_cast<unsigned>(event.kind);
        return (kinds == ~std::uint64_t{0} || (kind < lab::kinds && (kinds >> kind & 1) != 0)) &&
               (!source || event.source == *source);
    }
};

std::string kind_names() {
    std::string names;
    for (unsigned kind = 1; kind < lab::kinds; ++kind)
        names += (kind == 1 ? "" : ", ") + std::string(lab::name_of(static_cast<Kind>(kind)));
    return names;
}

// Nothing, and said why, if there is no such kind or device.
std::optional<Filter> filter_of(const TraceOptions& options) {
    Filter filter;
    if (!options.kinds.empty()) filter.kinds = 0;
    for (const std::string& name : options.kinds) {
        const auto kind = lab::kind_of(name);
        if (!kind) {
            fail(fmt::format("there is no kind \"{}\"", name), "Kinds are: " + kind_names() + ".");
            return std::nullopt;
        }
        filter.kinds |= std::uint64_t{1} << static_cast<unsigned>(*kind);
    }
    if (options.device.empty()) return filter;
    filter.source = lab::source_of(options.device);
    if (filter.source) return filter;
    fail(fmt::format("\"{}\" is not a device", options.device), "Devices are written as bus:device.function, 00:02.0.");
    return std::nullopt;
}

void print_text(const Event& event) {
    fmt::print("{:>6}.{:09}  {:>2}  {}\n", event.time / 1'000'000'000, event.time % 1'000'000'000, event.thread,
               lab::text_of(event));
}

void print_json(const Event& event) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    const auto name = lab::name_of(event.kind);
    writer.StartObject();
    writer.Key("time");  // nanoseconds
    writer.Uint64(event.time);
    writer.Key("lane");
    writer.Uint(event.thread);
    writer.Key("kind");
    writer.String(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    if (event.source != lab::no_source) {
        writer.Key("device");
        writer.String(lab::text_of_source(event.source).c_str());
    }
    if (event.pasid != lab::no_pasid) {
        writer.Key("pasid");
        writer.Uint(event.pasid);
    }
    const std::pair<const char*, std::uint64_t> words[] = {
        {"address", event.address}, {"length", event.length}, {"result", event.result}, {"detail", event.detail}};
    for (const auto& [key, value] : words) {
        writer.Key(key);
        writer.Uint64(value);
    }
    writer.Key("code");
    writer.Uint(event.code);
    writer.Key("flags");
    writer.StartArray();
    for (unsigned bit = 0; bit < 8; ++bit) {
        const auto flag = static_cast<std::uint8_t>(event.flags & 1 << bit);
        const auto flag_name = lab::name_of_flag(event.kind, flag);
        if (flag != 0 && !flag_name.empty())
            writer.String(flag_name.data(), static_cast<rapidjson::SizeType>(flag_name.size()));
    }
    writer.EndArray();
    writer.EndObject();
    fmt::print("{}\n", text.GetString());
}

void say_balance(const lab::TraceReader& trace, std::uint64_t shown) {
    const lab::TraceLoss loss = trace.loss();
    fmt::print(stderr, "{} events shown, {} lost ({} overwritten before they were read, {} never finished)\n", shown,
               loss.total(), loss.overwritten, loss.unfinished);
}

void say_if_off(lab::Attachment& machine) {
    rapidjson::Document answer;
    const auto text = machine.ask(R"({"command":"trace"})", 2s);
    if (!text) return;
    answer.Parse<rapidjson::kParseIterativeFlag>(text->data(), text->size());
    if (answer.IsObject() && answer.HasMember("on") && answer["on"].IsFalse())
        fmt::print(stderr, "The trace is off: only what rules do is in it. remapctl trace on switches it on.\n");
}

}  // namespace

int switch_trace(const Target& target, bool on) {
    const auto machine = attach(target);
    rapidjson::Document request(rapidjson::kObjectType), answer;
    request.AddMember("command", "trace", request.GetAllocator());
    request.AddMember("on", on, request.GetAllocator());
    return machine != nullptr && ask(*machine, request, answer) ? done : failed;
}

int show_trace(const Target& target, const TraceOptions& options) {
    const auto filter = filter_of(options);
    if (!filter) return usage_error;
    const auto machine = attach(target);
    if (machine == nullptr) return failed;
    auto trace = lab::TraceReader::open(machine->part(lab::Part::Trace));
    if (!trace) return fail(trace.error());
    if (machine->is_running()) say_if_off(*machine);
    if (!options.follow) trace->end_here();
    catch_interrupts();
    std::uint64_t shown = 0;
    unsigned quiet = 0;  // calls in a row that found nothing: after two, nothing is waiting to be given up
    bool ended = false;
    std::vector<Event> events;
    while (shown < options.count && quiet < 2 && !interrupted()) {
        const bool running = options.follow && machine->is_running();
        events.clear();
        quiet = trace->read(events, at_once) != 0 ? 0 : quiet + 1;
        for (const Event& event : events) {
            if (!filter->passes(event) || shown == options.count) continue;
            options.json ? print_json(event) : print_text(event);
            ++shown;
        }
        if (std::fflush(stdout) != 0) break;  // nobody reads us any more
        if (quiet != 0 && running) {
            quiet = 0;
            std::this_thread::sleep_for(pause);
        }
        ended = options.follow && !running;
    }
    say_balance(*trace, shown);
    if (machine->lost()) return fail("the machine's control segment was cut off by another program");
    if (ended) fmt::print(stderr, "the machine has ended\n");
    return done;
}

}  // namespace remap::tools
