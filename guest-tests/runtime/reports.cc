// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/reports.h"

#include "guest-tests/runtime/exceptions.h"
#include "guest-tests/runtime/test.h"

namespace remap::guest {

namespace {

Reports machine_reports;

struct Catcher {
    std::optional<Bugcheck> caught;
};
Catcher* innermost;

}  // namespace

Reports& reports() { return machine_reports; }

void Reports::report(const callbacks::Report& report) {
    const char* check = callbacks::text_of(report.check).name;
    const char* callback = callbacks::name_of(report.callback);
    if (report.severity == callbacks::Severity::Warning) {
        ++warnings_;
        last_warning_ = report.check;
        note("warning %s: %s from %p: %s. %s", check, callback, report.caller, report.message, report.advice);
        return;
    }
    ++bugchecks_;
    note("bugcheck %x (%lx) %s: %s from %p, object %lx with context %lx: %s. %s", report.code, report.parameters[0],
         check, callback, report.caller, report.object, report.context, report.message, report.advice);
    stop_with({report.check, report.code, report.parameters[0], report.callback, report.caller, report.object,
               report.context},
              check);
}

void stop_with(const Bugcheck& bugcheck, const char* what) {
    if (innermost != nullptr)
        innermost->caught = bugcheck;
    else
        fail("bugcheck", 0, "%s stops the machine", what);
    abandon_guarded_call();
}

std::optional<Bugcheck> catch_bugcheck_in(void (*call)(void*), void* context) {
    Catcher catcher;
    Catcher* const outer = innermost;
    innermost = &catcher;
    const Ending ending = call_guarded(call, context, nullptr);
    innermost = outer;
    if (ending == Ending::Abandoned && !catcher.caught) abandon_guarded_call();
    return catcher.caught;
}

}  // namespace remap::guest
