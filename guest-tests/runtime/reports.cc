// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/reports.h"

#include "guest-tests/runtime/test.h"

namespace remap::guest {

namespace {

Reports machine_reports;

}  // namespace

Reports& reports() { return machine_reports; }

void Reports::report(const callbacks::Report& report) {
    if (report.severity == callbacks::Severity::Warning) {
        ++warnings_;
        note("warning: %s", report.message);
        return;
    }
    ++bugchecks_;
    last_bugcheck_ = Bugcheck{report.code, report.parameter};
    note("bugcheck %x, parameter %lx: %s", report.code, report.parameter, report.message);
}

}  // namespace remap::guest
