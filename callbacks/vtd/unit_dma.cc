// SPDX-License-Identifier: MIT
#include "callbacks/vtd/unit_dma.h"

#include <algorithm>

namespace remap::callbacks {

using vtd_driver::Error;

vtd_driver::Error UnitDma::create(std::span<const std::uint16_t> sources) {
    if (sources.empty() || sources.size() > sources_.size()) return Error::OutOfRange;
    std::copy(sources.begin(), sources.end(), sources_.begin());
    count_ = sources.size();
    Error error = Error::None;
    domain_ = unit_.create_domain(error);
    return error;
}

UnitDma::~UnitDma() {
    (void)attach(Attachment::Nothing);
    if (domain_ != nullptr) unit_.destroy_domain(domain_);
}

bool UnitDma::map(LogicalPage first, PhysicalPage to, std::uint64_t pages) {
    const Error error = unit_.map(*domain_, first, to, pages, {});
    if (error != Error::None && error != Error::NoMemory) alarm_("mapping logical pages", error);
    return error == Error::None;
}

void UnitDma::unmap(LogicalPage first, std::uint64_t pages) {
    const Error error = unit_.unmap(*domain_, first, pages);
    if (error != Error::None) alarm_("unmapping logical pages", error);
}

vtd_driver::Error UnitDma::attach(std::uint16_t source, Attachment to) {
    switch (to) {
        case Attachment::Domain: return unit_.attach(source, *domain_);
        case Attachment::Untranslated: return unit_.attach_pass_through(source);
        case Attachment::Nothing: break;
    }
    return unit_.detach(source);
}

bool UnitDma::attach(Attachment to) {
    if (to == attached_) return true;
    for (const std::uint16_t source : sources()) {
        const Error error = attach(source, to);
        if (error == Error::None) continue;
        if (to == Attachment::Nothing) {
            alarm_("taking a device's access away", error);
            continue;
        }
        for (const std::uint16_t undone : sources())
            if (const Error failed = attach(undone, attached_); failed != Error::None)
                alarm_("giving a device its access back", failed);
        return false;
    }
    attached_ = to;
    return true;
}

std::optional<DmaFault> UnitDma::take_fault() {
    // Only what concerns memory: a refused interrupt is no access to a page.
    for (unsigned i = 0; i < FaultInbox::most; ++i) {
        const auto fault = inbox_.take_of(sources());
        if (!fault) return std::nullopt;
        if (!fault->interrupt) return DmaFault{{fault->page.value}, fault->write};
    }
    return std::nullopt;
}

}  // namespace remap::callbacks
