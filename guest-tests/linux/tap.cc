// SPDX-License-Identifier: MIT
#include "guest-tests/linux/tap.h"

#include "guest-tests/linux/host.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace remap::linux_guest {

namespace {

class TapReport final : public testing::EmptyTestEventListener {
    void OnTestProgramStart(const testing::UnitTest& program) override {
        say("TAP version 13");
        say("1.." + std::to_string(program.test_to_run_count()));
    }

    void OnTestPartResult(const testing::TestPartResult& result) override {
        if (!result.failed()) return;
        std::ostringstream text;
        text << (result.file_name() ? result.file_name() : "unknown file") << ":" << result.line_number() << ": "
             << result.message();
        std::istringstream lines(text.str());
        for (std::string line; std::getline(lines, line);) diagnostics_.push_back("# " + line);
    }

    void OnTestEnd(const testing::TestInfo& test) override {
        say((test.result()->Failed() ? "not ok " : "ok ") + std::to_string(++number_) + " - " + test.test_suite_name() +
            "." + test.name());
        for (const std::string& line : diagnostics_) say(line);
        diagnostics_.clear();
    }

    int number_ = 0;
    std::vector<std::string> diagnostics_;  // TAP wants them behind the result
};

}  // namespace

void report_in_tap() {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new TapReport);  // the list owns it
}

}  // namespace remap::linux_guest
