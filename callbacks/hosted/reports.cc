// SPDX-License-Identifier: MIT
#include "callbacks/hosted/reports.h"

#include "callbacks/hosted/ports.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <dlfcn.h>

namespace remap::hosted {

namespace {

struct Catcher {
    std::jmp_buf place;
    std::optional<Finding> caught;
    Catcher* outer = nullptr;
    ThreadState state;
};

thread_local Catcher* innermost = nullptr;

std::string hexadecimal(std::uint64_t number) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
    return text;
}

std::string place_of(const void* address) {
    Dl_info info{};
    std::string text = hexadecimal(reinterpret_cast<std::uintptr_t>(address));
    if (::dladdr(address, &info) != 0 && info.dli_sname != nullptr) text += std::string(" in ") + info.dli_sname;
    return text;
}

}  // namespace

std::string describe(const Finding& finding) {
    const bool stops = finding.severity == callbacks::Severity::Bugcheck;
    std::string text = stops ? "*** bugcheck " + hexadecimal(finding.code) + " (" : "*** warning (";
    for (std::size_t i = 0; i < finding.parameters.size(); ++i)
        text += (i == 0 ? "" : ", ") + hexadecimal(finding.parameters[i]);
    const bool of_a_callback = finding.check != callbacks::Check{};
    text += of_a_callback ? std::string(") ") + callbacks::text_of(finding.check).name + "\n    " +
                                callbacks::name_of(finding.callback) + ": "
                          : ")\n    ";
    text += finding.message + "\n";
    if (finding.caller != nullptr) text += "    called from " + place_of(finding.caller) + "\n";
    if (finding.object != 0)
        text += "    object " + hexadecimal(finding.object) + ", Context " + hexadecimal(finding.context) + "\n";
    return finding.advice.empty() ? text : text + "    " + finding.advice + "\n";
}

Finding finding_of(const callbacks::Report& report) {
    return {report.severity, report.check,  report.code,    report.parameters, report.callback,
            report.caller,   report.object, report.context, report.message,    report.advice};
}

void Reports::report(const callbacks::Report& report) {
    const bool stops = report.severity == callbacks::Severity::Bugcheck && on_bugcheck_ == OnBugcheck::Stop;
    {
        const Finding finding = finding_of(report);
        if (stops) prepare_stop(finding);
        const std::lock_guard guard(lock_);
        kept_.push_back(finding);
    }
    if (stops) leave();  // nothing here is left to be destroyed
}

std::vector<Finding> Reports::all() const {
    const std::lock_guard guard(lock_);
    return kept_;
}

void Reports::clear() {
    const std::lock_guard guard(lock_);
    kept_.clear();
}

bool is_caught() { return innermost != nullptr; }

void prepare_stop(const Finding& finding) {
    if (innermost != nullptr)
        innermost->caught = finding;
    else
        std::fputs(describe(finding).c_str(), stderr);
}

void leave() {
    if (innermost == nullptr) std::abort();
    std::longjmp(innermost->place, 1);
}

std::optional<Finding> catch_bugcheck(const std::function<void()>& code) {
    // On the heap, as locals that change between setjmp and longjmp have no value after.
    const std::unique_ptr<Catcher> catcher(new Catcher);
    catcher->outer = innermost;
    innermost = catcher.get();
    catcher->state = thread_state();
    if (setjmp(catcher->place) == 0)
        code();
    else
        set_thread_state(catcher->state);
    innermost = catcher->outer;
    return std::move(catcher->caught);
}

}  // namespace remap::hosted
