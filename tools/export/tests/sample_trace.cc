// SPDX-License-Identifier: MIT
#include "tools/export/tests/sample_trace.h"

#include <algorithm>
#include <array>
#include <limits>
#include <random>

namespace remap::tools::sample {
namespace {

using lab::Event;
using lab::Kind;
namespace flag = lab::flag;

constexpr std::uint64_t terabyte = std::uint64_t{1} << 40;

class Machine {
public:
    explicit Machine(std::vector<Event>& events) : events_(events) {}

    void add(std::uint64_t nanoseconds, Event event) {
        now_ += nanoseconds;
        event.time = now_;
        events_.push_back(event);
    }

    void make_object(std::uint64_t object, std::uint32_t sort, std::uint64_t address, std::uint64_t bytes,
                     std::uint64_t physical) {
        add(900, {.kind = Kind::Call, .address = 0x40'1000, .detail = object, .code = 3, .thread = 1});
        add(300, {.kind = Kind::Object, .length = bytes, .detail = object, .code = sort, .thread = 1});
        add(200, {.kind = Kind::Frames, .address = physical, .length = bytes, .detail = object, .thread = 1});
        add(250, {.kind = Kind::Map,
                  .source = gpu,
                  .address = address,
                  .length = bytes,
                  .result = physical,
                  .detail = object,
                  .thread = 1});
        add(100, {.kind = Kind::Return, .code = 3, .thread = 1});
    }

    void dma(std::uint16_t source, bool writes, std::uint64_t address, std::uint64_t physical, std::uint64_t bytes,
             std::uint8_t more = 0) {
        const auto flags = static_cast<std::uint8_t>((writes ? flag::write : 0) | more);
        add(180, {.kind = Kind::Dma,
                  .flags = flags,
                  .source = source,
                  .address = address,
                  .length = bytes,
                  .result = physical});
    }

    void refused(std::uint16_t source, std::uint64_t address, std::uint32_t reason, bool injected) {
        const auto flags = static_cast<std::uint8_t>(flag::write | flag::refused | (injected ? flag::tampered : 0));
        if (injected)
            add(120, {.kind = Kind::Injection,
                      .source = source,
                      .address = address,
                      .result = static_cast<std::uint64_t>(Kind::Translation),
                      .detail = ++injections_});
        add(60, {.kind = Kind::Translation,
                 .flags = flags,
                 .source = source,
                 .address = address,
                 .length = 4096,
                 .code = reason});
        add(40, {.kind = Kind::Fault, .flags = flag::write, .source = source, .address = address, .code = reason});
        add(90, {.kind = Kind::UnitInterrupt, .address = 0xfee0'0000, .detail = 0x41});
    }

    void invalidate(std::uint64_t address, std::uint64_t tag, bool answers) {
        add(400, {.kind = Kind::Invalidation, .address = address, .length = 1, .detail = 1, .code = 2 << 8 | 4});
        add(100, {.kind = Kind::DeviceInvalidation, .source = gpu, .address = address, .length = 4096, .detail = tag});
        if (answers) add(1800, {.kind = Kind::DeviceAnswer, .source = gpu, .detail = tag});
        add(500, {.kind = Kind::Completion, .flags = flag::writes, .address = 0x7000, .detail = 1});
    }

private:
    std::vector<Event>& events_;
    std::uint64_t now_ = 5'000'000;
    std::uint64_t injections_ = 0;
};

void add_round(Machine& machine, std::uint64_t round) {
    const std::uint64_t first = round * 4;
    machine.make_object(first + 1, 1, 0x10'0000, 0x1'0000, 0x4000'0000);
    machine.make_object(first + 2, 2, terabyte, 0x4000, 0x7fff'0000);
    for (std::uint64_t i = 0; i < 24; ++i) {
        machine.add(150, {.kind = Kind::Packet, .source = gpu, .address = 0x1000 + i * 64, .code = 2});
        machine.dma(gpu, false, 0x10'0000 + i % 16 * 4096, 0x4000'0000 + i % 16 * 4096, 4096);
        machine.dma(gpu, true, terabyte + i % 4 * 4096, 0x7fff'0000 + i % 4 * 4096, 4096);
    }
    for (std::uint64_t i = 0; i < 8; ++i) machine.dma(disk, true, 0x80'0000 + i * 8192, 0x1'0000'0000 + i * 8192, 4096);
    machine.refused(gpu, 0x10'8000, 5, round % 3 == 0);
    machine.refused(disk, 0xdead'b000, 6, false);
    machine.add(700, {.kind = Kind::StaleUse, .source = gpu, .address = 0x10'3000, .result = 0x4000'3000, .detail = 0});
    machine.invalidate(0x10'0000, round % 32, round % 4 != 3);
    machine.add(
        300,
        {.kind = Kind::Unmap, .source = gpu, .address = terabyte, .length = 0x4000, .detail = first + 2, .thread = 1});
    machine.add(200, {.kind = Kind::Object, .flags = flag::ended, .detail = first + 2, .thread = 1});
    machine.add(
        90'000,
        {.kind = Kind::Interrupt, .source = gpu, .address = 0xfee0'0000, .result = 0xfee0'1000, .detail = 0x31});
}

TraceContext context() {
    TraceContext context;
    context.machine = "qemu-4711";
    context.devices = {{gpu, "GPU"}};  // of others no trace has a name
    context.callbacks = {{3, "DxgkCbCreatePhysicalMemoryObject"}};
    context.object_sorts = {{1, "allocation"}, {2, "command channel"}};
    context.rules = {{0, "writes to the ring are refused", R"({"when": {"on": "translation"}, "do": {"fault": 5}})", 1},
                     {1, "never acts", R"({"when": {"on": "dma", "nth": 1000000}, "do": {"refuse": true}})", 0}};
    context.counters = {{"translations", 12345}, {"cache hits", std::numeric_limits<std::uint64_t>::max()}};
    context.reachable = {{.source = gpu,
                          .address = 0x10'0000,
                          .bytes = 0x2'0000,
                          .physical = 0x4000'0000,
                          .readable = true,
                          .object = 1},
                         {.source = gpu,
                          .address = 0x30'0000,
                          .bytes = 0x20'0000,
                          .physical = 0x5000'0000,
                          .readable = true,
                          .writable = true}};
    return context;
}

}  // namespace

Trace small() {
    Trace trace{{}, context()};
    Machine machine(trace.events);
    machine.add(0, {.kind = Kind::Rules, .detail = 7, .code = 2});
    for (std::uint64_t round = 0; round < 3; ++round) add_round(machine, round);
    machine.add(1000, {.kind = Kind::Reset, .source = gpu});
    return trace;
}

Trace large(std::size_t events) {
    Trace trace{{}, context()};
    Machine machine(trace.events);
    for (std::uint64_t round = 0; trace.events.size() < events; ++round) add_round(machine, round);
    trace.events.resize(events);
    trace.context.losses = {{0, 0}, {2, 1234}};
    trace.context.rules[0].acted = static_cast<std::uint64_t>(std::count_if(
        trace.events.begin(), trace.events.end(), [](const Event& event) { return event.kind == Kind::Injection; }));
    return trace;
}

Trace empty() { return {{}, {}}; }

Trace unmaps() {
    Trace trace{{}, {.machine = "qemu-4711", .devices = {{gpu, "GPU"}}}};
    const auto add = [&](std::uint64_t nanoseconds, Event event) {
        event.time = 7'000'000 + nanoseconds;
        event.source = gpu;
        trace.events.push_back(event);
    };
    add(0, {.kind = Kind::Map, .address = 0x10'0000, .length = 0x8000, .result = 0x4000'0000, .detail = 1});
    add(1'000, {.kind = Kind::Map, .address = 0x10'8000, .length = 0x4000, .result = 0x6000'0000, .detail = 3});
    add(1'500, {.kind = Kind::Map, .address = 0x20'0000, .length = 0x4000, .result = 0x5000'0000, .detail = 2});
    for (std::uint64_t at = 0; at < 0x8000; at += 0x1000)
        add(2'000 + at / 0x40,
            {.kind = Kind::Dma, .address = 0x10'0000 + at, .length = 64, .result = 0x4000'0000 + at});
    add(5'000, {.kind = Kind::Dma, .flags = flag::write, .address = 0x20'0000, .length = 64, .result = 0x5000'0000});
    add(10'000, {.kind = Kind::Unmap, .address = 0x10'2000, .length = 0x2000, .detail = 1});
    add(20'000, {.kind = Kind::Unmap, .address = 0x10'6000, .length = 0x4000, .detail = 1});
    add(30'000, {.kind = Kind::Dma, .address = 0x10'2000, .length = 64, .result = 0x4000'2000});
    add(40'000, {.kind = Kind::Unmap, .address = 0x90'0000, .length = ~std::uint64_t{0}});
    add(50'000, {.kind = Kind::Map, .address = 0x20'0000, .length = 0x4000, .result = 0x7000'0000, .detail = 4});
    add(100'000, {.kind = Kind::Reset});
    return trace;
}

Trace overlaps(std::size_t events) {
    Trace trace{{}, {.machine = "qemu-4711"}};
    std::mt19937_64 random(2);  // NOLINT: the same each time
    for (std::size_t i = 0; i < events; ++i) {
        static constexpr std::array kinds = {Kind::Map, Kind::Dma, Kind::Map, Kind::Unmap};
        Event event{.time = i * 10,
                    .kind = kinds[i % kinds.size()],
                    .source = gpu,
                    .address = random() >> random() % 64,
                    .length = random() >> random() % 64,
                    .result = random() >> random() % 64,
                    .detail = random() % 1000};
        if (i % 3 == 0) event.length = ~std::uint64_t{0};
        trace.events.push_back(event);
    }
    return trace;
}

Trace hostile() {
    Trace trace = small();
    const std::string attack =
        "</script><script>document.title='taken'</script><img src=x onerror=\"document.title="
        "'taken'\"><!--'\"\\\xff\xfe \xe2\x80\xae @@DATA@@ ${x}";
    TraceContext& context = trace.context;
    context.machine = attack;
    context.devices[gpu] = attack;
    context.callbacks[3] = attack;
    context.object_sorts[1] = attack;
    for (RuleInfo& rule : context.rules) rule.name = rule.text = attack;
    for (CounterInfo& counter : context.counters) counter.name = attack;
    context.reachable.push_back(
        {.source = gpu, .address = ~std::uint64_t{0}, .bytes = 2, .physical = ~std::uint64_t{0}});

    std::mt19937_64 random(1);  // NOLINT: the same each time
    const std::uint64_t last = trace.events.back().time;
    for (unsigned i = 0; i < 3000; ++i) {
        Event event{.time = last + i,
                    .kind = static_cast<Kind>(random() % 32),
                    .flags = static_cast<std::uint8_t>(random()),
                    .source = static_cast<std::uint16_t>(random() % 64),
                    .pasid = static_cast<std::uint32_t>(random() % 3 == 0 ? random() : lab::no_pasid),
                    .address = random() >> random() % 64,
                    .length = random() >> random() % 64,
                    .result = random() >> random() % 64,
                    .detail = random() >> random() % 64,
                    .code = static_cast<std::uint32_t>(random() >> random() % 64),
                    .thread = static_cast<std::uint32_t>(random() % 8)};
        if (i % 100 == 0) event.address = event.length = event.result = ~std::uint64_t{0};
        if (i % 500 == 499) event.time = 0;
        trace.events.push_back(event);
    }
    return trace;
}

Trace named(std::string_view name) {
    if (name == "large") return large(200'000);
    if (name == "million") return large(1'000'000);
    if (name == "unmaps") return unmaps();
    if (name == "overlaps") return overlaps(200'000);
    if (name == "empty") return empty();
    if (name == "hostile") return hostile();
    return small();
}

}  // namespace remap::tools::sample
