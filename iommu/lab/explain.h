// SPDX-License-Identifier: MIT
// An explanation of the unit (iommu/engine/explanation.h) for people: what was asked, each entry with its address, its
// words, its fields by the manual's names and what the unit makes of it, how it ends, and what to do. As text, and as
// JSON for programs.
#pragma once

#include "iommu/engine/explanation.h"
#include "iommu/lab/entry_text.h"
#include "iommu/lab/objects.h"

#include <optional>
#include <string>
#include <vector>

namespace remap::lab {

struct ExplainedStep {
    EntryText entry;
    iommu::TableStep step;
};

struct Explained {
    std::string question;   // "write to 0x1234 by 00:02.0, untranslated, without PASID"
    std::string registers;  // what they say
    std::vector<ExplainedStep> steps;
    bool allowed = false;
    std::uint8_t reason = 0;           // of the specification; 0 when allowed
    std::string end;                   // how it ends, by the tables
    std::optional<std::string> stale;  // what caches say that the tables do not
    std::optional<std::string> owner;  // whose memory it is, if that is known
    std::string advice;                // one sentence
};

// The objects may be null.
Explained explain(const iommu::Explanation& told, const Objects* objects = nullptr);
Explained explain(const iommu::InterruptExplanation& told);

// Lines, each with its end. Looks of the unit that only set accessed and dirty bits are left out unless they decide.
std::string text_of(const Explained& explained);

// One object: question, registers, steps [{entry, section, address, words, fields, leads_to, ...}], allowed, reason,
// end, stale, owner, advice, and the text above. Numbers of 64 bits are texts with 0x.
std::string json_of(const Explained& explained);

}  // namespace remap::lab
