// SPDX-License-Identifier: MIT
// A machine without a guest, for tests of remapctl: it does what lines on its standard input say, and answers each with
// "done". Its clock goes on by a microsecond an event, so that what is printed is always the same.
//
//     usage: test-machine NAME [FILE]
//     dma COUNT      records so many accesses of device 00:02.0, and counts them
//     inject COUNT   the same of injections
//     unmap PAGE     unmaps a page of the device for PASID 0, and invalidates nothing
//     use PAGE       has the device read it
//     cut            truncates its own segment, as a hostile program would
#include "iommu/lab/commands.h"
#include "iommu/lab/counters.h"
#include "iommu/lab/decisions.h"
#include "iommu/lab/look_commands.h"
#include "iommu/lab/rule_commands.h"
#include "iommu/lab/segment.h"
#include "iommu/tests/scalable_machine.h"

#include <atomic>
#include <filesystem>
#include <iostream>
#include <sstream>

namespace {

using namespace remap::lab;

constexpr std::uint16_t device = 0x10;

std::atomic<std::uint64_t> time_now{0};
std::uint64_t next_time(void*) { return time_now.fetch_add(1000) + 1000; }

SegmentOptions options_of(int count, char** arguments) {
    SegmentOptions options;
    options.name = count > 1 ? arguments[1] : "";
    options.file = count > 2 ? arguments[2] : "";
    options.trace = {2, 2, least_lane_bytes};
    options.clock = {next_time, nullptr};
    return options;
}

class Machine {
public:
    explicit Machine(Segment& segment) : segment_(segment) {
        add_trace_commands(commands_, segment.recorder());
        add_rule_commands(commands_, decisions_, {});
        add_look_commands(commands_, port_, &objects_);
        objects_.happened({.kind = Kind::Object, .length = 0x2000, .detail = 42, .code = 1});
        objects_.happened({.kind = Kind::Frames, .address = 0x155000, .length = 0x2000, .detail = 42});
        decisions_.publish_to(segment.rule_counters());
        segment.serve([this](std::string_view text) { return commands_.answer(text); }, [this] { publish(); });
    }

    bool obey(const std::string& line) {
        std::istringstream words(line);
        std::string what;
        std::uint64_t count = 0;
        words >> what >> count;
        if (what == "cut") {
            std::filesystem::resize_file("/dev/shm/" + place_of_machine(segment_.name()).name, 4096);
            return true;
        }
        if (what == "unmap" || what == "use") {
            what == "unmap" ? unit_.ram.set(0x33000 + 8 * count, 0) : void(unit_.at(0, count << 12));
            return true;
        }
        for (std::uint64_t i = 0; i < count; ++i) what == "dma" ? dma(i) : inject(i);
        return what == "dma" || what == "inject";
    }

private:
    void publish() { counters_->publish_to(segment_.counters()); }

    void dma(std::uint64_t number) {
        Event event;
        event.kind = Kind::Dma;
        event.source = device;
        event.flags = flag::write;
        event.address = 0x1000 * number;
        event.length = 64;
        event.result = 0x7f000;
        decisions_.decide(event);
        if (segment_.recorder().on()) segment_.recorder().record(event);
        counters_->add(device, Count::Translations);
        counters_->add(device, Count::Writes);
        counters_->add(device, Count::WrittenBytes, 64);
    }

    void inject(std::uint64_t number) {
        Event event;
        event.kind = Kind::Injection;
        event.source = device;
        event.code = static_cast<std::uint32_t>(number);
        segment_.recorder().record_injection(event);
        counters_->add(device, Count::Injections);
    }

    Segment& segment_;
    Decisions decisions_;
    remap::test::ScalableMachine unit_;
    DirectUnit port_{unit_.unit};
    Objects objects_;
    Commands commands_;
    std::unique_ptr<Counters> counters_ = std::make_unique<Counters>();
};

}  // namespace

int main(int count, char** arguments) {
    auto segment = Segment::create(options_of(count, arguments));
    if (!segment) {
        std::cerr << segment.error() << '\n';
        return 1;
    }
    Machine machine(**segment);
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);)
        std::cout << (machine.obey(line) ? "done" : "what?") << std::endl;
    segment->reset();
    return 0;
}
