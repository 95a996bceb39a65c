// SPDX-License-Identifier: MIT
#include "callbacks/vtd/fault_inbox.h"

#include <algorithm>

namespace remap::callbacks {

vtd_driver::Fault FaultInbox::remove(std::size_t index) {
    const vtd_driver::Fault fault = kept_[index];
    std::copy(kept_.begin() + index + 1, kept_.begin() + count_, kept_.begin() + index);
    --count_;
    return fault;
}

// As many as fit, so that a device which faults without end does not keep anybody here.
void FaultInbox::fetch() {
    for (std::size_t i = 0; i < most; ++i) {
        const auto fault = unit_.take_fault();
        if (!fault) return;
        if (count_ == most) (void)remove(0);
        kept_[count_++] = *fault;
    }
}

std::optional<vtd_driver::Fault> FaultInbox::take() {
    if (count_ == 0) fetch();
    if (count_ == 0) return std::nullopt;
    return remove(0);
}

std::optional<vtd_driver::Fault> FaultInbox::take_of(std::span<const std::uint16_t> sources) {
    fetch();
    for (std::size_t i = 0; i < count_; ++i)
        if (std::find(sources.begin(), sources.end(), kept_[i].source) != sources.end()) return remove(i);
    return std::nullopt;
}

}  // namespace remap::callbacks
