// SPDX-License-Identifier: MIT
#include "guest-tests/main_job/report.h"

#include "guest-tests/runtime/print.h"

#include <cstdarg>

namespace remap::guest::report {

namespace {

constexpr std::size_t longest_line = 160;
unsigned checks = 0;
unsigned failures = 0;

}  // namespace

void section(const char* title) { print("\n%s\n", title); }

void text(const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    print("  ");
    vprint(format, arguments);
    print("\n");
    va_end(arguments);
}

void figure(const char* label, const char* source, const char* format, ...) {
    char value[longest_line];
    std::va_list arguments;
    va_start(arguments, format);
    vformat(value, sizeof value, format, arguments);
    va_end(arguments);
    print("  %-14s %-66s [%s]\n", label, value, source);
}

bool check(bool holds, const char* format, ...) {
    char statement[longest_line];
    std::va_list arguments;
    va_start(arguments, format);
    vformat(statement, sizeof statement, format, arguments);
    va_end(arguments);
    ++checks;
    failures += !holds;
    print("  %s %s\n", holds ? "ok    " : "FAILED", statement);
    return holds;
}

bool silently(bool holds, const char* what) {
    if (!holds) return check(false, "%s", what);
    ++checks;
    return true;
}

Verdict verdict() {
    if (failures == 0) {
        print("\nverdict: PASS (%u checks)\n", checks);
    } else {
        print("\nverdict: FAIL (%u of %u checks failed)\n", failures, checks);
    }
    return failures == 0 ? Verdict::Pass : Verdict::Fail;
}

}  // namespace remap::guest::report
