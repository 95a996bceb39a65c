// SPDX-License-Identifier: MIT
#include "iommu/lab/segment.h"

#include "iommu/lab/attachment.h"
#include "iommu/lab/commands.h"
#include "iommu/lab/machines.h"
#include "iommu/lab/tests/bench.h"

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>

namespace remap::lab {
namespace {

using namespace test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::string path_of(const std::string& machine) { return "/dev/shm/" + place_of_machine(machine).name; }

std::unique_ptr<Segment> segment(const SegmentOptions& options = small_segment()) {
    auto result = Segment::create(options);
    EXPECT_TRUE(result) << result.error();
    return std::move(*result);
}

std::unique_ptr<Attachment> attach(const Segment& segment) {
    auto result = Attachment::open(place_of_machine(segment.name()));
    EXPECT_TRUE(result) << result.error();
    return std::move(*result);
}

const FoundMachine* found(const std::vector<FoundMachine>& machines, const std::string& name) {
    for (const FoundMachine& machine : machines) {
        if (machine.name == name) return &machine;
    }
    return nullptr;
}

// As a machine ends that is killed.
void die_with(const SegmentOptions& options) {
    Child child([&] {
        auto machine = segment(options);
        machine->recorder().record(even_event(1));
        (void)machine.release();
    });
    ASSERT_EQ(child.wait(), 0);
}

TEST(LabSegment, IsItsUsersAlone) {
    const auto machine = segment();
    struct stat status {};
    ASSERT_EQ(::stat(path_of(machine->name()).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(status.st_uid, ::geteuid());
}

TEST(LabSegment, IsThereForToolsAndGoesWithTheMachine) {
    auto machine = segment();
    const std::string name = machine->name();
    const auto tool = attach(*machine);
    EXPECT_EQ(tool->name(), name);
    EXPECT_EQ(tool->header().pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_TRUE(tool->is_running());
    machine->recorder().record(even_event(4));
    auto trace = TraceReader::open(tool->part(Part::Trace));
    ASSERT_TRUE(trace) << trace.error();
    EXPECT_EQ(read_all(*trace).size(), 1u);
    machine->counters().sources[0] = 0x2a;
    EXPECT_EQ(tool->part(Part::Counters)[0], std::byte{0x2a});
    machine.reset();
    EXPECT_FALSE(tool->is_running());
    EXPECT_FALSE(fs::exists(path_of(name)));
    EXPECT_FALSE(Attachment::open(place_of_machine(name)));
}

TEST(LabSegment, NamesThatCannotBeAreRefused) {
    for (const char* name : {"", "a/b", "-a", ".a", "a b", "\xc3\xa4"})
        EXPECT_FALSE(Segment::create(small_segment(name)));
    EXPECT_FALSE(Segment::create(small_segment(std::string(64, 'a'))));
}

TEST(LabSegment, ANameThatIsTakenIsAnErrorThatSaysSo) {
    const auto machine = segment();
    const auto second = Segment::create(small_segment(machine->name()));
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().find("another machine has this name"), std::string::npos) << second.error();
    EXPECT_TRUE(attach(*machine));
}

TEST(LabSegment, WhatADeadMachineLeftIsReplacedByTheNextOfItsName) {
    const auto options = small_segment();
    die_with(options);
    ASSERT_TRUE(fs::exists(path_of(options.name)));
    const auto machine = segment(options);
    ASSERT_TRUE(machine);
    auto trace = TraceReader::open(attach(*machine)->part(Part::Trace));
    EXPECT_TRUE(attach(*machine)->is_running());
}

TEST(LabSegment, ListsMachinesAndRemovesWhatDeadOnesLeft) {
    const auto running = segment();
    const auto dead = small_segment();
    die_with(dead);
    auto machines = find_machines();
    ASSERT_NE(found(machines, running->name()), nullptr);
    EXPECT_EQ(found(machines, running->name())->state, FoundMachine::State::Running);
    ASSERT_NE(found(machines, dead.name), nullptr);
    EXPECT_EQ(found(machines, dead.name)->state, FoundMachine::State::Removed);
    EXPECT_FALSE(fs::exists(path_of(dead.name)));
    EXPECT_EQ(found(find_machines(), dead.name), nullptr);
    EXPECT_TRUE(attach(*running)->is_running());
}

TEST(LabSegment, OthersModesAndSymbolicLinksAreRefusedAndStay) {
    const auto machine = segment();
    const std::string link = machine_name(), open_to_all = machine_name();
    fs::create_symlink(path_of(machine->name()), path_of(link));
    std::ofstream(path_of(open_to_all)) << "text";
    ::chmod(path_of(open_to_all).c_str(), 0644);
    for (const std::string& name : {link, open_to_all}) {
        EXPECT_FALSE(Attachment::open(place_of_machine(name)));
        EXPECT_FALSE(Segment::create(small_segment(name)));
        const auto machines = find_machines();
        ASSERT_NE(found(machines, name), nullptr);
        EXPECT_EQ(found(machines, name)->state, FoundMachine::State::Unusable);
        EXPECT_TRUE(fs::exists(path_of(name)));
        fs::remove(path_of(name));
    }
}

TEST(LabSegment, OneThatOthersMayOpenIsNotBelieved) {
    const auto machine = segment();
    EXPECT_TRUE(attach(*machine));
    ::chmod(path_of(machine->name()).c_str(), 0644);
    const auto tool = Attachment::open(place_of_machine(machine->name()));
    ASSERT_FALSE(tool);
    EXPECT_NE(tool.error().find("its mode is not 0600"), std::string::npos) << tool.error();
}

TEST(LabSegment, AnObjectThatIsSomethingElseIsLeftAlone) {
    const auto options = small_segment();
    std::ofstream(path_of(options.name)) << "somebody's eight bytes and more";
    ::chmod(path_of(options.name).c_str(), 0600);
    EXPECT_FALSE(Segment::create(options));
    EXPECT_FALSE(Attachment::open(place_of_machine(options.name)));
    (void)find_machines();
    EXPECT_TRUE(fs::exists(path_of(options.name)));
    fs::remove(path_of(options.name));
}

TEST(LabSegment, AFileOutlivesItsMachine) {
    auto options = small_segment();
    options.file = fs::temp_directory_path() / (options.name + ".lab");
    {
        const auto machine = segment(options);
        machine->recorder().record(even_event(3));
        const auto second = Segment::create(options);
        EXPECT_FALSE(second);
    }
    const auto tool = Attachment::open({true, options.file});
    ASSERT_TRUE(tool) << tool.error();
    EXPECT_FALSE((*tool)->is_running());
    EXPECT_EQ((*tool)->header().stage, static_cast<std::uint32_t>(Stage::Ended));
    auto trace = TraceReader::open((*tool)->part(Part::Trace));
    ASSERT_TRUE(trace);
    EXPECT_EQ(read_all(*trace).size(), 1u);
    EXPECT_TRUE(segment(options)) << "an old file is replaced";
    fs::remove(options.file);
    std::ofstream(options.file) << "a letter to a friend";
    ::chmod(options.file.c_str(), 0600);
    EXPECT_FALSE(Segment::create(options));
    EXPECT_EQ(fs::file_size(options.file), 20u);
    fs::remove(options.file);
}

TEST(LabSegment, CutShortItCostsNobodyMoreThanWhatWasInIt) {
    auto machine = segment();
    machine->serve([](std::string_view) { return "{}"; });
    const auto tool = attach(*machine);
    machine->recorder().switch_on(true);
    machine->recorder().record(even_event(1));
    auto trace = TraceReader::open(tool->part(Part::Trace));
    ASSERT_TRUE(trace);
    ASSERT_EQ(::truncate(path_of(machine->name()).c_str(), 100), 0);
    machine->recorder().record(even_event(2));
    read_all(*trace);
    EXPECT_TRUE(machine->lost());
    EXPECT_TRUE(tool->lost());
    EXPECT_FALSE(tool->ask("{}", 300ms));
    for (int i = 0; i < 100 && machine->recorder().on(); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_FALSE(machine->recorder().on());
}

TEST(LabSegment, RefreshesAndAnswers) {
    Commands commands;
    std::atomic<unsigned> refreshed{0};
    const auto machine = segment();
    add_trace_commands(commands, machine->recorder());
    machine->serve([&](std::string_view text) { return commands.answer(text); }, [&] { ++refreshed; });
    const auto tool = attach(*machine);
    const auto answer = tool->ask(R"({"command":"trace","on":true})", 5s);
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(*answer, R"({"ok":true,"on":true,"recorded":0,"dropped":0})");
    EXPECT_TRUE(machine->recorder().on());
    for (int i = 0; i < 500 && refreshed < 2; ++i) std::this_thread::sleep_for(10ms);
    EXPECT_GE(refreshed, 2u);
}

// For a look afterwards: what was counted since the last time is in it.
TEST(LabSegment, RefreshesOnceMoreAtItsEnd) {
    std::atomic<unsigned> counted{0}, published{0}, refreshed{0};
    auto machine = segment();
    machine->serve([](std::string_view) { return "{}"; },
                   [&] {
                       published = counted.load();
                       ++refreshed;
                   });
    while (refreshed == 0) std::this_thread::yield();
    counted = 7;
    machine.reset();
    EXPECT_EQ(published, 7u);
}

TEST(LabSegment, AChildThatIsForkedDoesNotTakeItAway) {
    auto machine = segment();
    Child child([&] { machine.reset(); });
    EXPECT_EQ(child.wait(), 0);
    EXPECT_TRUE(attach(*machine)->is_running());
}

}  // namespace
}  // namespace remap::lab
