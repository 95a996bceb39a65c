// SPDX-License-Identifier: MIT
#include "iommu/engine/stale_uses.h"

#include <algorithm>

namespace remap::iommu {

namespace {

bool same_case(const StaleUse& a, const StaleUse& b) {
    return a.parts == b.parts && (a.parts != 0 || a.cached_at == b.cached_at);
}

}  // namespace

void StaleUses::note(const StaleUse& use, std::uint64_t now) {
    settle(now);
    const auto end = cases_.begin() + open_;
    auto found = std::find_if(cases_.begin(), end, [&](const Case& one) { return same_case(one.use, use); });
    if (found == end) {
        if (open_ == most_cases) make_room();
        found = cases_.begin() + open_++;
        *found = {.use = use};
        found->use.uses = 0;
        found->use.first_used_at = now;
    }
    ++found->use.uses;
    if (found->decided) {
        ++stale_;
        if (reported_ - found->report <= most_cases) reports_[found->report % most_cases].uses = found->use.uses;
        tell(found->use);
    } else if (grace_ == 0) {
        decide(*found);
    }
}

void StaleUses::settle(std::uint64_t now) {
    for (std::size_t i = 0; i < open_; ++i) {
        if (!cases_[i].decided && now - cases_[i].use.first_used_at >= grace_) decide(cases_[i]);
    }
}

// Uses of the open cases that may still turn out to be late.
std::uint64_t StaleUses::undecided() const {
    std::uint64_t uses = 0;
    for (std::size_t i = 0; i < open_; ++i) uses += cases_[i].decided ? 0 : cases_[i].use.uses;
    return uses;
}

void StaleUses::decide(Case& one) {
    one.decided = true;
    stale_ += one.use.uses;
    one.report = reported_;
    keep_report(one.use);
    tell(one.use);
}

void StaleUses::tell(const StaleUse& use) const {
    if (observer_ != nullptr) observer_->stale_use(use);
}

void StaleUses::close(std::size_t index) {
    if (!cases_[index].decided) late_ += cases_[index].use.uses;
    cases_[index] = cases_[--open_];
}

// A case that is decided needs its place least.
void StaleUses::make_room() {
    const auto end = cases_.begin() + open_;
    auto victim = std::find_if(cases_.begin(), end, [](const Case& one) { return one.decided; });
    if (victim == end) {
        victim = cases_.begin();
        crowded_ += victim->use.uses;
    }
    *victim = cases_[--open_];
}

void StaleUses::keep_report(const StaleUse& use) { reports_[reported_++ % most_cases] = use; }

std::size_t StaleUses::report(std::array<StaleUse, most_cases>& to) const {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(reported_, most_cases));
    for (std::size_t i = 0; i < count; ++i) to[i] = reports_[(reported_ - count + i) % most_cases];
    return count;
}

void StaleUses::reset() {
    const bool on = on_;
    const std::uint64_t grace = grace_;
    Observer* const observer = observer_;
    *this = StaleUses{};
    configure(on, grace, observer);
}

}  // namespace remap::iommu
