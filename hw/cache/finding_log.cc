// SPDX-License-Identifier: MIT
#include "hw/cache/finding_log.h"

namespace remap::cache {
namespace {

// The instruction that would have to be another, or that lacks one beside it.
std::uint64_t code_to_blame(const Finding& finding) {
    const bool by_load = finding.kind == FindingKind::StaleRead || finding.kind == FindingKind::StaleAliasRead;
    const std::optional<Origin>& origin = by_load ? finding.load : finding.store;
    return origin ? origin->code : 0;
}

}  // namespace

void FindingLog::add(const Finding& finding) {
    const std::pair key{finding.kind, code_to_blame(finding)};
    const auto known = numbers_.find(key);
    if (known != numbers_.end()) {
        ++findings_[known->second].count;
        ++repeats_;
    } else if (findings_.size() >= most_) {
        ++untold_;
    } else {
        numbers_.emplace(key, findings_.size());
        findings_.push_back(finding);
        port_.found(finding);
    }
}

}  // namespace remap::cache
