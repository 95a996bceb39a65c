// SPDX-License-Identifier: MIT
// What the callbacks find out about the driver: shown with the case that runs, and kept for it to look at.
#pragma once

#include "callbacks/core/ports.h"

#include <cstdint>
#include <optional>

namespace remap::guest {

class Reports final : public callbacks::ReportPort {
public:
    void report(const callbacks::Report& report) override;

    unsigned warnings() const { return warnings_; }
    unsigned bugchecks() const { return bugchecks_; }

    // The newest bugcheck since the last clear.
    struct Bugcheck {
        std::uint32_t code = 0;
        std::uint64_t parameter = 0;
    };
    std::optional<Bugcheck> last_bugcheck() const { return last_bugcheck_; }

    void clear() { *this = {}; }

private:
    unsigned warnings_ = 0;
    unsigned bugchecks_ = 0;
    std::optional<Bugcheck> last_bugcheck_;
};

// The machine's reports.
Reports& reports();

}  // namespace remap::guest
