// SPDX-License-Identifier: MIT
#include "iommu/driver/wide_queue.h"

#include "iommu/driver/commands.h"
#include "iommu/spec/registers.h"

#include <algorithm>

namespace remap::vtd_driver {

namespace fsts = vtd::fault_status;

void WideQueue::submit(std::span<const vtd::WideDescriptor> list) {
    for (const vtd::WideDescriptor& one : list.first(std::min<std::size_t>(list.size(), most_at_once))) ring_.put(one);
    ring_.put(ring_.next_wait());
    ring_.announce();
}

Error WideQueue::wait() {
    const Error error = ring_.wait();
    return error == Error::QueueError ? recover() : error;
}

Error WideQueue::run(std::span<const vtd::WideDescriptor> list) {
    submit(list);
    return wait();
}

// Section 6.5.2.11. After a time-out the wait that had begun is aborted, so that ours will not be done; after a queue
// error the head is at the bad descriptor, for which a wait is put that does no harm. Then the unit goes on.
Error WideQueue::recover() {
    Error error = Error::None;
    for (unsigned i = 0; i < entries; ++i) {
        const std::uint32_t status = ring_.errors();
        const unsigned head = ring_.head();
        if (fsts::TimeoutError::get(status)) {
            const std::uint64_t whose = registers_.read64(vtd::queue_error::offset);
            silent_device_ = static_cast<std::uint16_t>(vtd::queue_error::TimeoutSource::get(whose));
            error = Error::DeviceTimeout;
        }
        if (fsts::QueueError::get(status)) {
            ring_.replace(head, ring_.idle_wait());
            error = Error::QueueError;
        }
        ring_.clear_errors(status);
        const bool idle = poll([&] { return ring_.head() == ring_.tail() || ring_.done() || ring_.errors() != 0; });
        if (!idle) return Error::Timeout;
        if (ring_.errors() == 0) break;
    }
    return error;
}

}  // namespace remap::vtd_driver
