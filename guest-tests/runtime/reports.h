// SPDX-License-Identifier: MIT
// What the callbacks find out about the driver: shown with the case that runs, and kept for it to look at.
#pragma once

#include "callbacks/core/ports.h"

#include <cstdint>
#include <optional>

namespace remap::guest {

class Reports final : public callbacks::ReportPort {
public:
    // A bugcheck ends what runs: the code in catch_bugcheck, else the case, which has failed.
    void report(const callbacks::Report& report) override;

    unsigned warnings() const { return warnings_; }
    unsigned bugchecks() const { return bugchecks_; }
    std::optional<callbacks::Check> last_warning() const { return last_warning_; }  // since the last clear

    void clear() { *this = {}; }

private:
    unsigned warnings_ = 0;
    unsigned bugchecks_ = 0;
    std::optional<callbacks::Check> last_warning_;
};

// The machine's reports.
Reports& reports();

using callbacks::Bugcheck;

// The machine stops: ends the code in catch_bugcheck, else the case, which has failed.
[[noreturn]] void stop_with(const Bugcheck& bugcheck, const char* what);

// Runs body() until it ends or meets a bugcheck, which is returned: then nothing of it is run any more, no destructor
// either, as on a machine that stopped.
std::optional<Bugcheck> catch_bugcheck_in(void (*call)(void*), void* context);
template <typename Body>
std::optional<Bugcheck> catch_bugcheck(Body body) {
    return catch_bugcheck_in([](void* context) { (*static_cast<Body*>(context))(); }, &body);
}

}  // namespace remap::guest
