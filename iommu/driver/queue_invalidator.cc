// SPDX-License-Identifier: MIT
#include "iommu/driver/invalidator.h"
#include "iommu/spec/registers.h"

#include <algorithm>

namespace remap::vtd_driver {

namespace {

vtd::Descriptor descriptor_for(const Forget& one, const Capabilities& capabilities) {
    namespace iotlb = vtd::descriptor::iotlb;
    if (one.interrupts == Forget::Interrupts::All) return vtd::descriptor::make_interrupt_entry_all();
    if (one.interrupts == Forget::Interrupts::Selected)
        return vtd::descriptor::make_interrupt_entry(one.index, one.index_mask);
    if (one.contexts != vtd::ContextGranularity::None)
        return vtd::descriptor::make_context(one.contexts, one.domain, one.source, 0);
    return vtd::descriptor::make_iotlb(
        one.translations, one.domain, one.page.address().value, one.address_mask,
        iotlb::DrainReads::of(capabilities.drains_reads()) | iotlb::DrainWrites::of(capabilities.drains_writes()));
}

}  // namespace

Error QueueInvalidator::run(std::span<const Forget> list) {
    while (!list.empty()) {  // room for the wait and for the one entry that stays free
        const std::span<const Forget> part = list.first(std::min<std::size_t>(list.size(), ring_.entries() - 2));
        for (const Forget& one : part) ring_.put(vtd::descriptor::wide(descriptor_for(one, capabilities_)));
        ring_.put(ring_.next_wait());
        ring_.announce();
        const Error error = ring_.wait();
        if (error == Error::QueueError) recover();
        if (error != Error::None) return error;
        list = list.subspan(part.size());
    }
    return Error::None;
}

// Puts a harmless wait in place of the descriptor the unit stopped at and lets it go on, so that the queue can be used
// again. What the bad descriptor asked for was not done: the caller reports that. At most a queue full of them is bad.
void QueueInvalidator::recover() {
    const unsigned entries = ring_.entries();
    for (unsigned i = 0; i < entries && !ring_.done(); ++i) {
        const std::uint32_t status = ring_.errors();
        if (vtd::fault_status::QueueError::get(status)) {
            const unsigned head = ring_.head();
            const bool is_our_wait = head == (ring_.tail() + entries - 1) % entries;
            ring_.replace(head, is_our_wait ? ring_.last_wait() : ring_.idle_wait());
        }
        ring_.clear_errors(status);
        ring_.announce();  // the unit goes on by itself; QEMU's needs to be told
    }
}

}  // namespace remap::vtd_driver
