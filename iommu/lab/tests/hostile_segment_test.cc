// SPDX-License-Identifier: MIT
// Another program of the same user may write anything into a segment at any time. Nobody crashes for it, owner or tool,
// and the owner's own books stay right. Random, and the same each time.
#include "iommu/lab/attachment.h"
#include "iommu/lab/commands.h"
#include "iommu/lab/machines.h"
#include "iommu/lab/names.h"
#include "iommu/lab/tests/bench.h"

#include <chrono>
#include <random>
#include <thread>

#include <fcntl.h>

namespace remap::lab {
namespace {

using namespace test;
using namespace std::chrono_literals;

std::string path_of(const Segment& segment) { return "/dev/shm/" + place_of_machine(segment.name()).name; }

// Writes as a stranger does: not through any mapping of ours.
class Stranger {
public:
    explicit Stranger(const Segment& segment) : descriptor_(::open(path_of(segment).c_str(), O_RDWR | O_CLOEXEC)) {
        bytes_ = static_cast<std::uint64_t>(::lseek(descriptor_, 0, SEEK_END));
    }
    ~Stranger() { ::close(descriptor_); }
    Stranger(const Stranger&) = delete;
    Stranger& operator=(const Stranger&) = delete;

    // Damages a place of this part: random words, or one bit.
    void damage(const PartPlace& part, std::mt19937_64& random) const {
        const std::uint64_t length = std::min<std::uint64_t>(part.bytes, random() % 4 == 0 ? part.bytes : 256);
        const std::uint64_t at = part.offset + (length == 0 ? 0 : random() % length) / 8 * 8;
        std::uint64_t word = 0;
        if (::pread(descriptor_, &word, sizeof word, static_cast<off_t>(at)) != sizeof word) return;
        word = random() % 2 == 0 ? word ^ std::uint64_t{1} << random() % 64 : random();
        (void)!::pwrite(descriptor_, &word, sizeof word, static_cast<off_t>(at));
    }
    std::uint64_t bytes() const { return bytes_; }

private:
    int descriptor_;
    std::uint64_t bytes_;
};

struct HostileSegment : testing::Test {
    std::mt19937_64 random{4};
    Commands commands;
    std::unique_ptr<Segment> machine = std::move(*Segment::create(small_segment()));  // asks the commands to its end
    SegmentHeader places;

    void SetUp() override {
        ASSERT_TRUE(machine);
        places = (*Attachment::open(place_of_machine(machine->name())))->header();
        add_trace_commands(commands, machine->recorder());
        machine->serve([this](std::string_view text) { return commands.answer(text); });
    }

    // What a tool does that comes upon it.
    void look() const {
        (void)find_machines();
        const auto tool = Attachment::open(place_of_machine(machine->name()));
        if (!tool) {
            EXPECT_FALSE(tool.error().empty());
            return;
        }
        auto trace = TraceReader::open((*tool)->part(Part::Trace));
        if (trace) {
            trace->end_here();
            std::vector<Event> events;
            for (int i = 0; i < 3; ++i) trace->read(events, 4 * small_lane);
            EXPECT_LE(events.size(), 5 * small_lane);
            for (const Event& event : events) EXPECT_LT(text_of(event).size(), 400u);
        }
        (void)(*tool)->ask(R"({"command":"trace"})", 3ms);
    }
};

TEST_F(HostileSegment, DamagedAnywhereItCostsNobodyMoreThanItsContents) {
    const Stranger stranger(*machine);
    std::uint64_t recorded = 0;
    for (int round = 0; round < 400; ++round) {
        const PartPlace part =
            random() % 5 == 0 ? PartPlace{0, sizeof(SegmentHeader)} : places.places[random() % parts];
        for (int i = 0; i < 4; ++i) stranger.damage(part, random);
        for (int i = 0; i < 50; ++i) machine->recorder().record(even_event(recorded++));
        machine->recorder().record_injection(even_event(recorded));
        if (round % 4 == 0) look();
    }
    EXPECT_EQ(machine->recorder().counts()[0].recorded, recorded);
    EXPECT_EQ(machine->recorder().counts().back().recorded, 400u);
    EXPECT_EQ(machine->recorder().counts().back().dropped, 0u);
}

// The mailbox goes on with whoever keeps to its rules, once the stranger is gone.
TEST_F(HostileSegment, TheMailboxSurvivesNonsense) {
    const Stranger stranger(*machine);
    for (int round = 0; round < 300; ++round) stranger.damage(places.place(Part::Mailbox), random);
    const auto tool = Attachment::open(place_of_machine(machine->name()));
    ASSERT_TRUE(tool) << tool.error();
    const auto answer = (*tool)->ask(R"({"command":"trace"})", 10s);
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->substr(0, 10), "{\"ok\":true");
}

TEST_F(HostileSegment, EachFieldOfTheHeaderIsChecked) {
    const int descriptor = ::open(path_of(*machine).c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(descriptor, 0);
    const auto attaches = [&](const SegmentHeader& header) {
        EXPECT_EQ(::pwrite(descriptor, &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
        return static_cast<bool>(Attachment::open(place_of_machine(machine->name())));
    };
    using Lie = void (*)(SegmentHeader&);
    const Lie lies[] = {
        [](SegmentHeader& header) { header.magic ^= 1; },
        [](SegmentHeader& header) { ++header.version; },
        [](SegmentHeader& header) { header.header_bytes += 8; },
        [](SegmentHeader& header) { header.bytes += 4096; },
        [](SegmentHeader& header) { header.name.fill('a'); },
        [](SegmentHeader& header) { header.name[0] = '\n'; },
        [](SegmentHeader& header) { header.name[0] = '\0'; },
        [](SegmentHeader& header) { header.build.fill('1'); },
        [](SegmentHeader& header) { header.build[0] = '\033'; },
        [](SegmentHeader& header) { header.places[0].offset += 8; },
        [](SegmentHeader& header) { header.places[0].offset = 0; },
        [](SegmentHeader& header) { header.places[1].bytes = ~std::uint64_t{0}; },
        [](SegmentHeader& header) { header.places[2].offset = ~std::uint64_t{4095}; },
        [](SegmentHeader& header) { header.places[2] = header.places[1]; },
        [](SegmentHeader& header) { header.places[3].bytes = 64; },
        [](SegmentHeader& header) { header.places[4].bytes -= 8; },
    };
    for (std::size_t i = 0; i < std::size(lies); ++i) {
        SegmentHeader header = places;
        lies[i](header);
        EXPECT_FALSE(attaches(header)) << "lie " << i;
    }
    EXPECT_TRUE(attaches(places));
    ::close(descriptor);
}

}  // namespace
}  // namespace remap::lab
