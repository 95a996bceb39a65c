// SPDX-License-Identifier: MIT
// Perfetto's own trace format, as far as tracks of events need it: a file is a row of TracePackets, each complete in
// itself, so nothing is kept but the names that were said before.
//
// The format is public: protos/perfetto/trace/trace_packet.proto and its neighbours in Perfetto's repository give the
// numbers of the fields; "Synthetic TrackEvent" in its documentation says how they are meant.
#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace remap::tools {

// One value that the viewer shows with an event.
struct Argument {
    enum class Sort : std::uint8_t { Number, Address, Truth, Text };

    std::string_view name;
    Sort sort = Sort::Number;
    std::uint64_t number = 0;
    std::string_view text = {};
};

class PacketWriter {
public:
    using Track = std::uint64_t;  // any number but 0

    // The stream outlives the writer; whoever gave it looks at its state.
    explicit PacketWriter(std::ostream& out) : out_(out) {}

    // Tracks are declared before events name them. A process is a heading; tracks and counters are lines below it.
    void process(Track track, std::int32_t number, std::string_view name);
    void track(Track track, Track process, std::string_view name);
    void counter_track(Track track, Track process, std::string_view name, std::string_view unit);

    struct Mark {
        Track track = 0;
        std::uint64_t time = 0;  // nanoseconds
        std::string_view name = {};
        std::string_view category = {};
        std::span<const Argument> arguments = {};
        std::uint64_t flow = 0;  // an arrow connects the events that have the same one; 0: none
        bool flow_ends = false;
    };

    // Slices of one track nest: what began last ends first.
    void begin(const Mark& mark);
    void end(const Mark& mark);  // its name is not looked at
    void instant(const Mark& mark);
    void count(Track track, std::uint64_t time, double value);

private:
    enum class EventType : std::int32_t { SliceBegin = 1, SliceEnd = 2, Instant = 3, Counter = 4 };
    enum class Table : std::uint8_t { Categories = 1, Events = 2, Arguments = 3 };

    void event(EventType type, const Mark& mark);
    void descriptor(const std::string& descriptor);
    void packet(std::string& packet);
    std::uint64_t number_of(Table table, std::string_view name);

    std::ostream& out_;
    bool said_anything_ = false;
    std::unordered_map<std::string, std::uint64_t> numbers_[4];
    std::string fresh_names_;  // InternedData of the packet that is being made
};

}  // namespace remap::tools
