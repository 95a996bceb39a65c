// SPDX-License-Identifier: MIT
// The file for Perfetto, read back by the numbers of its published format and held against its rules.
#include "tools/export/perfetto.h"

#include "tools/export/tests/sample_trace.h"

#include <gtest/gtest.h>
#include <protozero/pbf_reader.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace remap::tools {
namespace {

using lab::Event;
using lab::Kind;

struct Mark {
    std::uint64_t time = 0, track = 0, flow = 0;
    int type = 0;  // 1: begin, 2: end, 3: instant, 4: counter
    std::string name, category;
    std::map<std::string, std::string> arguments;
    double value = 0;
};

struct TrackInfo {
    std::string name;
    std::uint64_t parent = 0;
    bool is_process = false, is_counter = false;
};

// Reads what a viewer reads, and says what would trouble it.
class File {
public:
    explicit File(const std::string& bytes) {
        protozero::pbf_reader trace(bytes);
        while (trace.next()) {
            EXPECT_EQ(trace.tag(), 1u) << "Trace.packet is all there is";
            read_packet(trace.get_message());
        }
    }

    std::vector<Mark> marks;
    std::map<std::uint64_t, TrackInfo> tracks;

    std::vector<Mark> of(const std::string& track, const std::string& process) const {
        std::vector<Mark> found;
        for (const Mark& mark : marks) {
            const TrackInfo& info = tracks.at(mark.track);
            if (info.name == track && tracks.at(info.parent).name == process) found.push_back(mark);
        }
        return found;
    }

private:
    void read_packet(protozero::pbf_reader packet) {
        std::uint64_t time = 0;
        protozero::data_view event, names, track;
        std::uint32_t flags = 0, sequence = 0;
        while (packet.next()) {
            switch (packet.tag()) {
                case 8: time = packet.get_uint64(); break;
                case 10: sequence = packet.get_uint32(); break;
                case 11: event = packet.get_view(); break;
                case 12: names = packet.get_view(); break;
                case 13: flags = packet.get_uint32(); break;
                case 60: track = packet.get_view(); break;
                default: ADD_FAILURE() << "TracePacket has field " << packet.tag();
            }
        }
        EXPECT_NE(sequence, 0u) << "events without a sequence are dropped";
        EXPECT_EQ(flags, is_first_ ? 1u : 2u)
            << "SEQ_INCREMENTAL_STATE_CLEARED first, SEQ_NEEDS_INCREMENTAL_STATE after";
        is_first_ = false;
        if (!names.empty()) read_names(protozero::pbf_reader(names));
        if (!track.empty()) read_track(protozero::pbf_reader(track));
        if (!event.empty()) read_event(protozero::pbf_reader(event), time);
    }

    void read_names(protozero::pbf_reader data) {
        while (data.next()) {
            ASSERT_TRUE(data.tag() >= 1 && data.tag() <= 3) << "categories, event names, annotation names";
            auto& table = names_[data.tag()];
            auto one = data.get_message();
            std::uint64_t number = 0;
            std::string name;
            while (one.next()) one.tag() == 1 ? void(number = one.get_uint64()) : void(name = one.get_string());
            EXPECT_NE(number, 0u);
            EXPECT_TRUE(table.emplace(number, name).second) << "a number keeps its name";
        }
    }

    void read_track(protozero::pbf_reader data) {
        std::uint64_t uuid = 0;
        TrackInfo info;
        while (data.next()) {
            switch (data.tag()) {
                case 1: uuid = data.get_uint64(); break;
                case 2: info.name = data.get_string(); break;
                case 3: read_process(data.get_message(), info); break;
                case 5: info.parent = data.get_uint64(); break;
                case 8:
                    info.is_counter = true;
                    data.skip();
                    break;
                default: ADD_FAILURE() << "TrackDescriptor has field " << data.tag();
            }
        }
        EXPECT_NE(uuid, 0u);
        EXPECT_TRUE(info.is_process || tracks.at(info.parent).is_process) << "tracks lie in processes";
        EXPECT_TRUE(tracks.emplace(uuid, info).second) << "a track is declared once";
    }

