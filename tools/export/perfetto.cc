// SPDX-License-Identifier: MIT
#include "tools/export/perfetto.h"

#include "iommu/lab/names.h"
#include "tools/export/event_arguments.h"
#include "tools/export/groups.h"
#include "tools/export/injection_targets.h"
#include "tools/export/perfetto_packets.h"
#include "tools/export/perfetto_tracks.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace remap::tools {
namespace {

using lab::Event;
using lab::Kind;
using Track = PacketWriter::Track;

// How much DMA a device does, as a rate over windows of one length.
class Throughput {
public:
    Throughput(PacketWriter& writer, Track track, std::uint64_t begin, std::uint64_t window)
        : writer_(writer), track_(track), begin_(begin), window_(window) {}

    void add(std::uint64_t time, std::uint64_t bytes) {
        if (const std::uint64_t windows = (time - begin_) / window_; windows != 0) {
            say();
            if (windows > 1) writer_.count(track_, begin_ + window_, 0);
            begin_ += windows * window_;
        }
        bytes_ += static_cast<double>(bytes);
    }

    void finish() {
        say();
        writer_.count(track_, begin_ + window_, 0);
    }

private:
    void say() {
        writer_.count(track_, begin_, bytes_ * 1e9 / static_cast<double>(window_));
        bytes_ = 0;
    }

    PacketWriter& writer_;
    Track track_;
    std::uint64_t begin_, window_;
    double bytes_ = 0;
};

class Export {
public:
    Export(std::ostream& out, std::span<const Event> events, const TraceContext& context)
        : events_(events), context_(context), writer_(out), tracks_(writer_, context) {}

    void write() {
        pair_injections();
        if (!events_.empty()) {
            begin_ = events_.front().time;
            end_ = std::max(begin_, events_.back().time);
            window_ = std::max<std::uint64_t>((end_ - begin_) / 1000, 1000);
        }
        write_head();
        for (std::size_t i = 0; i < events_.size(); ++i) {
            now_ = std::max(now_, events_[i].time);  // what comes late, by a writer that was held up, moves
            write(events_[i], flows_.contains(i) ? flows_.at(i) : Flow{});
        }
        close();
    }

private:
    struct Flow {
        std::uint64_t number = 0;
        bool ends = false;
    };
    static constexpr std::size_t deepest = 256;  // calls of a thread within each other

    void pair_injections() {
        std::uint64_t number = 0;
        for (const InjectionTarget& pair : injection_targets(events_)) {
            flows_[pair.injection] = {++number, pair.injection > pair.target};
            flows_[pair.target] = {number, pair.target > pair.injection};
        }
    }

    // First of all what this is, and what it does not hold.
    void write_head() {
        std::uint64_t lost = 0;
        for (const LaneLoss& loss : context_.losses) lost += loss.events;
        const Argument about[] = {{"machine", Argument::Sort::Text, 0, context_.machine},
                                  {"events", Argument::Sort::Number, events_.size()},
                                  {"lost", Argument::Sort::Number, lost}};
        writer_.instant({.track = tracks_.of(laboratory_owner, "trace"),
                         .time = begin_,
                         .name = "trace of " + context_.machine,
                         .category = "trace",
                         .arguments = about});
        for (const LaneLoss& loss : context_.losses) {
            if (loss.events == 0) continue;
            const Argument arguments[] = {{"events", Argument::Sort::Number, loss.events},
                                          {"lane", Argument::Sort::Number, loss.lane}};
            const std::string name =
                std::to_string(loss.events) + " events LOST from lane " + std::to_string(loss.lane);
            writer_.instant({.track = tracks_.of(laboratory_owner, "lost"),
                             .time = begin_,
                             .name = name,
                             .category = "lost",
                             .arguments = arguments});
        }
    }

