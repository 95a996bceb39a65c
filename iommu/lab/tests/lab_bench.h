// SPDX-License-Identifier: MIT
// A unit in a laboratory: tables, descriptors and registers are hex words of the manual, the trace is read as tools
// read it.
#pragma once

#include "iommu/lab/laboratory.h"
#include "iommu/lab/trace_reader.h"
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

namespace remap::lab {

class FakePort final : public MachinePort {
public:
    std::uint64_t now() override { return time; }
    void wait(std::uint64_t nanoseconds) override { waits.push_back(nanoseconds); }
    void call_later(std::uint64_t nanoseconds) override { timer = time + nanoseconds; }
    bool raise(std::uint16_t source, std::uint32_t vector) override {
        if (source != device) return false;
        raised.push_back(vector);
        return true;
    }
    bool remove(std::uint16_t source) override {
        if (source != device) return false;
        ++removals;
        return true;
    }

    std::uint16_t device = 0x10;
    std::uint64_t time = 0;
    std::optional<std::uint64_t> timer;
    std::vector<std::uint64_t> waits;
    std::vector<std::uint32_t> raised;
    unsigned removals = 0;
};

class FakeDevices final : public iommu::DevicePort {
public:
    void invalidate(const iommu::DeviceInvalidation& invalidation) override { invalidations.push_back(invalidation); }
    void answer(const iommu::PageAnswer& answer) override { answers.push_back(answer); }
    void start_timer() override { ++timers; }

    std::vector<iommu::DeviceInvalidation> invalidations;
    std::vector<iommu::PageAnswer> answers;
    unsigned timers = 0;
};

class Trace {
public:
    Trace() {
        const TraceShape shape{.own_lanes = 2, .shared_lanes = 2, .lane_bytes = least_lane_bytes};
        memory_.reset(static_cast<std::byte*>(std::aligned_alloc(4096, shape.bytes())));
        std::fill_n(memory_.get(), shape.bytes(), std::byte{0});
        const std::span<std::byte> all(memory_.get(), shape.bytes());
        EXPECT_EQ(recorder.use(all, shape), "");
        auto opened = TraceReader::open(all);
        EXPECT_TRUE(opened);
        reader_ = std::move(*opened);
    }

    // What has come since the last call.
    std::vector<Event> take() {
        std::vector<Event> events;
        reader_.read(events, 10000);
        EXPECT_EQ(reader_.loss().total(), 0u);
        return events;
    }

private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::unique_ptr<std::byte, Free> memory_;
    TraceReader reader_;

public:
    Recorder recorder;
};

// Source 10h, without a PASID: addresses 0 to FFFh are page 55000h, 1000h to 1FFFh page 56000h, nothing else is there.
class Lab : public testing::Test {
protected:
    static constexpr std::uint64_t queue = 0x20000, status = 0x30000, requests = 0x40000;
    static constexpr std::uint64_t wait_all = 0x1234567800000035;
    static constexpr std::uint16_t device = 0x10;

    Lab() {
        laboratory.attach(unit);
        for (const auto& [at, word] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
                 {0x10000, 0x11001},  // root entry of bus 0
                 {0x11200, 0x1201d},  // context entry: P, DTE, PASIDE, PRE
                 {0x12000, 0x13001},  // PASID directory
                 {0x13000, 0x14085},
                 {0x13008, 7},  // PASID 0: second stage of domain 7
                 {0x14000, 0x15003},
                 {0x15000, 0x16003},  // levels 3 and 2
                 {0x16000, 0x55003},
                 {0x16008, 0x56003},  // level 1
                 {0x50000 + 16 * 4, 0x00410005},
                 {0x50000 + 16 * 4 + 8, 0},  // interrupt entry 4
             })
            ram.set(at, word);
        write64(0x90, queue | 0x800);  // 256-bit descriptors
        write32(0x18, 0x04000000);     // QIE
        write64(0x20, 0x10400);        // scalable mode
        write32(0x18, 0x44000000);     // SRTP
        write64(0xd0, requests);
        write64(0xa0, 0x405100000000);  // IEDATA, and not masked
        write64(0xa8, 0xfee00000);
        write32(0x18, 0x84000000);  // TE
        laboratory.rules_changed();
    }

