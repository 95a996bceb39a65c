// SPDX-License-Identifier: MIT
// A machine in a laboratory as tools see it: its trace, and what it answers.
#pragma once

#include "hw/hosted/machine_lab.h"
#include "iommu/lab/attachment.h"
#include "iommu/lab/trace_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace remap::hosted::tests {

class Traced {
public:
    explicit Traced(Machine& machine) : lab_(*machine.laboratory()) {
        auto attachment = lab::Attachment::open(lab::place_of_machine(lab_.station().name()));
        EXPECT_TRUE(attachment) << attachment.error();
        attachment_ = std::move(*attachment);
        auto reader = lab::TraceReader::open(attachment_->part(lab::Part::Trace));
        EXPECT_TRUE(reader) << reader.error();
        reader_ = std::move(*reader);
    }

    // What has come since the last call, by its time.
    std::vector<lab::Event> take() {
        std::vector<lab::Event> events;
        while (reader_.read(events, 4096) == 4096) {
        }
        EXPECT_EQ(reader_.loss().total(), 0u);
        for (const lab::Event& event : events) injections_ += event.kind == lab::Kind::Injection;
        return events;
    }

    // The same, of one kind.
    std::vector<lab::Event> take(lab::Kind kind) {
        std::vector<lab::Event> events = take();
        std::erase_if(events, [&](const lab::Event& event) { return event.kind != kind; });
        return events;
    }

    std::string ask(const std::string& request) {
        const auto answer = attachment_->ask(request, std::chrono::seconds(10));
        EXPECT_TRUE(answer) << answer.error();
        return answer ? *answer : "";
    }

    // Injected = written to the trace = counted. What acts besides an event comes a little later.
    void expect_accounted(std::uint64_t injections) {
        const auto written = [&] { return (void)take(), injections_ >= injections; };
        for (int i = 0; i < 5000 && !written(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        EXPECT_EQ(injections_, injections);
        std::uint64_t counted = 0;
        for (unsigned row = 0; row < lab::CounterTable::rows; ++row)
            counted += lab_.station().counters().total(row, lab::Count::Injections);
        EXPECT_EQ(counted, injections);
        std::uint64_t by_rule = 0;
        for (const lab::RuleCount& count : lab_.station().decisions().counts()) by_rule += count.injected;
        EXPECT_EQ(by_rule, injections);
    }

private:
    MachineLab& lab_;
    std::unique_ptr<lab::Attachment> attachment_;
    lab::TraceReader reader_;
    std::uint64_t injections_ = 0;
};

}  // namespace remap::hosted::tests
