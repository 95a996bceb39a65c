// SPDX-License-Identifier: MIT
// The hosted machine in a laboratory: rules act, tools see it, and everything is accounted for.
#include "hw/hosted/hosted_gpu.h"
#include "hw/hosted/tests/traced.h"
#include "hw/spec/gpu_packets.h"
#include "hw/spec/gpu_registers.h"

#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

namespace remap::hosted {
namespace {

using namespace gpu::spec;
using namespace std::chrono_literals;
using lab::Kind;
using tests::Traced;

template <typename Condition>
bool eventually(Condition condition) {
    for (int i = 0; i < 5000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(1ms);
    }
    return false;
}

std::string rule(const std::string& when, const std::string& deed) {
    return R"({"rules":[{"name":"a rule","when":{)" + when + R"(},"do":{)" + deed + "}}]}";
}

// A machine without an IOMMU, and a GPU whose ring is at 64 KiB.
struct Bench {
    explicit Bench(const std::string& rules) {
        auto created =
            Machine::create({.iommu = false, .laboratory = LaboratoryOptions{.rules = rules, .trace = true}});
        EXPECT_TRUE(created) << created.error();
        machine = std::move(*created);
        traced = std::make_unique<Traced>(*machine);
        gpu = machine->add_gpu({});
        start();
    }

    void start() {
        auto& registers = gpu->registers();
        registers.write(RingBase::offset, ring, 8);
        registers.write(RingSize::offset, 4, 4);
        registers.write(Control::offset, Control::Enable::mask, 4);
    }

    void run(std::initializer_list<Packet> packets) {
        std::uint32_t entry = 0;
        for (const Packet& packet : packets)
            ASSERT_TRUE(machine->memory().write({ring + packet_size * entry++}, &packet, sizeof packet));
        gpu->registers().write(RingTail::offset, entry, 4);
    }
    bool reaches(std::uint64_t value) {
        return eventually([&] { return gpu->registers().read(CompletedFence::offset, 8) == value; });
    }