    std::uint64_t read32(std::uint64_t offset) { return unit.read(offset, 4); }
    std::uint64_t read64(std::uint64_t offset) { return unit.read(offset, 8); }
    void write32(std::uint64_t offset, std::uint64_t value) { unit.write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) { unit.write(offset, value, 8); }

    static Rule rule(Kind kind, const Order& what, const char* name = "a rule") {
        Rule made{.name = name, .when = {}, .what = what};
        made.when.pattern.kind = kind;
        return made;
    }
    void use(const std::vector<Rule>& rules) {
        ASSERT_EQ(decisions.replace({.seed = 1, .rules = rules}), "");
        laboratory.rules_changed();
        trace.take();
    }
    void remove(const char* name) {
        ASSERT_EQ(decisions.remove(name), "");
        laboratory.rules_changed();
    }

    iommu::Request request(std::uint64_t address = 0, iommu::Access access = iommu::Access::Read) {
        return {.source = {device}, .address = {address}, .access = access};
    }
    iommu::Translation access(std::uint64_t address = 0) {
        const iommu::Request one = request(address);
        const iommu::Translation answer = unit.translate(one);
        laboratory.translated(one, answer);
        return answer;
    }
    static Event dma(std::uint64_t address = 0, std::uint64_t bytes = 64) {
        return {.kind = Kind::Dma, .source = device, .address = address, .length = bytes};
    }

    void put(std::uint64_t low, std::uint64_t high = 0) {
        ram.set(queue + tail, low);
        ram.set(queue + tail + 8, high);
        ram.set(queue + tail + 16, 0);
        ram.set(queue + tail + 24, 0);
        tail = (tail + 32) % 4096;
    }
    void submit() { write64(0x88, tail); }
    void put_all(std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> descriptors) {
        for (const auto& [low, high] : descriptors) put(low, high);
        submit();
    }
    void forget_translations() { put_all({{0x12, 0}}); }
    void tell_device() { put_all({{std::uint64_t{device} << 32 | 3, 0x1000}}); }
    void answer_page(unsigned group) { put_all({{std::uint64_t{device} << 16 | 9, std::uint64_t{group} << 3}}); }
    bool waited() { return (ram.get(status) & 0xffffffff) == 0x12345678; }
    std::uint64_t head() { return read64(0x80); }

    void expire_timer() {
        ASSERT_TRUE(port.timer);
        port.time = std::max(port.time, *port.timer);
        port.timer.reset();
        laboratory.timer_expired();
    }

    // The injections that have come since, and nothing else of the trace.
    std::vector<Event> injections() {
        std::vector<Event> found;
        for (const Event& event : trace.take())
            if (event.kind == Kind::Injection) found.push_back(event);
        return found;
    }
    // That there is exactly one, of the first rule, for the n-th time.
    void expect_one(Deed deed, Kind kind, std::uint64_t number = 1) {
        const std::vector<Event> found = injections();
        ASSERT_EQ(found.size(), 1u);
        EXPECT_EQ(found[0].code, decisions.records().front().number);
        EXPECT_EQ(found[0].detail, number);
        EXPECT_EQ(found[0].length, static_cast<std::uint64_t>(deed));
        EXPECT_EQ(found[0].result, static_cast<std::uint64_t>(kind));
    }

    Decisions decisions{[](void* port) { return static_cast<FakePort*>(port)->time; }, &port};
    Trace trace;
    std::unique_ptr<Counters> counters = std::make_unique<Counters>();
    FakePort port;
    Laboratory laboratory{decisions, trace.recorder, *counters, port};
    test::Ram ram;
    test::Interrupts interrupts;
    FakeDevices devices;
    iommu::Iommu unit{{.scalable = true, .device_tlb = true, .page_requests = true, .interrupt_remapping = true},
                      laboratory.around({.memory = ram, .interrupts = interrupts, .devices = &devices})};
    std::uint64_t tail = 0;
};

}  // namespace remap::lab
