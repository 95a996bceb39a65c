// SPDX-License-Identifier: MIT
// A control segment that another program writes to, before tools attach to it and while they look. An input is a series
// of steps: words that are changed, texts, sizes of the object, and what tools do. Whatever stands there, tools come to
// an end, print what can be printed, and take no more memory than a segment of ours would ask for.
#include "base/fuzz/input.h"
#include "iommu/lab/attachment.h"
#include "iommu/lab/fuzz/segment_object.h"
#include "iommu/lab/names.h"
#include "iommu/lab/trace_reader.h"
#include "tools/top_table.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace remap::fuzz {
namespace {

using namespace std::chrono_literals;

std::uint64_t value_from(Input& input, std::uint64_t before) {
    switch (input.below(8)) {
        case 0: return input.number(8);
        case 1: return input.byte();
        case 2: return ~std::uint64_t{input.byte()};
        case 3: return std::uint64_t{1} << input.byte() % 64;
        case 4: return input.number(2) * segment_page;
        case 5: return before + input.byte() - 128;
        case 6: return before ^ std::uint64_t{1} << input.byte() % 64;
        default: return object().size();
    }
}

// A word that tools decide something by.
std::uint64_t place_from(Input& input) {
    const auto start = [](Part part) { return object().header.place(part).offset; };
    const std::uint64_t trace = start(Part::Trace);
    switch (input.below(8)) {
        case 0: return input.below(sizeof(SegmentHeader) / 8) * 8;
        case 1: return trace + input.below(sizeof(TraceHeader) / 8) * 8;
        case 2: return trace + trace_heads_offset + input.below(4) * sizeof(LaneHead) + input.below(2) * 8;
        case 3:
            return trace + trace_rings_offset + input.below(4) * least_lane_bytes +
                   input.number(2) % lane_records * sizeof(TraceRecord) + input.below(8) * 8;
        case 4: return start(Part::Counters) + input.number(2) % (sizeof(CounterTable) / 8) * 8;
        case 5: return start(Part::RuleCounts) + input.byte() * 8;
        case 6: return start(Part::Mailbox) + input.below(2) * 8;
        default: return start(Part::Rules) + input.byte() * 8;
    }
}

void write_text(Input& input) {
    std::string text(input.byte() % 64, '\0');
    for (char& byte : text) byte = static_cast<char>(input.byte());
    const std::uint64_t rules = object().header.place(Part::Rules).offset;
    const bool is_whole = input.below(2) != 0;
    object().write(rules + 16 + (is_whole ? 0 : input.byte()), text.data(), text.size());
    const std::uint64_t bytes = text.size();
    if (is_whole) object().write(rules + 8, &bytes, sizeof bytes);
}

bool is_printable(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void touch(std::span<const std::byte> memory) {
    for (std::size_t at = 0; at < memory.size(); at += segment_page)
        (void)*static_cast<const volatile std::byte*>(&memory[at]);
}

// What a lane of a trace says of itself, while nobody writes to it.
struct LaneTruth {
    LaneTruth(std::span<const std::byte> memory, std::uint32_t lane, std::uint64_t capacity) {
        const auto* const head = reinterpret_cast<const LaneHead*>(memory.data() + trace_heads_offset) + lane;
        const auto* const ring =
            reinterpret_cast<const TraceRecord*>(memory.data() + trace_rings_offset) + lane * capacity;
        const auto is_there = [&](std::uint64_t number) {
            return ring[number % capacity].sequence.load() == TraceRecord::written(number);
        };
        recorded = head->recorded.load();
        for (std::uint64_t further = 0; further < capacity && is_there(recorded); ++further) ++recorded;
        for (std::uint64_t back = 1; back <= std::min(capacity, recorded); ++back) whole += is_there(recorded - back);
    }

    std::uint64_t recorded = 0;
    std::uint64_t whole = 0;  // records of the last round
};

// A tool that comes upon the segment: what remapctl does, step by step.
class Tool {
public:
    void attach() {
        trace_.reset();
        machine_.reset();
        auto machine = Attachment::open(Object::place());
        if (!machine) return require(is_printable(machine.error()), "an error is a sentence");
        machine_ = std::move(*machine);
        require(machine_->header().bytes == object().size(), "a segment is as long as it says");
        require(is_printable(machine_->name()), "a machine's name can be printed");
        auto trace = TraceReader::open(machine_->part(Part::Trace));
        if (trace) trace_ = std::move(*trace);
    }

    void read(std::size_t most) {
        if (!trace_) return;
        std::vector<Event> events;
        const std::size_t count = trace_->read(events, most);
        require(count <= most, "no more is read than was asked for", count, most);
        require(count <= events.size() && events.size() <= 2 * count, "a record is an event, or a copy's two", count,
                events.size());
        for (const Event& event : events) {
            require(event.thread < trace_->lanes(), "a lane is one of the trace's", event.thread);
            const std::string text = text_of(event);
            require(text.size() < 400 && is_printable(text), "an event is a line");
        }
        (void)trace_->loss();
        (void)trace_->dropped();
    }

    void read_to_the_end() {
        if (trace_) read_to_the_end_of(*trace_);
    }

    // While nobody writes: what was read and what was lost is all that the heads and the rings speak of.
    void check_account() {
        if (!machine_) return;
        const auto memory = machine_->part(Part::Trace);
        touch(memory);  // what was cut off is lost now, and not on the way
        auto trace = TraceReader::open(memory);
        if (!trace) return;
        read_to_the_end_of(*trace);
        for (std::uint32_t lane = 0; lane < trace->lanes(); ++lane) {
            const LaneTruth truth(memory, lane, trace->lane_capacity());
            if (truth.recorded >> 62 != 0) continue;  // numbers come to their end, sequences before them
            const std::uint64_t read = trace->events_read(lane), lost = trace->loss(lane).total();
            require(read <= truth.whole, "what is read is in the ring", lane, read, truth.whole);
            require(read + lost == truth.recorded, "what was not read is lost", lane, read, lost, truth.recorded);
        }
    }

    void look_at_tables() const {
        if (!machine_) return;
        if (const auto rows = tools::read_counters(machine_->part(Part::Counters))) {
            require(rows->size() <= CounterTable::rows, "rows are the table's", rows->size());
            require(is_printable(tools::json_of(tools::difference(*rows, *rows), 1)), "counts are a line");
            (void)tools::table_of(*rows, 1);
        }
        const auto text = published_text(machine_->part(Part::Rules));
        if (!text) return;
        require(text->size() <= rules_text_bytes, "a text has at most so many bytes", text->size());
        auto ledger = ledger_of(*text);
        if (!ledger) return;
        const auto counts = machine_->part(Part::RuleCounts);
        take_counts(*ledger,
                    {reinterpret_cast<const RuleCounter*>(counts.data()), counts.size() / sizeof(RuleCounter)});
        for (const RuleRecord& rule : ledger->rules)
            require(rule.name.size() <= longest_name && is_printable(rule.name), "a rule's name can be printed");
    }

    // Nobody answers in time, but an answer may be there.
    bool ask(std::string_view request) const {
        if (!machine_) return false;
        const auto answer = machine_->ask(request, 0ms);
        if (answer) {
            require(answer->size() <= longest_answer, "an answer has at most so many bytes", answer->size());
        } else {
            require(is_printable(answer.error()), "an error is a sentence");
        }
        return true;
    }

private:
    // What is there now, as a tool that does not follow: a ring of each lane, and one record that was fetched before.
    static void read_to_the_end_of(TraceReader& trace) {
        trace.end_here();
        const std::uint64_t most = trace.lanes() * (trace.lane_capacity() + 1);
        std::uint64_t records = 0;
        std::vector<Event> events;
        for (unsigned quiet = 0; quiet < 2; events.clear()) {
            const std::size_t count = trace.read(events, 1000);
            quiet = count != 0 ? 0 : quiet + 1;
            records += count;
            require(records <= most, "a trace has an end", records, most);
        }
    }

    std::unique_ptr<Attachment> machine_;
    std::optional<TraceReader> trace_;
};

// The machine's side of the mailbox, where the machine knows it to be.
class Server {
public:
    void serve() { server_.serve(0ms); }

private:
    std::unique_ptr<GuardedMapping> memory_ = std::move(*GuardedMapping::map(
        object().shared(), lab::Access::Write, object().header.place(Part::Mailbox).offset, sizeof(MailboxLayout)));
    MailboxServer server_{memory_->bytes(), [](std::string_view request) {
                              require(request.size() <= longest_request, "a request has at most so many bytes");
                              return std::string(request);
                          }};
};

void step(Input& input, Tool& tool, Server& server) {
    switch (input.below(12)) {
        case 0: tool.attach(); break;
        case 1: tool.read(input.byte()); break;
        case 2: tool.read_to_the_end(); break;
        case 3: tool.look_at_tables(); break;
        case 4: (void)tool.ask("{}"); break;
        case 5: server.serve(); break;
        case 6: write_text(input); break;
        case 7: object().resize(value_from(input, object().size()) % most_bytes); break;
        default: {
            const std::uint64_t place = place_from(input);
            const std::uint64_t value = value_from(input, object().word(place));
            object().write(place, &value, sizeof value);
        }
    }
}

}  // namespace
}  // namespace remap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace remap::fuzz;
    object().put_back();
    Server server;
    Tool tool;
    Input input(bytes, count);
    for (unsigned steps = 0; input.more() && steps < 100; ++steps) step(input, tool, server);
    tool.attach();
    tool.read_to_the_end();
    tool.check_account();
    tool.look_at_tables();
    (void)tool.ask("{}");
    server.serve();
    return 0;
}
