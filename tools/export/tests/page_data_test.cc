// SPDX-License-Identifier: MIT
// What the page is told, before a browser sees it.
#include "tools/export/page.h"

#include "tools/export/tests/sample_trace.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <vector>

namespace remap::tools {
namespace {

using lab::Kind;

std::string page_of(const sample::Trace& trace, const PageLimits& limits = {}) {
    std::ostringstream out;
    write_page(out, trace.events, trace.context, limits);
    return out.str();
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
    const std::size_t begin = text.find(before) + before.size();
    return text.substr(begin, text.find(after, begin) - begin);
}

rapidjson::Document data_of(const sample::Trace& trace, const PageLimits& limits = {}) {
    rapidjson::Document data;
    data.Parse(between(page_of(trace, limits), "<script id=\"data\" type=\"application/json\">", "</script>").c_str());
    EXPECT_FALSE(data.HasParseError());
    return data;
}

std::uint64_t sum_of_bins(const rapidjson::Document& data, rapidjson::SizeType column) {
    std::uint64_t sum = 0;
    for (const auto& lane : data["lanes"].GetArray())
        for (const auto& bin : lane["bins"].GetArray()) sum += bin[column].GetUint64();
    return sum;
}
std::uint64_t binned(const rapidjson::Document& data) { return sum_of_bins(data, 1); }

TEST(PageData, EveryEventOfASmallTraceIsThere) {
    const sample::Trace trace = sample::small();
    const auto data = data_of(trace);
    const auto& events = data["events"];
    for (const char* column : {"time", "lane", "weight", "text"}) EXPECT_EQ(events[column].Size(), trace.events.size());
    EXPECT_EQ(binned(data), 0u);
    EXPECT_EQ(events["time"][0].GetUint64(), 0u);
    EXPECT_EQ(data["nanoseconds"].GetUint64(), trace.events.back().time - trace.events.front().time);
}

TEST(PageData, OfManyEventsTheUnusualOnesAreThereAndTheOthersCounted) {
    const sample::Trace trace = sample::large(10'000);
    const auto data = data_of(trace, {.common = 1000, .bins = 64});
    const auto kept = data["events"]["weight"].GetArray();
    EXPECT_TRUE(std::none_of(kept.begin(), kept.end(), [](const auto& weight) { return weight.GetUint() == 0; }));
    EXPECT_EQ(kept.Size() + binned(data), trace.events.size());
    EXPECT_EQ(data["binnedCommon"].GetUint64(), binned(data));
    EXPECT_EQ(sum_of_bins(data, 2), 0u) << "no notable event is counted that is listed";
    const auto injections = std::count_if(trace.events.begin(), trace.events.end(),
                                          [](const auto& event) { return event.kind == Kind::Injection; });
    EXPECT_EQ(std::count_if(kept.begin(), kept.end(), [](const auto& weight) { return weight.GetUint() == 3; }),
              injections);
}

TEST(PageData, AFloodOfFaultsIsBoundedAndNothingIsUncounted) {
    const sample::Trace trace = sample::large(10'000);
    const auto data =
        data_of(trace, {.common = 10, .notable = 20, .bins = 8, .lanes = 3, .spaces = 1, .ranges = 2, .past = 3});
    EXPECT_LE(data["events"]["time"].Size(), 40u);
    EXPECT_EQ(data["events"]["time"].Size() + binned(data), trace.events.size());
    EXPECT_GT(data["binnedNotable"].GetUint64(), 0u);
    EXPECT_EQ(data["lanes"].Size(), 3u);
    ASSERT_EQ(data["spaces"].Size(), 1u);
    EXPECT_LE(data["spaces"][0]["used"].Size(), 7u) << "two, three that were, and two of all before";
    EXPECT_GT(data["moreSpaces"].GetUint64(), 0u);
}

TEST(PageData, TheMapSaysWhereEachPageLedAndWhoseItIs) {
    const auto data = data_of(sample::small());
    const auto& gpu = data["spaces"][0];
    EXPECT_STREQ(gpu["owner"].GetString(), "00:02.0 GPU");
    const auto& first = gpu["used"][0];
    EXPECT_EQ(first[9].GetInt(), -1) << "still mapped";
    EXPECT_STREQ(first[0].GetString(), "0x100000");
    EXPECT_STREQ(first[1].GetString(), "0x10ffff");
    EXPECT_STREQ(first[2].GetString(), "0x40000000");
    EXPECT_STREQ(data["objects"][first[6].GetString()].GetString(), "object 9, allocation");
    EXPECT_EQ(gpu["reachable"].Size(), 2u);
    EXPECT_STREQ(gpu["troubles"][0][0].GetString(), "0x103000");
    EXPECT_EQ(gpu["troubles"][0][4].GetUint64(), 3u) << "stale uses";
    EXPECT_STREQ(gpu["troubles"][1][0].GetString(), "0x108000");
    EXPECT_EQ(gpu["troubles"][1][3].GetUint64(), 1u) << "injections";
}

TEST(PageData, TheMapSaysFromWhenToWhen) {
    const auto data = data_of(sample::unmaps());
    const auto& mapped = data["spaces"][0]["mapped"];
    const auto of = [&](const char* first) {
        std::vector<std::array<std::int64_t, 3>> spans;
        for (const auto& range : mapped.GetArray())
            if (range[0] == first) spans.push_back({range[8].GetInt64(), range[9].GetInt64(), range[10].GetInt64()});
        return spans;
    };
    using Spans = std::vector<std::array<std::int64_t, 3>>;
    EXPECT_EQ(of("0x100000"), (Spans{{0, -1, 0}}));
    EXPECT_EQ(of("0x102000"), (Spans{{0, 10'000, 1}}));
    EXPECT_EQ(of("0x106000"), (Spans{{0, 20'000, 1}}));
    EXPECT_EQ(of("0x108000"), (Spans{{1'000, 20'000, 1}})) << "the same Unmap, another Map";
    EXPECT_EQ(of("0x200000"), (Spans{{50'000, -1, 0}, {1'500, 50'000, 2}}));
    std::uint64_t strays = 0;
    for (const auto& range : data["spaces"][0]["used"].GetArray()) strays += (range[3].GetUint() & 8) != 0;
    EXPECT_EQ(strays, 1u) << "the use of a page that was unmapped";
    EXPECT_EQ(data["spaces"][0]["completeFrom"].GetUint64(), 0u);
}

TEST(PageData, AFloodOfOverlappingMappingsIsBounded) {
    const auto data = data_of(sample::overlaps(200'000));
    for (const char* kind : {"used", "mapped"}) EXPECT_LE(data["spaces"][0][kind].Size(), 768u);
    EXPECT_GT(data["spaces"][0]["completeFrom"].GetUint64(), 0u) << "and says what is missing";
}

TEST(PageData, RulesAreHeldAgainstTheInjectionsOfTheTrace) {
    sample::Trace trace = sample::small();
    trace.context.rules[0].acted = 5;
    trace.events.push_back({.time = trace.events.back().time, .kind = Kind::Injection, .code = 77});
    const auto data = data_of(trace);
    ASSERT_EQ(data["rules"].Size(), 3u);
    EXPECT_EQ(data["rules"][0]["acted"].GetUint64(), 5u);
    EXPECT_EQ(data["rules"][0]["seen"].GetUint64(), 1u);
    EXPECT_EQ(data["rules"][0]["moments"].Size(), 1u);
    EXPECT_EQ(data["rules"][1]["seen"].GetUint64(), 0u);
    EXPECT_EQ(data["rules"][2]["number"].GetUint64(), 77u) << "a rule that was removed since";
    EXPECT_FALSE(data["rules"][2].HasMember("acted"));
}

TEST(PageData, NoNameEndsTheScriptOrBeginsMarkup) {
    const sample::Trace trace = sample::hostile();
    const std::string page = page_of(trace);
    const std::string data = between(page, "type=\"application/json\">", "</script>");
    EXPECT_EQ(data.find_first_of("<>&"), std::string::npos);
    const auto parsed = data_of(trace);
    ASSERT_TRUE(parsed.IsObject());
    EXPECT_EQ(parsed["machine"].GetString(), trace.context.machine);
    std::size_t scripts = 0;
    for (std::size_t at = page.find("<script"); at != page.npos; at = page.find("<script", at + 1)) ++scripts;
    EXPECT_EQ(scripts, 2u);
}

TEST(PageData, ThePageNeedsNothingElse) {
    const std::string page = page_of(sample::small());
    for (const char* outside : {" src=", " href=", "https:", "@import", "fetch(", "import("})
        EXPECT_EQ(page.find(outside), page.npos) << outside;
    for (std::size_t at = page.find("url("); at != page.npos; at = page.find("url(", at + 1))
        EXPECT_EQ(page[at + 4], '#') << "a part of the page itself";
    EXPECT_NE(page.find("default-src 'none'"), page.npos);
}

TEST(PageData, AMillionEventsAreAPageOfAFewMegabytes) {
    EXPECT_LT(page_of(sample::large(1'000'000)).size(), 12u << 20);
}

}  // namespace
}  // namespace remap::tools