    static constexpr std::uint64_t ring = 0x10000;
    std::unique_ptr<Machine> machine;
    std::unique_ptr<Traced> traced;
    HostedGpu* gpu = nullptr;
};

TEST(HostedLaboratory, IsNotThereUnlessAskedFor) {
    auto machine = Machine::create({});
    ASSERT_TRUE(machine);
    EXPECT_EQ((*machine)->laboratory(), nullptr);
}

TEST(HostedLaboratory, RulesThatAreNoneStopTheMachineWithASentence) {
    const auto machine = Machine::create({.laboratory = LaboratoryOptions{.rules = R"({"rules":[{}]})"}});
    ASSERT_FALSE(machine);
    EXPECT_NE(machine.error().find("rules:1:"), std::string::npos) << machine.error();
}

TEST(HostedLaboratory, MachinesOfOneProcessHaveNamesOfTheirOwnAndNoneIsUsedTwice) {
    auto first = Machine::create({.laboratory = LaboratoryOptions{}});
    auto second = Machine::create({.laboratory = LaboratoryOptions{}});
    ASSERT_TRUE(first && second);
    const std::string name = (*first)->laboratory()->station().name();
    EXPECT_EQ(name.rfind("hosted-", 0), 0u);
    EXPECT_NE(name, (*second)->laboratory()->station().name());
    EXPECT_FALSE(Machine::create({.laboratory = LaboratoryOptions{.name = name}}));
}

TEST(HostedLaboratory, AccessThatIsRefusedIsNotMade) {
    Bench bench(rule(R"("on":"dma","access":"write","nth":2)", R"("refuse":true)"));
    const std::uint32_t ones = 0xffff'ffff;
    EXPECT_TRUE(bench.machine->dma_write(0x20, {0x5000}, &ones, 4));
    EXPECT_FALSE(bench.machine->dma_write(0x20, {0x5004}, &ones, 4));
    EXPECT_TRUE(bench.machine->dma_write(0x20, {0x5008}, &ones, 4));
    std::uint32_t words[3] = {};
    ASSERT_TRUE(bench.machine->memory().read({0x5000}, words, sizeof words));
    EXPECT_EQ(words[0], ones);
    EXPECT_EQ(words[1], 0u);
    EXPECT_EQ(words[2], ones);

    const auto made = bench.traced->take(Kind::Dma);
    ASSERT_EQ(made.size(), 3u);
    EXPECT_EQ(made[0].result, 0x5000u);
    EXPECT_EQ(made[1].flags, lab::flag::write | lab::flag::refused | lab::flag::tampered);
    EXPECT_EQ(made[1].address, 0x5004u);
    EXPECT_EQ(made[1].source, 0x20);
    EXPECT_EQ(made[1].length, 4u);
    bench.traced->expect_accounted(1);
}

TEST(HostedLaboratory, BitIsTheOtherWayRoundAsItArrives) {
    Bench bench(rule(R"("on":"dma")", R"("flip-bit":9)"));
    const std::uint32_t zero = 0;
    EXPECT_TRUE(bench.machine->dma_write(0x20, {0x5000}, &zero, 4));
    EXPECT_EQ(zero, 0u);
    std::uint32_t word = 0;
    ASSERT_TRUE(bench.machine->memory().read({0x5000}, &word, 4));
    EXPECT_EQ(word, 0x200u);
    EXPECT_TRUE(bench.machine->dma_read(0x20, {0x5000}, &word, 4));
    EXPECT_EQ(word, 0u) << "flipped back on the way";
    bench.traced->expect_accounted(2);
}

TEST(HostedLaboratory, AccessThatIsDelayedTakesThatLong) {
    Bench bench(rule(R"("on":"dma","access":"read")", R"("delay":"40 ms")"));
    std::uint32_t word = 0;
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(bench.machine->dma_read(0x20, {0x5000}, &word, 4));
    EXPECT_GE(std::chrono::steady_clock::now() - before, 40ms);
    bench.traced->expect_accounted(1);
}

TEST(HostedLaboratory, EngineThatHangsGoesOnAfterAReset) {
    Bench bench(rule(R"("on":"packet","nth":2)", R"("hang":true)"));
    bench.run({gpu::spec::fence(system_memory(0x30000), 1), gpu::spec::fence(system_memory(0x30000), 2)});
    ASSERT_TRUE(bench.reaches(1));
    ASSERT_TRUE(
        eventually([&] { return bench.machine->laboratory()->station().decisions().counts()[0].injected == 1; }));
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(bench.gpu->registers().read(CompletedFence::offset, 8), 1u);

    bench.gpu->reset();
    bench.start();
    bench.run({gpu::spec::fence(system_memory(0x30000), 3)});
    EXPECT_TRUE(bench.reaches(3));
    const auto events = bench.traced->take();
    EXPECT_EQ(std::ranges::count(events, Kind::Packet, &lab::Event::kind), 3);
    EXPECT_EQ(std::ranges::count(events, Kind::Reset, &lab::Event::kind), 1);
    bench.traced->expect_accounted(1);
}

TEST(HostedLaboratory, DeviceThatIsPulledOutIsAllOnesAndSilent) {
    Bench bench(rule(R"("on":"dma","device":"00:04.0","nth":1)", R"("remove":{"device":"00:02.0"})"));
    std::uint32_t other = 0;
    EXPECT_TRUE(bench.machine->dma_read(0x20, {0x5000}, &other, 4));
    ASSERT_TRUE(eventually([&] { return bench.gpu->is_unplugged(); }));
    EXPECT_EQ(bench.gpu->registers().read(CompletedFence::offset, 8), ~std::uint64_t{0});
    EXPECT_EQ(bench.gpu->registers().read(RingTail::offset, 4), 0xffff'ffffu);
    bench.run({gpu::spec::fence(system_memory(0x30000), 9)});
    std::this_thread::sleep_for(20ms);
    std::uint64_t word = 0;
    ASSERT_TRUE(bench.machine->memory().read({0x30000}, &word, 8));
    EXPECT_EQ(word, 0u);
    bench.traced->expect_accounted(1);
}

TEST(HostedLaboratory, InterruptsAreLostAndComeUnasked) {
    Bench bench(R"({"rules":[{"name":"lost","when":{"on":"interrupt","nth":1},"do":{"drop":true}},
                             {"name":"unasked","when":{"on":"dma","device":"00:04.0"},
                              "do":{"interrupt":{"device":"00:02.0","vector":3}}}]})");
    bench.gpu->registers().write(InterruptMask::offset, 0, 4);
    bench.run({gpu::spec::fence(system_memory(0x30000), 1, true)});
    ASSERT_TRUE(bench.reaches(1));
    ASSERT_TRUE(
        eventually([&] { return bench.machine->laboratory()->station().decisions().counts()[0].injected == 1; }));
    for (unsigned vector = 0; vector < gpu::Gpu::interrupt_vectors; ++vector)
        EXPECT_EQ(bench.gpu->interrupts(vector), 0u);

