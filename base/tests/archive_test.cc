// SPDX-License-Identifier: MIT
// What is saved is loaded again, and whatever else is loaded is refused. The sanitizers see the rest.
#include "base/archive.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace remap {
namespace {

using Bytes = std::vector<std::byte>;

constexpr ArchiveFormat format{.kind = 0x44434241, .newest = 2, .oldest = 1};  // "ABCD"

enum class Colour : std::uint8_t { Red, Green, Blue };

struct Point {
    std::uint16_t x = 0;
    bool lit = false;
    friend bool operator==(const Point&, const Point&) = default;

    template <typename Archive>
    void state(Archive& archive) {
        archive("x", x);
        archive("lit", lit);
        archive.check(x != 0xdead, "x", "is dead");
    }
};

// One of everything that can be described.
struct Thing {
    std::uint32_t width = 4;  // what it is, not its state
    std::uint64_t big = 0;
    std::uint32_t level = 0;  // 0 to 5
    bool on = false;
    Colour colour = Colour::Red;
    Point point;
    std::array<std::uint16_t, 3> triple{};
    std::optional<std::uint32_t> maybe;
    std::vector<Point> points;  // at most 4
    std::uint8_t since_two = 0x77;
    friend bool operator==(const Thing&, const Thing&) = default;

    template <typename Archive>
    void state(Archive& archive) {
        archive.same("width", width);
        archive("big", big);
        archive("level", level, 5);
        archive("on", on);
        archive("colour", colour, Colour::Blue);
        archive("point", point);
        archive("triple", triple);
        archive("maybe", maybe);
        archive.list("points", points, 4);
        if (archive.since(2)) archive("since two", since_two);
    }
};

Thing example() {
    return {.width = 4,
            .big = 0x1122334455667788,
            .level = 5,
            .on = true,
            .colour = Colour::Blue,
            .point = {0xabcd, true},
            .triple = {1, 2, 3},
            .maybe = 0x99,
            .points = {{5, false}, {6, true}},
            .since_two = 0xee};
}

// The fields of example(), byte by byte.
const std::vector<unsigned> example_fields = {4,    0,    0,    0,                                   // width
                                              0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,        // big
                                              5,    0,    0,    0,                                   // level
                                              1,    2,                                               // on, colour
                                              0xcd, 0xab, 1,                                         // point
                                              1,    0,    2,    0,    3,    0,                       // triple
                                              1,    0x99, 0,    0,    0,                             // maybe
                                              2,    0,    0,    0,    5,    0,    0,    6,    0, 1,  // points
                                              0xee};                                                 // since two
constexpr std::size_t level_at = 12, on_at = 16, colour_at = 17, maybe_at = 27, points_at = 32;

Bytes save(Thing thing) {
    ArchiveWriter counter(format, {});
    counter("thing", thing);
    Bytes bytes(counter.finish());
    ArchiveWriter writer(format, bytes);
    writer("thing", thing);
    EXPECT_EQ(writer.finish(), bytes.size());
    return bytes;
}

ArchiveError load(std::span<const std::byte> bytes, Thing& thing) {
    // A copy of just this size: what is read behind it is seen by the sanitizers.
    const Bytes exact(bytes.begin(), bytes.end());
    ArchiveReader reader(format, exact);
    reader("thing", thing);
    return reader.finish();
}

// The checksum by its definition, bit by bit.
std::uint32_t plain_crc32(const Bytes& bytes) {
    std::uint32_t remainder = 0xffffffff;
    for (const std::byte byte : bytes)
        for (unsigned bit = 0; bit < 8; ++bit) {
            const bool odd = ((remainder ^ std::to_integer<std::uint32_t>(byte) >> bit) & 1) != 0;
            remainder = remainder >> 1 ^ (odd ? 0xedb88320 : 0);
        }
    return ~remainder;
}

void append(Bytes& bytes, std::uint32_t word) {
    for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<std::byte>(word >> 8 * i));
}