    void read_process(protozero::pbf_reader process, TrackInfo& info) {
        info.is_process = true;
        while (process.next()) {
            if (process.tag() == 1) {
                const int pid = process.get_int32();
                EXPECT_TRUE(pid > 0 && pids_.insert(pid).second) << "0 is the idle process, and each has its own";
            } else {
                EXPECT_EQ(process.tag(), 6u);
                info.name = process.get_string();
            }
        }
    }

    std::string name_of(std::uint32_t table, std::uint64_t number) {
        EXPECT_TRUE(names_[table].contains(number)) << "a name is said before it is used";
        return names_[table][number];
    }

    void read_event(protozero::pbf_reader data, std::uint64_t time) {
        Mark mark;
        mark.time = time;
        while (data.next()) {
            switch (data.tag()) {
                case 3: mark.category = name_of(1, data.get_uint64()); break;
                case 4: read_argument(data.get_message(), mark); break;
                case 9: mark.type = data.get_enum(); break;
                case 10: mark.name = name_of(2, data.get_uint64()); break;
                case 11: mark.track = data.get_uint64(); break;
                case 23: mark.name = data.get_string(); break;
                case 44: mark.value = data.get_double(); break;
                case 47:
                case 48: mark.flow = data.get_fixed64(); break;
                default: ADD_FAILURE() << "TrackEvent has field " << data.tag();
            }
        }
        marks.push_back(mark);
    }

    void read_argument(protozero::pbf_reader data, Mark& mark) {
        std::string name, value;
        while (data.next()) {
            switch (data.tag()) {
                case 1: name = name_of(3, data.get_uint64()); break;
                case 2: value = data.get_bool() ? "true" : "false"; break;
                case 3: value = std::to_string(data.get_uint64()); break;
                case 6: value = data.get_string(); break;
                case 7: value = (std::ostringstream() << "0x" << std::hex << data.get_uint64()).str(); break;
                case 10: name = data.get_string(); break;
                default: ADD_FAILURE() << "DebugAnnotation has field " << data.tag();
            }
        }
        EXPECT_FALSE(name.empty());
        mark.arguments[name] = value;
    }