    std::uint32_t word = 0;
    EXPECT_TRUE(bench.machine->dma_read(0x20, {0x5000}, &word, 4));
    EXPECT_TRUE(eventually([&] { return bench.gpu->interrupts(3) == 1; }));
    const auto interrupts = bench.traced->take(Kind::Interrupt);
    ASSERT_EQ(interrupts.size(), 1u);
    EXPECT_NE(interrupts[0].flags & lab::flag::refused, 0);
    bench.traced->expect_accounted(2);
}

TEST(HostedLaboratory, ToolsChangeRulesAndTheTrace) {
    Bench bench("");
    std::uint32_t word = 0;
    EXPECT_NE(bench.traced
                  ->ask(R"({"command":"rules-add",
                            "rules":"{\"rules\":[{\"name\":\"no\",\"when\":{\"on\":\"dma\"},\"do\":{\"refuse\":true}}]}"})")
                  .find(R"("ok":true)"),
              std::string::npos);
    EXPECT_FALSE(bench.machine->dma_read(0x20, {0x5000}, &word, 4));
    EXPECT_NE(bench.traced->ask(R"({"command":"rules-show"})").find("refuse"), std::string::npos);
    bench.traced->expect_accounted(1);
    EXPECT_NE(bench.traced->ask(R"({"command":"rules-remove","name":"no"})").find(R"("ok":true)"), std::string::npos);
    EXPECT_TRUE(bench.machine->dma_read(0x20, {0x5000}, &word, 4));

    (void)bench.traced->take();
    EXPECT_NE(bench.traced->ask(R"({"command":"trace","on":false})").find(R"("ok":true)"), std::string::npos);
    EXPECT_TRUE(bench.machine->dma_read(0x20, {0x5000}, &word, 4));
    EXPECT_EQ(bench.traced->take(Kind::Dma).size(), 0u);
    EXPECT_NE(bench.traced->ask(R"({"command":"anything"})").find(R"("ok":false)"), std::string::npos);
}

TEST(HostedLaboratory, FileOutlivesTheMachine) {
    const std::string file = testing::TempDir() + "hosted-laboratory-" + std::to_string(::getpid());
    std::filesystem::remove(file);
    {
        auto machine = Machine::create({.iommu = false, .laboratory = LaboratoryOptions{.file = file, .trace = true}});
        ASSERT_TRUE(machine) << machine.error();
        std::uint32_t word = 0;
        EXPECT_TRUE((*machine)->dma_read(0x20, {0x5000}, &word, 4));
    }
    auto left = lab::Attachment::open({.is_file = true, .name = file});
    ASSERT_TRUE(left) << left.error();
    auto reader = lab::TraceReader::open((*left)->part(lab::Part::Trace));
    ASSERT_TRUE(reader);
    std::vector<lab::Event> events;
    reader->read(events, 100);
    EXPECT_EQ(std::ranges::count(events, Kind::Dma, &lab::Event::kind), 1);
    std::filesystem::remove(file);
}

}  // namespace
}  // namespace remap::hosted
