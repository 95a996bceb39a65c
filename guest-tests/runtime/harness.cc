// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/harness.h"

#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/process.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"
#include "guest-tests/runtime/watchdog.h"

#include <cstring>

extern "C" {
extern const remap::guest::TestCase* const test_cases_begin[];
extern const remap::guest::TestCase* const test_cases_end[];
[[gnu::weak]] remap::guest::Verdict guest_program();
}

namespace remap::guest {

namespace {

constexpr std::uint64_t longest_case_seconds = 20;

// TAP wants a case's diagnostics behind its result, which is not known before the end.
char diagnostics[64 * 1024];
std::size_t diagnostics_length;
bool failed;

void add_line(const char* text) {
    diagnostics_length +=
        format(diagnostics + diagnostics_length, sizeof diagnostics - diagnostics_length, "# %s\n", text);
}

bool contains(const char* text, const char* part) {
    const std::size_t length = std::strlen(part);
    for (; std::strlen(text) >= length; ++text)
        if (std::memcmp(text, part, length) == 0) return true;
    return false;
}

bool wanted(const TestCase& test) {
    const char* only = option("only");
    return only == nullptr || contains(test.name, only);
}

bool run(const TestCase& test, unsigned number) {
    failed = false;
    diagnostics_length = 0;
    diagnostics[0] = '\0';
    Trap trap;
    watch(number_option("case_seconds", longest_case_seconds) * 1000);
    const Ending ending = call_guarded([](void* body) { reinterpret_cast<void (*)()>(body)(); },
                                       reinterpret_cast<void*>(test.body), &trap);
    watch(0);
    Process::resume_kernel();  // where a case ended early it may have been in another
    if (ending == Ending::Trapped) {
        failed = true;
        describe(trap, add_line);
    }
    print("%sok %u - %s\n%s", failed ? "not " : "", number, test.name, diagnostics);
    return !failed;
}

Verdict run_cases() {
    unsigned planned = 0;
    for (auto test = test_cases_begin; test != test_cases_end; ++test) planned += wanted(**test);
    print("TAP version 13\n1..%u\n", planned);
    const std::uint64_t begin = nanoseconds();
    unsigned number = 0, passed = 0;
    for (auto test = test_cases_begin; test != test_cases_end; ++test)
        if (wanted(**test)) passed += run(**test, ++number);
    print("# %u of %u cases passed in %lu ms\n", passed, planned, (nanoseconds() - begin) / 1'000'000);
    return planned != 0 && passed == planned ? Verdict::Pass : Verdict::Fail;
}

}  // namespace

void fail(const char* file, int line, const char* format_text, ...) {
    char text[512];
    const std::size_t length = format(text, sizeof text, "%s:%d: ", file, line);
    std::va_list arguments;
    va_start(arguments, format_text);
    vformat(text + length, sizeof text - length, format_text, arguments);
    va_end(arguments);
    add_line(text);
    failed = true;
}

void note(const char* format_text, ...) {
    char text[512];
    std::va_list arguments;
    va_start(arguments, format_text);
    vformat(text, sizeof text, format_text, arguments);
    va_end(arguments);
    add_line(text);
}

bool check(const char* file, int line, const char* text, bool value) {
    if (!value) fail(file, line, "expected: %s", text);
    return value;
}

Verdict run_image() { return guest_program != nullptr ? guest_program() : run_cases(); }

}  // namespace remap::guest