    void write(const Event& event, Flow flow) {
        arguments_.clear();
        add_arguments(arguments_, event);
        switch (event.kind) {
            case Kind::Dma:
                if ((event.flags & lab::flag::refused) == 0) throughput(event.source).add(now_, event.length);
                break;
            case Kind::Fault:
            case Kind::InterruptFault:
            case Kind::PageRequestFault: count_fault(event); break;
            case Kind::Invalidation: return write_invalidation(event, flow);
            case Kind::Completion: return write_completion(event, flow);
            case Kind::DeviceInvalidation: return write_question(invalidations_, event, flow);
            case Kind::DeviceAnswer: return write_answer(invalidations_, event, flow);
            case Kind::PageRequest: return write_question(pages_, event, flow);
            case Kind::PageAnswer: return write_answer(pages_, event, flow);
            case Kind::Call: return write_call(event, flow);
            case Kind::Return: return write_return(event, flow);
            default: break;
        }
        const Owner owner = owner_of(event);
        writer_.instant(mark(tracks_.of(owner, name_of(group_of(event.kind))), event, short_name(event), flow));
    }

    // What the viewer writes on the event itself.
    std::string short_name(const Event& event) const {
        std::string name(lab::name_of(event.kind));
        if (event.kind == Kind::Dma) name = (event.flags & lab::flag::write) != 0 ? "write" : "read";
        if (event.kind == Kind::Injection) {
            const auto rule = std::find_if(context_.rules.begin(), context_.rules.end(),
                                           [&](const RuleInfo& info) { return info.number == event.code; });
            name = "rule " + (rule == context_.rules.end() ? std::to_string(event.code) : rule->name);
        }
        if (event.kind == Kind::Call || event.kind == Kind::Return) {
            const auto callback = context_.callbacks.find(event.code);
            name = callback == context_.callbacks.end() ? "callback " + std::to_string(event.code) : callback->second;
        }
        if (weight_of(event) == Weight::Faulty && group_of(event.kind) != Group::Faults && event.kind != Kind::Halt &&
            event.kind != Kind::QueueStopped)
            name += " refused";
        return name;
    }

    PacketWriter::Mark mark(Track track, const Event& event, std::string_view name, Flow flow) const {
        return {.track = track,
                .time = now_,
                .name = name,
                .category = name_of(group_of(event.kind)),
                .arguments = arguments_,
                .flow = flow.number,
                .flow_ends = flow.ends};
    }

    // ---- the invalidation queue: from the first command behind a wait to the next wait ----
    void write_invalidation(const Event& event, Flow flow) {
        const Track track = tracks_.of(unit_owner, "invalidations");
        if (!std::exchange(batch_, true))
            writer_.begin({.track = track, .time = now_, .name = "invalidate and wait", .category = "invalidations"});
        writer_.instant(mark(track, event, lab::name_of(event.kind), flow));
    }

    void write_completion(const Event& event, Flow flow) {
        const Track track = tracks_.of(unit_owner, "invalidations");
        writer_.instant(mark(track, event, lab::name_of(event.kind), flow));
        if (std::exchange(batch_, false)) writer_.end({.track = track, .time = now_});
    }

    // ---- questions to devices, and theirs ----
    static std::uint64_t key_of(const Event& event) { return event.detail; }

    void write_question(std::map<std::uint16_t, Waiting>& asked, const Event& event, Flow flow) {
        const std::string_view group = name_of(group_of(event.kind));
        const std::uint32_t row = asked[event.source].ask(key_of(event));
        if (row == Waiting::most_rows) {
            writer_.instant(mark(tracks_.of(owner_of(event), group), event, lab::name_of(event.kind), flow));
            return;
        }
        writer_.begin(mark(tracks_.of(owner_of(event), group, row), event, lab::name_of(event.kind), flow));
    }

    void write_answer(std::map<std::uint16_t, Waiting>& asked, const Event& event, Flow flow) {
        const std::string_view group = name_of(group_of(event.kind));
        const std::uint32_t row = asked[event.source].answer(key_of(event));
        if (row == Waiting::most_rows) {
            writer_.instant(mark(tracks_.of(owner_of(event), group), event, lab::name_of(event.kind), flow));
            return;
        }
        const Track track = tracks_.of(owner_of(event), group, row);
        if (flow.number != 0) writer_.instant(mark(track, event, lab::name_of(event.kind), flow));
        writer_.end(mark(track, event, {}, {}));
    }