    std::map<std::uint32_t, std::map<std::uint64_t, std::string>> names_;
    std::set<int> pids_;
    bool is_first_ = true;
};

File export_of(const std::vector<Event>& events, const TraceContext& context) {
    std::ostringstream out;
    write_perfetto(out, events, context);
    return File(out.str());
}
File export_of(const sample::Trace& trace) { return export_of(trace.events, trace.context); }

void expect_well_formed(const File& file) {
    std::map<std::uint64_t, std::uint64_t> times, depths, flows;
    for (const Mark& mark : file.marks) {
        ASSERT_TRUE(file.tracks.contains(mark.track)) << "a track is declared before events are on it";
        const TrackInfo& track = file.tracks.at(mark.track);
        EXPECT_FALSE(track.is_process);
        EXPECT_EQ(track.is_counter, mark.type == 4);
        EXPECT_GE(mark.time, times[mark.track]) << "time goes on along " << track.name;
        times[mark.track] = mark.time;
        EXPECT_TRUE(mark.type == 2 || mark.type == 4 || !mark.name.empty());
        if (mark.type == 1) ++depths[mark.track];
        if (mark.type == 2) {
            ASSERT_GT(depths[mark.track], 0u) << "nothing ends that has not begun on " << track.name;
            --depths[mark.track];
        }
        if (mark.flow != 0) ++flows[mark.flow];
    }
    for (const auto& [track, depth] : depths) EXPECT_EQ(depth, 0u) << "all ends on " << file.tracks.at(track).name;
    for (const auto& [flow, ends] : flows) EXPECT_EQ(ends, 2u) << "an arrow has two ends";
}

std::size_t count(const std::vector<Mark>& marks, int type) {
    return static_cast<std::size_t>(
        std::count_if(marks.begin(), marks.end(), [&](auto& mark) { return mark.type == type; }));
}

TEST(Perfetto, KeepsTheRulesOfTheFormat) {
    for (const char* name : {"small", "empty", "hostile"}) {
        SCOPED_TRACE(name);
        expect_well_formed(export_of(sample::named(name)));
    }
    expect_well_formed(export_of(sample::large(20'000)));
}

TEST(Perfetto, NoEventIsLeftOut) {
    const sample::Trace trace = sample::small();
    const File file = export_of(trace);
    const auto shown = count(file.marks, 3) + count(file.marks, 1) + count(file.marks, 2);
    // Besides the events: the line about the trace, and a batch that begins and one that ends for each completion.
    const auto waits = static_cast<std::size_t>(std::count_if(
        trace.events.begin(), trace.events.end(), [](auto& event) { return event.kind == Kind::Completion; }));
    EXPECT_EQ(shown, trace.events.size() + 1 + 2 * waits);
}

TEST(Perfetto, DmaSaysWhereItWent) {
    const File file = export_of({{.time = 77,
                                  .kind = Kind::Dma,
                                  .flags = lab::flag::write,
                                  .source = 0x10,
                                  .pasid = 5,
                                  .address = 0x1234,
                                  .length = 64,
                                  .result = 0xabcd}},
                                {.machine = "m", .devices = {{0x10, "gpu"}}});
    const auto marks = file.of("DMA", "00:02.0 gpu");
    ASSERT_EQ(marks.size(), 1u);
    const Mark& dma = marks[0];
    EXPECT_EQ(dma.name, "write");
    EXPECT_EQ(dma.time, 77u);
    EXPECT_EQ(dma.category, "DMA");
    EXPECT_EQ(dma.arguments.at("address"), "0x1234");
    EXPECT_EQ(dma.arguments.at("bytes"), "64");
    EXPECT_EQ(dma.arguments.at("physical"), "0xabcd");
    EXPECT_EQ(dma.arguments.at("pasid"), "5");
}

TEST(Perfetto, RefusedDmaIsNamedSoAndLedNowhere) {
    const File file = export_of({{.kind = Kind::Dma, .flags = lab::flag::refused, .source = 0x10, .length = 64}}, {});
    const auto marks = file.of("DMA", "00:02.0");
    ASSERT_EQ(marks.size(), 1u);
    EXPECT_EQ(marks[0].name, "read refused");
    EXPECT_FALSE(marks[0].arguments.contains("physical"));
    EXPECT_EQ(file.of("DMA throughput", "00:02.0").size(), 0u);
}

TEST(Perfetto, ThroughputIsBytesOverTime) {
    std::vector<Event> events;
    for (std::uint64_t i = 0; i <= 1000; ++i)
        events.push_back({.time = i * 1000, .kind = Kind::Dma, .source = 0x10, .length = 4000});
    const auto marks = export_of(events, {}).of("DMA throughput", "00:02.0");
    ASSERT_GT(marks.size(), 900u);
    EXPECT_DOUBLE_EQ(marks[10].value, 4e9);  // 4000 bytes a microsecond
    EXPECT_EQ(marks.back().value, 0);
}

TEST(Perfetto, AnInvalidationLastsUntilItsWait) {
    const auto marks = export_of({{.time = 10, .kind = Kind::Invalidation},
                                  {.time = 20, .kind = Kind::Invalidation},
                                  {.time = 35, .kind = Kind::Completion}},
                                 {})
                           .of("invalidations", "IOMMU");
    ASSERT_EQ(marks.size(), 5u);
    EXPECT_EQ(marks[0].type, 1);
    EXPECT_EQ(marks[0].time, 10u);
    EXPECT_EQ(marks[4].type, 2);
    EXPECT_EQ(marks[4].time, 35u);
}

TEST(Perfetto, QuestionsThatOverlapLieInRowsOfTheirOwn) {
    const File file = export_of({{.time = 1, .kind = Kind::DeviceInvalidation, .source = 0x10, .detail = 7},
                                 {.time = 2, .kind = Kind::DeviceInvalidation, .source = 0x10, .detail = 8},
                                 {.time = 3, .kind = Kind::DeviceAnswer, .source = 0x10, .detail = 7},
                                 {.time = 9, .kind = Kind::Reset}},
                                {});
    expect_well_formed(file);
    const auto marks = file.of("invalidations", "00:02.0");
    ASSERT_EQ(marks.size(), 4u);
    EXPECT_NE(marks[0].track, marks[1].track);
    EXPECT_EQ(marks[2].track, marks[0].track);
    EXPECT_EQ(marks[2].time, 3u);
    EXPECT_EQ(marks[3].time, 9u) << "what is never answered lasts as long as the trace";
    EXPECT_EQ(marks[3].arguments.at("unfinished"), "true");
}

TEST(Perfetto, ARowIsFreeAfterTheAnswer) {
    std::vector<Event> events;
    for (std::uint64_t tag = 0; tag < 200; ++tag) {
        events.push_back({.time = 2 * tag, .kind = Kind::PageRequest, .source = 0x10, .detail = tag});
        events.push_back({.time = 2 * tag + 1, .kind = Kind::PageAnswer, .source = 0x10, .detail = tag});
    }
    const File file = export_of(events, {});
    const auto marks = file.of("page requests", "00:02.0");
    EXPECT_EQ(marks.size(), events.size());
    for (const Mark& mark : marks) EXPECT_EQ(mark.track, marks[0].track);
}

TEST(Perfetto, MoreQuestionsThanRowsAreInstants) {
    std::vector<Event> events;
    for (std::uint64_t tag = 0; tag < 100; ++tag)
        events.push_back({.time = tag, .kind = Kind::PageRequest, .source = 0x10, .detail = tag});
    const File file = export_of(events, {});
    expect_well_formed(file);
    EXPECT_EQ(count(file.marks, 1), 64u);
    EXPECT_EQ(count(file.of("page requests", "00:02.0"), 3), 36u);
}

TEST(Perfetto, CallsNestThoughReturnsAreLost) {
    const File file = export_of({{.time = 0, .kind = Kind::Return, .code = 9},
                                 {.time = 1, .kind = Kind::Call, .code = 1},
                                 {.time = 2, .kind = Kind::Call, .code = 2},
                                 {.time = 3, .kind = Kind::Return, .result = 0xc0000001, .code = 1}},
                                {.callbacks = {{1, "DxgkCbMapMemory"}}});
    expect_well_formed(file);
    const auto marks = file.of("callbacks of thread 0", "driver and callbacks");
    ASSERT_EQ(marks.size(), 5u);
    EXPECT_EQ(marks[0].name, "callback 9 returns");
    EXPECT_EQ(marks[1].name, "DxgkCbMapMemory");
    EXPECT_EQ(marks[3].arguments.at("unfinished"), "true");
    EXPECT_EQ(marks[4].arguments.at("status"), "0xc0000001");
}

TEST(Perfetto, AnArrowLeadsFromAnInjectionToWhatItChanged) {
    const File file = export_of(sample::small());
    std::vector<Mark> ends;
    for (const Mark& mark : file.marks)
        if (mark.flow != 0) ends.push_back(mark);
    ASSERT_EQ(ends.size(), 2u);
    EXPECT_EQ(ends[0].name, "rule writes to the ring are refused");
    EXPECT_EQ(ends[1].name, "translation refused");
    EXPECT_EQ(ends[1].arguments.at("tampered"), "true");
}

TEST(Perfetto, LossStandsAtTheBeginning) {
    const auto marks =
        export_of({{.time = 5, .kind = Kind::Reset}}, {.losses = {{0, 0}, {3, 99}}}).of("lost", "laboratory");
    ASSERT_EQ(marks.size(), 1u);
    EXPECT_EQ(marks[0].name, "99 events LOST from lane 3");
    EXPECT_EQ(marks[0].time, 5u);
}

// What the writer is asked to do a million times must not depend on how often it was done before.
TEST(Perfetto, WritesAsItGoes) {
    struct Counting : std::streambuf {
        std::size_t bytes = 0;
        std::streamsize xsputn(const char*, std::streamsize count) override {
            bytes += static_cast<std::size_t>(count);
            return count;
        }
        int overflow(int c) override { return ++bytes, c; }
    } counting;
    std::ostream out(&counting);
    const sample::Trace trace = sample::large(300'000);
    write_perfetto(out, trace.events, trace.context);
    EXPECT_LT(counting.bytes / trace.events.size(), 100u) << "bytes an event";
}

}  // namespace
}  // namespace remap::tools
