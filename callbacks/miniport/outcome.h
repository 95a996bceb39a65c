// SPDX-License-Identifier: MIT
// How a conversation with a driver went: a status, and a sentence for people when it failed.
#pragma once

#include "callbacks/core/findings.h"
#include "callbacks/ddk/dispmprt.h"

namespace remap::miniport {

struct Outcome {
    NTSTATUS status = STATUS_SUCCESS;
    callbacks::Text why;  // names the DDI, or the capability, and what is wrong with it

    bool ok() const { return NT_SUCCESS(status); }
};

inline Outcome failure(NTSTATUS status, const char* words) {
    Outcome outcome{status, {}};
    outcome.why.add(words);
    return outcome;
}

}  // namespace remap::miniport