// A stream with a right head, whatever the fields are.
Bytes stream_of(const std::vector<unsigned>& fields, std::uint32_t version = 2, std::uint32_t kind = format.kind) {
    Bytes covered, stream;
    for (const std::uint32_t word : {kind, version, static_cast<std::uint32_t>(fields.size())}) append(covered, word);
    stream = covered;
    for (const unsigned byte : fields) covered.push_back(static_cast<std::byte>(byte));
    append(stream, plain_crc32(covered));
    stream.insert(stream.end(), covered.begin() + 12, covered.end());
    return stream;
}

void expect_refused(const Bytes& bytes, const char* part, const char* field, const char* problem) {
    Thing thing;
    const ArchiveError error = load(bytes, thing);
    ASSERT_TRUE(error) << part << ' ' << field << ' ' << problem;
    EXPECT_STREQ(error.part, part);
    EXPECT_STREQ(error.field, field);
    EXPECT_STREQ(error.problem, problem);
}

TEST(Archive, WritesWhatItsDescriptionSays) { EXPECT_EQ(save(example()), stream_of(example_fields)); }

TEST(Archive, LoadsWhatWasSaved) {
    Thing thing;
    EXPECT_FALSE(load(save(example()), thing));
    EXPECT_EQ(thing, example());
    EXPECT_FALSE(load(save(Thing{}), thing));
    EXPECT_EQ(thing, Thing{});
}

TEST(Archive, ChecksumIsThatOfTheStandard) {
    const char digits[] = "123456789";
    const auto bytes = std::as_bytes(std::span(digits, 9));
    EXPECT_EQ(crc32(0, bytes), 0xcbf43926u);
    EXPECT_EQ(crc32(crc32(0, bytes.first(4)), bytes.subspan(4)), 0xcbf43926u);
}

TEST(Archive, WritesNothingBehindTheSpanAndStillCounts) {
    Thing thing = example();
    const std::size_t needed = save(thing).size();
    for (std::size_t room = 0; room < needed; ++room) {
        Bytes bytes(room);
        ArchiveWriter writer(format, bytes);
        writer("thing", thing);
        EXPECT_EQ(writer.finish(), needed);
    }
}

TEST(Archive, AFieldOfALaterVersionKeepsItsValue) {
    const std::vector<unsigned> fields(example_fields.begin(), example_fields.end() - 1);
    Thing thing, expected = example();
    expected.since_two = thing.since_two;
    EXPECT_FALSE(load(stream_of(fields, 1), thing));
    EXPECT_EQ(thing, expected);
    expect_refused(stream_of(fields, 2), "thing", "since two", "is missing: the data ends before it");
}

TEST(Archive, RefusesOtherVersionsAndOtherModels) {
    expect_refused(stream_of(example_fields, 3), "stream", "version", "is newer than this model knows");
    expect_refused(stream_of(example_fields, 0), "stream", "version", "is older than this model still reads");
    expect_refused(stream_of(example_fields, 2, 0x44434240), "stream", "kind", "is that of another model");
}

TEST(Archive, RefusesValuesOutOfTheirBoundsAndKeepsTheOldOnes) {
    const auto with = [](std::size_t at, unsigned byte) {
        std::vector<unsigned> fields = example_fields;
        fields[at] = byte;
        return stream_of(fields);
    };
    const char* const bounds = "is out of its bounds";
    expect_refused(with(level_at, 6), "thing", "level", bounds);
    expect_refused(with(on_at, 2), "thing", "on", bounds);
    expect_refused(with(colour_at, 3), "thing", "colour", bounds);
    expect_refused(with(maybe_at, 0xff), "thing", "maybe", bounds);
    expect_refused(with(points_at, 5), "thing", "points", bounds);
    expect_refused(with(0, 5), "thing", "width", "differs from the one of this model");
    Thing thing;
    thing.level = 3;
    thing.points = {{9, true}};
    Thing expected = thing;
    expected.big = example().big;  // it comes before the error
    EXPECT_TRUE(load(with(level_at, 6), thing));
    EXPECT_EQ(thing, expected);
}

