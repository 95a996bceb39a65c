// SPDX-License-Identifier: MIT
// Page requests of devices as software takes them out of their queue (VT-d sections 7.4 to 7.6).
#pragma once

#include "iommu/driver/ports.h"
#include "iommu/driver/unit.h"
#include "iommu/paging/table_port.h"
#include "iommu/spec/page_requests.h"

#include <cstdint>
#include <optional>

namespace remap::vtd_driver {

struct PageRequest {
    std::uint16_t source = 0;
    std::optional<std::uint32_t> pasid = {};
    LogicalPage page;
    bool read = false;
    bool write = false;
    bool privileged = false;
    bool last = false;  // of its group, which one answer answers
    std::uint16_t group = 0;
    vtd::page_request::Words words = {};  // as it stood in the queue

    bool is_stop_marker() const { return last && !read && !write; }
};

// The queue, of one page: 127 requests.
class PageRequestQueue {
public:
    PageRequestQueue(RegisterPort& registers, paging::TablePort& tables) : registers_(registers), tables_(tables) {}
    ~PageRequestQueue() = default;  // a queue that was not stopped is leaked rather than freed under the unit
    PageRequestQueue(const PageRequestQueue&) = delete;
    PageRequestQueue& operator=(const PageRequestQueue&) = delete;

    // Gives the unit a queue. No device may ask for pages before, nor after `stop`.
    Error start();
    void stop();

    // The oldest request that was not taken yet; its place is free again.
    std::optional<PageRequest> take();

    // Whether requests were dropped for want of room. It is cleared by this once the queue is empty; then groups of
    // which not all was taken will never be complete: what was dropped has been answered, and is asked anew.
    bool take_overflow();

    // The message that the unit sends when the queue is not empty any more. Clear the condition before taking requests,
    // so that none is missed.
    void enable_event(std::uint64_t message_address, std::uint32_t message_data);
    void clear_event();

private:
    RegisterPort& registers_;
    paging::TablePort& tables_;
    std::optional<PhysicalPage> queue_;
};

}  // namespace remap::vtd_driver