    // ---- callbacks: a track a thread ----
    Track thread_track(const Event& event) {
        return tracks_.of(driver_owner, "callbacks of thread " + std::to_string(event.thread));
    }

    void write_call(const Event& event, Flow flow) {
        std::vector<std::uint32_t>& calls = calls_[event.thread];
        if (calls.size() == deepest) return writer_.instant(mark(thread_track(event), event, short_name(event), flow));
        calls.push_back(event.code);
        writer_.begin(mark(thread_track(event), event, short_name(event), flow));
    }

    // A return whose call was lost ends nothing; calls inside it whose returns were lost end with it.
    void write_return(const Event& event, Flow flow) {
        std::vector<std::uint32_t>& calls = calls_[event.thread];
        if (std::find(calls.begin(), calls.end(), event.code) == calls.end()) {
            writer_.instant(mark(thread_track(event), event, short_name(event) + " returns", flow));
            return;
        }
        while (calls.back() != event.code) {
            calls.pop_back();
            end_unfinished(thread_track(event));
        }
        calls.pop_back();
        writer_.end(mark(thread_track(event), event, {}, flow));
    }

    // ---- counters ----
    Throughput& throughput(std::uint16_t source) {
        const auto known = throughput_.find(source);
        if (known != throughput_.end()) return known->second;
        const Owner owner = source == lab::no_source ? unit_owner : Owner{source};
        return throughput_.try_emplace(source, writer_, tracks_.counter(owner, "DMA throughput", "B/s"), now_, window_)
            .first->second;
    }

    void count_fault(const Event& event) {
        const double sum = static_cast<double>(++faults_[event.source]);
        writer_.count(tracks_.counter(owner_of(event), "faults so far", "faults"), now_, sum);
    }

    // ---- the end: what is still open was not answered as long as the trace lasted ----
    void end_unfinished(Track track) {
        static constexpr Argument unfinished[] = {{"unfinished", Argument::Sort::Truth, 1}};
        writer_.end({.track = track, .time = now_, .arguments = unfinished});
    }

    void close() {
        now_ = std::max(now_, end_);
        if (batch_) end_unfinished(tracks_.of(unit_owner, "invalidations"));
        for (const auto& [group, asked] :
             {std::pair(Group::Invalidations, &invalidations_), std::pair(Group::PageRequests, &pages_)})
            for (const auto& [source, waiting] : *asked)
                for (const auto& [key, row] : waiting.open())
                    end_unfinished(
                        tracks_.of(source == lab::no_source ? unit_owner : Owner{source}, name_of(group), row));
        for (const auto& [thread, calls] : calls_)
            for (std::size_t i = 0; i < calls.size(); ++i)
                end_unfinished(tracks_.of(driver_owner, "callbacks of thread " + std::to_string(thread)));
        for (auto& [source, rate] : throughput_) rate.finish();
    }

    std::span<const Event> events_;
    const TraceContext& context_;
    PacketWriter writer_;
    PerfettoTracks tracks_;
    std::vector<Argument> arguments_;
    std::unordered_map<std::size_t, Flow> flows_;
    std::map<std::uint16_t, Waiting> invalidations_;
    std::map<std::uint16_t, Waiting> pages_;
    std::map<std::uint32_t, std::vector<std::uint32_t>> calls_;
    std::map<std::uint16_t, Throughput> throughput_;
    std::map<std::uint16_t, std::uint64_t> faults_;
    bool batch_ = false;  // invalidations that no wait has followed
    std::uint64_t begin_ = 0, end_ = 0, now_ = 0, window_ = 1000;
};

}  // namespace

void write_perfetto(std::ostream& out, std::span<const Event> events, const TraceContext& context) {
    Export(out, events, context).write();
}

}  // namespace remap::tools
