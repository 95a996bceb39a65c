// SPDX-License-Identifier: MIT
#include "tools/export/perfetto_packets.h"

#include <protozero/pbf_writer.hpp>

namespace remap::tools {
namespace {

// Numbers of fields, by message.
namespace trace {
constexpr protozero::pbf_tag_type packet = 1;
}
namespace trace_packet {
constexpr protozero::pbf_tag_type timestamp = 8, sequence = 10, track_event = 11, interned_data = 12,
                                  sequence_flags = 13, track_descriptor = 60;
constexpr std::uint32_t state_cleared = 1, needs_state = 2;  // SequenceFlags
}  // namespace trace_packet
namespace track_descriptor {
constexpr protozero::pbf_tag_type uuid = 1, name = 2, process = 3, parent = 5, counter = 8;
}
namespace process_descriptor {
constexpr protozero::pbf_tag_type pid = 1, name = 6;
}
namespace counter_descriptor {
constexpr protozero::pbf_tag_type unit_name = 6;
}
namespace track_event {
constexpr protozero::pbf_tag_type category = 3, argument = 4, type = 9, name_number = 10, track = 11, name = 23,
                                  double_value = 44, flow = 47, ending_flow = 48;
}
namespace debug_annotation {
constexpr protozero::pbf_tag_type name_number = 1, truth = 2, number = 3, text = 6, pointer = 7, name = 10;
}
namespace interned_name {
constexpr protozero::pbf_tag_type number = 1, name = 2;
}

constexpr std::size_t most_names = 4096;  // of each table; a trace that has more says them in full

void add_argument(protozero::pbf_writer& event, const Argument& argument, std::uint64_t name) {
    protozero::pbf_writer one(event, track_event::argument);
    if (name != 0)
        one.add_uint64(debug_annotation::name_number, name);
    else
        one.add_string(debug_annotation::name, argument.name.data(), argument.name.size());
    switch (argument.sort) {
        case Argument::Sort::Number: one.add_uint64(debug_annotation::number, argument.number); break;
        case Argument::Sort::Address: one.add_uint64(debug_annotation::pointer, argument.number); break;
        case Argument::Sort::Truth: one.add_bool(debug_annotation::truth, argument.number != 0); break;
        case Argument::Sort::Text:
            one.add_string(debug_annotation::text, argument.text.data(), argument.text.size());
            break;
    }
}

}  // namespace

void PacketWriter::process(Track track, std::int32_t number, std::string_view name) {
    std::string text;
    protozero::pbf_writer writer(text);
    writer.add_uint64(track_descriptor::uuid, track);
    {
        protozero::pbf_writer process(writer, track_descriptor::process);
        process.add_int32(process_descriptor::pid, number);
        process.add_string(process_descriptor::name, name.data(), name.size());
    }
    descriptor(text);
}

void PacketWriter::track(Track track, Track process, std::string_view name) {
    std::string text;
    protozero::pbf_writer writer(text);
    writer.add_uint64(track_descriptor::uuid, track);
    writer.add_string(track_descriptor::name, name.data(), name.size());
    writer.add_uint64(track_descriptor::parent, process);
    descriptor(text);
}

void PacketWriter::counter_track(Track track, Track process, std::string_view name, std::string_view unit) {
    std::string text;
    protozero::pbf_writer writer(text);
    writer.add_uint64(track_descriptor::uuid, track);
    writer.add_string(track_descriptor::name, name.data(), name.size());
    writer.add_uint64(track_descriptor::parent, process);
    {
        protozero::pbf_writer counter(writer, track_descriptor::counter);
        counter.add_string(counter_descriptor::unit_name, unit.data(), unit.size());
    }
    descriptor(text);
}

void PacketWriter::begin(const Mark& mark) { event(EventType::SliceBegin, mark); }
void PacketWriter::end(const Mark& mark) { event(EventType::SliceEnd, mark); }
void PacketWriter::instant(const Mark& mark) { event(EventType::Instant, mark); }

void PacketWriter::count(Track track, std::uint64_t time, double value) {
    std::string text;
    protozero::pbf_writer writer(text);
    writer.add_uint64(trace_packet::timestamp, time);
    {
        protozero::pbf_writer event(writer, trace_packet::track_event);
        event.add_enum(track_event::type, static_cast<std::int32_t>(EventType::Counter));
        event.add_uint64(track_event::track, track);
        event.add_double(track_event::double_value, value);
    }
    packet(text);
}

void PacketWriter::event(EventType type, const Mark& mark) {
    std::string text;
    protozero::pbf_writer writer(text);
    writer.add_uint64(trace_packet::timestamp, mark.time);
    {
        protozero::pbf_writer event(writer, trace_packet::track_event);
        event.add_enum(track_event::type, static_cast<std::int32_t>(type));
        event.add_uint64(track_event::track, mark.track);
        if (type != EventType::SliceEnd) {
            if (const std::uint64_t number = number_of(Table::Events, mark.name); number != 0)
                event.add_uint64(track_event::name_number, number);
            else
                event.add_string(track_event::name, mark.name.data(), mark.name.size());
            if (const std::uint64_t number = number_of(Table::Categories, mark.category); number != 0)
                event.add_uint64(track_event::category, number);
        }
        for (const Argument& argument : mark.arguments)
            add_argument(event, argument, number_of(Table::Arguments, argument.name));
        if (mark.flow != 0) event.add_fixed64(mark.flow_ends ? track_event::ending_flow : track_event::flow, mark.flow);
    }
    packet(text);
}

void PacketWriter::descriptor(const std::string& descriptor) {
    std::string text;
    protozero::pbf_writer writer(text);
    writer.add_message(trace_packet::track_descriptor, descriptor);
    packet(text);
}

// All packets are of one sequence, whose names are valid from the first on: nothing can be lost in between.
void PacketWriter::packet(std::string& text) {
    protozero::pbf_writer writer(text);
    if (!fresh_names_.empty()) writer.add_message(trace_packet::interned_data, fresh_names_);
    fresh_names_.clear();
    writer.add_uint32(trace_packet::sequence, 1);
    writer.add_uint32(trace_packet::sequence_flags,
                      said_anything_ ? trace_packet::needs_state : trace_packet::state_cleared);
    said_anything_ = true;

    std::string whole;
    protozero::pbf_writer(whole).add_message(trace::packet, text);
    out_.write(whole.data(), static_cast<std::streamsize>(whole.size()));
}

// 0 if the name has no number, and cannot get one any more.
std::uint64_t PacketWriter::number_of(Table table, std::string_view name) {
    auto& numbers = numbers_[static_cast<unsigned>(table)];
    if (const auto known = numbers.find(std::string(name)); known != numbers.end()) return known->second;
    if (name.empty() || numbers.size() == most_names) return 0;
    const std::uint64_t number = numbers.size() + 1;
    numbers.emplace(name, number);
    protozero::pbf_writer fresh(fresh_names_);
    protozero::pbf_writer one(fresh, static_cast<protozero::pbf_tag_type>(table));
    one.add_uint64(interned_name::number, number);
    one.add_string(interned_name::name, name.data(), name.size());
    return number;
}

}  // namespace remap::tools
