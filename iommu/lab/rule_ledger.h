// SPDX-License-Identifier: MIT
// Which rules a machine has and had, as a text in its control segment: what a trace's numbers of rules stand for, also
// when the machine is gone.
#pragma once

#include "base/result.h"
#include "iommu/lab/decisions.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace remap::lab {

struct RuleLedger {
    std::uint64_t seed = 0;
    std::vector<RuleRecord> rules;  // as Decisions::records gives them
};

std::string text_of(const RuleLedger& ledger);

// The text may be any bytes. The error is a sentence for people.
Result<RuleLedger, std::string> ledger_of(std::string_view text);

// Counts are newer in the table, which is written at each event (Decisions::publish_to): of rules that were not removed
// they are taken from there.
void take_counts(RuleLedger& ledger, std::span<const RuleCounter> table);

}  // namespace remap::lab