TEST(Archive, AnErrorIsDescribedInTheRoomThereIs) {
    const ArchiveError error{"part", "field", "is bad"};
    const std::string_view whole = "part: field is bad";
    for (std::size_t room = 0; room < 24; ++room) {
        std::vector<char> text(room, '?');
        describe(error, text);
        if (room == 0) continue;
        EXPECT_EQ(std::string(text.data()), whole.substr(0, room - 1));
    }
}

TEST(Archive, TheFirstErrorCountsAndNamesTheInnermostPart) {
    std::vector<unsigned> fields = example_fields;
    fields[colour_at + 1] = 0xad;
    fields[colour_at + 2] = 0xde;
    fields[points_at] = 99;
    expect_refused(stream_of(fields), "point", "x", "is dead");
}

TEST(Archive, AListNeverGrowsBeyondItsBoundNorBeyondTheData) {
    std::vector<unsigned> fields(example_fields.begin(), example_fields.begin() + points_at);
    fields.insert(fields.end(), {4, 0, 0, 0, 1, 2, 3});
    Thing thing;
    EXPECT_STREQ(load(stream_of(fields), thing).problem, "has more elements than there is data");
    EXPECT_TRUE(thing.points.empty());
    fields.resize(points_at);
    fields.insert(fields.end(), {0xff, 0xff, 0xff, 0xff});
    fields.resize(fields.size() + 64);
    EXPECT_STREQ(load(stream_of(fields), thing).problem, "is out of its bounds");
    EXPECT_TRUE(thing.points.empty());
}

TEST(Archive, AStreamCutAnywhereIsRefused) {
    const Bytes bytes = save(example());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        Thing thing;
        const ArchiveError error = load(std::span(bytes).first(length), thing);
        ASSERT_TRUE(error) << length << " bytes";
        EXPECT_STREQ(error.field, length < 16 ? "head" : "length") << length << " bytes";
        EXPECT_EQ(thing, Thing{}) << length << " bytes";
    }
}

TEST(Archive, FieldsCutAnywhereAreRefusedThoughTheHeadIsRight) {
    for (std::size_t length = 0; length < example_fields.size(); ++length) {
        const std::vector<unsigned> fields(example_fields.begin(), example_fields.begin() + length);
        Thing thing;
        EXPECT_TRUE(load(stream_of(fields), thing)) << length << " bytes";
    }
    std::vector<unsigned> fields = example_fields;
    fields.push_back(0);
    expect_refused(stream_of(fields), "stream", "data", "goes on behind the last field");
}

TEST(Archive, EveryFlippedBitIsFound) {
    const Bytes bytes = save(example());
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        Bytes damaged = bytes;
        damaged[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        Thing thing;
        EXPECT_TRUE(load(damaged, thing)) << "bit " << bit;
        EXPECT_EQ(thing, Thing{}) << "bit " << bit;
    }
}

TEST(Archive, RandomFieldsAreRefusedOrKeepEveryRule) {
    std::mt19937 random(1);
    unsigned accepted = 0;
    for (int round = 0; round < 200000; ++round) {
        std::vector<unsigned> fields = example_fields;
        const unsigned changes = 1 + random() % 3;
        for (unsigned i = 0; i < changes; ++i) fields[random() % fields.size()] = random() % (round % 2 == 0 ? 256 : 8);
        if (random() % 4 == 0) fields.resize(random() % 80);
        Thing thing;
        const ArchiveError error = load(stream_of(fields), thing);
        accepted += !error;
        EXPECT_LE(thing.level, 5u);
        EXPECT_LE(thing.colour, Colour::Blue);
        EXPECT_LE(thing.points.size(), 4u);
        if (error) {
            EXPECT_NE(std::strlen(error.part) * std::strlen(error.field), 0u);
        } else {
            EXPECT_NE(thing.point.x, 0xdead);
        }
    }
    EXPECT_GT(accepted, 1000u);  // some got past all rules
    for (int round = 0; round < 20000; ++round) {
        Bytes garbage(random() % 100);
        for (std::byte& byte : garbage) byte = static_cast<std::byte>(random());
        Thing thing;
        EXPECT_TRUE(load(garbage, thing));
    }
}

}  // namespace
}  // namespace remap
